"""Words that say what is not to be there: an encoder hardly reads them, so it is said what leaves something out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import dropwhile, takewhile
from typing import Final

from search.query.punctuation import without_punctuation
from search.query.quoting import quoted, quoted_where_needed
from search.query.stop_words import GRAMMAR
from search.query.terms import Term

_NEGATION: Final = re.compile(
    r"(?:(?P<wanted>\S.*)\s)?(?P<said>without)\s(?P<rest>.+)|(?P<no>no|not)\s(?P<after>.+)", re.I
)


def said_of_negation(terms: Sequence[Term]) -> str | None:
    """A sentence about "X without Y", and "no Y" at the beginning, of words that are added, none of them in quotation
    marks; None where they say nothing of the kind."""
    for at, term in enumerate(terms):
        if term.weight < 0 or term.text is None or any(part.exact for part in term.words):
            continue
        found = _NEGATION.fullmatch(without_punctuation(term.text).removesuffix("."))
        if found is None or (found["no"] and at):
            continue
        behind = list(dropwhile(_is_grammar, (found["rest"] or found["after"]).split()))
        left_out = list(takewhile(lambda word: not _is_grammar(word), behind))
        if left_out:
            others = [*(found["wanted"] or "").split(), *behind[len(left_out) :]]
            wanted = " ".join(dropwhile(_is_grammar, others)) or "photo"
            less = quoted(" ".join(left_out)) if len(left_out) > 1 else quoted_where_needed(left_out[0])
            return f'"{found["said"] or found["no"]}" is hardly read; to leave something out write {wanted} -{less}.'
    return None


def _is_grammar(word: str) -> bool:
    return word.casefold() in GRAMMAR
