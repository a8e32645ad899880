"""Words that say what is not to be there: an encoder hardly reads them, so it is said what leaves something out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import dropwhile
from typing import Final

from search.query.negating_words import NEGATING, NOBODY
from search.query.punctuation import without_punctuation
from search.query.quoting import quoted, quoted_where_needed
from search.query.stop_words import GRAMMAR
from search.query.terms import Term

#: What stands between such a word and the thing: "no visible people", "a man not wearing a hat", "no sign of a dog".
_BETWEEN: Final = frozenset(
    ("carrying", "containing", "holding", "including", "other", "showing", "single", "visible", "wearing")
)
_SIGN_OF: Final = frozenset(["sign", "signs", "trace", "traces"])
#: Signs and sayings, which a photograph may show as they stand: "no parking", "not only", "forget me not", "no 5".
_SAYING: Final = re.compile(
    r"no (?:\d|(?:access|camping|diving|dumping|entry|exit|fishing|hunting|littering|loitering|longer|man's|matter|"
    r"more|name|one|parking|photography|skateboarding|smoking|standing|stopping|swimming|through|trespassing|turn|u-turn|"
    r"vacancy)\b)|not (?:even|just|necessarily|only|to|yet)\b|sans serif\b"
)
_BEFORE_SAYING: Final = frozenset(["can", "comic", "did", "do", "does", "may", "me", "must", "shall", "should"])
#: A phrase with one of these says what a sign says: "no dogs allowed".
_OF_SIGNS: Final = frozenset(["allowed", "permitted", "please", "sign", "signs", "symbol", "zone"])


@dataclass(slots=True)
class _Read:
    """What words say. `said`: the word that takes away, as it is typed, empty where there is none."""

    wanted: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    said: str = ""


def said_of_negation(terms: Sequence[Term]) -> str | None:
    """A sentence about "X without Y", "X with no Y", "no Y" and the like, of words that are added, none of them in
    quotation marks; None where they say nothing of the kind."""
    for term in terms:
        if term.weight < 0 or term.text is None or any(part.exact for part in term.words):
            continue
        read = _read(without_punctuation(term.text).removesuffix(".").split())
        if not read.left_out:
            continue
        others = [str(other) for other in terms if other is not term and other.weight > 0]
        wanted = " ".join(dropwhile(_is_grammar, read.wanted)) or " ".join(others[:1]) or "photo"
        less = " ".join(f"-{_as_written(each)}" for each in read.left_out)
        return f'"{read.said}" is hardly read; to leave something out write {wanted} {less}.'
    return None


def _read(words: Sequence[str]) -> _Read:
    found = _Read()
    folded = [word.casefold().replace("’", "'") for word in words]
    at = 0
    while at < len(words):
        is_nobody = folded[at:] == ["no", "one"] or (at == len(words) - 1 and folded[at] in NOBODY)
        begin, end = (at, len(words)) if is_nobody else _phrase(folded, at)
        if begin == end:
            found.wanted.append(words[at])
            at += 1
            continue
        while found.wanted and _is_grammar(found.wanted[-1]):  # "a beach with", "a dog that is"
            found.wanted.pop()
        found.said = found.said or (" ".join(words[at:]) if is_nobody else words[at])
        found.left_out.append("people" if is_nobody else " ".join(words[begin:end]))
        at = end
        while at + 1 < len(words) and folded[at] in ("and", "or", "nor") and not _ends(folded[at + 1]):
            begin, at = at + 1, _end(folded, at + 1)
            found.left_out.append(" ".join(words[begin:at]))
    return found


def _phrase(words: Sequence[str], at: int) -> tuple[int, int]:
    """Where what is not wanted begins and ends, by the word at `at`; nowhere (`at`, `at`) where that says no such
    thing."""
    before = words[at - 1] if at else ""
    if words[at] not in NEGATING or _SAYING.match(" ".join(words[at : at + 2])):
        return at, at
    if words[at] in ("not", "sans") and before in _BEFORE_SAYING:
        return at, at
    begin = at + 1
    while begin < len(words) and (
        (words[begin] in GRAMMAR and words[begin] not in NEGATING)
        or words[begin] in _BETWEEN
        or (words[begin] in _SIGN_OF and words[begin + 1 : begin + 2] == ["of"])
    ):
        begin += 1
    end = _end(words, begin)
    if begin == end or (words[at] == "no" and not _OF_SIGNS.isdisjoint(words[begin:end])):
        return at, at
    return begin, end


def _end(words: Sequence[str], begin: int) -> int:
    """Where the words of a thing end that begin at `begin`."""
    return next((at for at in range(begin, len(words)) if _ends(words[at])), len(words))


def _ends(word: str) -> bool:
    return word in GRAMMAR or word in NEGATING


def _is_grammar(word: str) -> bool:
    return word.casefold() in GRAMMAR


def _as_written(text: str) -> str:
    return quoted(text) if " " in text else quoted_where_needed(text)
