"""The table of words: whether it is what the rows say from which it is derived."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from indexer.catalog import derived
from indexer.catalog.words import Words
from indexer.doctor.finding import Finding
from indexer.doctor.full_text import is_right
from indexer.store import Store

_PROBLEM: Final = "the words of captions, keywords, names and places are damaged"


def check_words(store: Store) -> Iterator[Finding]:
    """Words that are missing, wrong, or kept by the rules of another version."""
    with store.catalog.snapshot() as snapshot:
        known = Words(snapshot).are_of_these_rules()
    if not known:
        problem = "words were kept by another version, or cannot be kept"
        yield Finding("words", problem, "`index()` keeps them anew", grave=False)
    elif not is_right(store, lambda state: Words(state).are_right()):
        yield Finding("words", _PROBLEM, "`repair()` makes them anew")


def mend_words(store: Store) -> Iterator[Finding]:
    """Make them anew where they are not right."""
    with store.catalog.snapshot() as snapshot:
        right = Words(snapshot).are_right()
    if not right:
        with store.catalog.batch() as batch:
            derived.make_words(batch)
        yield Finding("words", _PROBLEM.replace(" are ", " were "), "made anew")
