"""Facts, which filters ask: whether they are what the rows say from which they are derived."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from indexer.catalog.facts import Facts
from indexer.catalog.name_parts import NameParts
from indexer.counted import counted
from indexer.doctor.finding import Finding
from indexer.doctor.full_text import is_right
from indexer.store import Store

_NAMES: Final = "the parts of names of files"


def check_facts(store: Store) -> Iterator[Finding]:
    """Facts that are missing, wrong, or made by the rules of another version."""
    with store.catalog.snapshot() as snapshot:
        if not Facts(snapshot).are_of_these_rules():
            problem = "what filters ask of photographs was derived by another version, or cannot be kept"
            yield Finding("facts", problem, "`index()` derives it anew", grave=False)
            return
        wrong = len(Facts(snapshot).wrong())
    if not is_right(store, lambda state: not NameParts(state).is_there() or NameParts(state).are_right()):
        yield Finding("facts", f"{_NAMES} are damaged", "`repair()` makes them anew")
    if wrong:
        yield Finding("facts", f"{_of(wrong)} is missing or wrong", "`repair()` derives it anew")


def mend_facts(store: Store) -> Iterator[Finding]:
    """Derive anew what is missing or wrong. The parts of names first, which follow every change of the others."""
    with store.catalog.snapshot() as snapshot:
        right = NameParts(snapshot).are_right()
    if not right:
        with store.catalog.batch() as batch:
            NameParts(batch).make_all()
        yield Finding("facts", f"{_NAMES} were damaged", "made anew")
    with store.catalog.snapshot() as snapshot:
        wrong = Facts(snapshot).wrong()
    if wrong:
        with store.catalog.batch() as batch:
            Facts(batch).mend(wrong)
        yield Finding("facts", f"{_of(len(wrong))} was missing or wrong", "derived anew")


def _of(count: int) -> str:
    return f"what filters ask of {counted(count, 'photograph')}"
