"""The catalog: whether the database is whole, its rows are what was written, and nothing is missing among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from indexer.catalog.completeness import Completeness
from indexer.catalog.mending import Mending
from indexer.catalog.orphans import Orphans, is_repaired
from indexer.catalog.rows import Rows
from indexer.catalog.schema import content, encoder, exclusion, file, item, meta, photo, root
from indexer.doctor.encoder import witness
from indexer.doctor.finding import Finding
from indexer.store import Store

SAVED: Final = "`repair()` saves what can be read"
_AGAIN: Final = "`index()` reads again what is missing"
#: What a row of each table is, in words, and what is to be done when some are lost.
_ROWS: Final = {
    meta.name: ("values of the whole store", "choices of yours, such as the recall, may be the default ones again"),
    encoder.name: ("records of encoders", "where none is left, `index()` encodes everything again"),
    root.name: ("folders of the index", "`index(FOLDER)` with each folder, and its patterns, brings it back"),
    exclusion.name: ("forgotten paths", "`forget(PATH)` keeps out again what was forgotten"),
    content.name: ("records of contents", _AGAIN),
    photo.name: ("records of what photographs say about themselves", _AGAIN),
    file.name: ("records of files", _AGAIN),
    item.name: ("records of photographs and texts", _AGAIN),
}
#: Those of which a run brings nothing back.
TOLD: Final = (meta.name, encoder.name, root.name, exclusion.name)


def check_structure(store: Store) -> Iterator[Finding]:
    """Whether SQLite can read all of it, and finds it in order."""
    with store.catalog.snapshot() as snapshot:
        broken = snapshot.integrity()
    if broken:
        yield Finding("catalog", f"{store.catalog.url.database} is damaged: {'; '.join(broken[:3])}", SAVED)


def check_rows(store: Store) -> Iterator[Finding]:
    """Rows that are not what was written."""
    with store.catalog.snapshot() as snapshot:
        damaged = Rows(snapshot).damaged()
    for name, numbers in damaged.items():
        what, then = _ROWS[name]
        yield Finding(
            "catalog", f"{len(numbers):,} {what} are not what was written", f"`repair()` lets go of them; {then}"
        )


def check_completeness(store: Store) -> Iterator[Finding]:
    """What is missing."""
    with store.catalog.snapshot() as snapshot:
        gaps = Completeness(snapshot).gaps()
    for problem in gaps:
        yield Finding("catalog", problem, f"`repair()` mends it, and {_AGAIN}")


def mend_rows(store: Store) -> Iterator[Finding]:
    """Let go of damaged rows, mend what is missing, and mark what is to be read again."""
    with store.catalog.snapshot() as snapshot:
        damaged = Rows(snapshot).damaged()
        gaps = [] if damaged else Completeness(snapshot).gaps()  # which are told from rows that are whole
    if not (damaged or gaps):
        return
    with store.catalog.batch() as batch:
        Mending(batch).delete(damaged, witness(store.folder))
        Mending(batch).make_whole(witness(store.folder))
    yield from lost_rows({name: len(numbers) for name, numbers in damaged.items()})
    for problem in gaps:
        yield Finding("catalog", problem, f"mended; {_AGAIN}")


def lost_rows(counts: Mapping[str, int]) -> Iterator[Finding]:
    """What was lost, by table, and what is to be done."""
    for name, count in counts.items():
        what, then = _ROWS[name]
        yield Finding("catalog", f"{count:,} {what} were not what was written", f"let go; {then}")


def check_orphans(store: Store) -> Iterator[Finding]:
    """What nothing leads to any more."""
    with store.catalog.snapshot() as snapshot:
        found = Orphans(snapshot).count()
    remedy = "`compact()` gives it back"
    if is_repaired(store.catalog):
        remedy = "`index()` with no folder named uses it again, or gives it back"  # it may be of files that were lost
    if found.contents or found.texts:
        problem = f"{found.contents + found.texts:,} photographs and texts take room that no file holds any more"
        yield Finding("catalog", problem, remedy, grave=False)
    if found.vectors:
        problem = f"{found.vectors:,} embeddings are of a change of encoder that was not finished"
        yield Finding("catalog", problem, "`index(reencode=True)` goes on with it, `compact()` lets it go", grave=False)
