"""Whether a line that an encoder of English cannot read is one of another language, and not of slips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from indexer.encoders.coverage import words_of
from indexer.encoders.slips import is_clear
from search.query.stop_words import GRAMMAR

#: Shorter words are read by every encoder, and may be grammar of any language: "im", "la".
_SHORTEST = 4
#: Grammar of other languages that is no English word.
_ARTICLES = frozenset(
    (
        *("das", "dem", "der", "ein", "eine", "einem", "einen", "einer", "im", "mit", "auf", "und"),
        *("beim", "für", "ohne", "über", "unter", "vom", "zum", "zur", "zwei", "zwischen"),
        *("avec", "aux", "chez", "dans", "des", "du", "et", "la", "le", "les", "sous", "sur", "un", "une"),
        *("con", "del", "el", "en", "las", "los", "della", "di", "gli", "il", "nel", "com", "em", "um", "uma"),
        *("alla", "nella", "sulla", "na", "een", "het", "och", "på"),
    )
)
#: The same that English has, too, in other places: "am Strand", "in the den", "a van".
_OF_BOTH = frozenset(("am", "au", "den", "van", "von"))


def is_foreign(text: str, unread: Sequence[str], suggested: Mapping[str, str]) -> bool:
    """Whether words of `text` are not read beside grammar of another language (of what English has, too, next to it,
    and between two words that are no English grammar and no numbers); or several in a row are not, short words between
    them that are no English grammar, most of these are no clear slips, and they are half of the line at least.
    `suggested`: what may have been meant by some."""
    told = frozenset(word for word in unread if word.casefold() not in GRAMMAR)
    words = [(word, word.casefold() in GRAMMAR) for word in words_of(text)]
    if any(word.casefold() in _ARTICLES for word, _ in words) and told - _ARTICLES:
        return True
    for before, (between, _), behind in zip(words, words[1:], words[2:], strict=False):
        beside = {before[0], behind[0]}
        if between.casefold() in _OF_BOTH and beside & told and not (before[1] or behind[1]) and not _has_digit(beside):
            return True
    content = sum(not is_grammar for _, is_grammar in words)
    looked_at = [word for word, is_grammar in words if word in told or is_grammar or len(word) >= _SHORTEST]
    for is_unread, run in groupby(looked_at, told.__contains__):
        row = list(dict.fromkeys(run)) if is_unread else []
        slips = sum(word in suggested and is_clear(word, suggested[word]) for word in row)
        if len(row) > 1 and 2 * slips <= len(row) and 2 * len(row) >= content:
            return True
    return False


def _has_digit(words: Iterable[str]) -> bool:
    return any(letter.isdigit() for word in words for letter in word)
