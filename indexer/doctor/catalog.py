"""The catalog: whether the database is whole, its rows are what was written, and nothing is missing among them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from indexer.catalog.completeness import Completeness
from indexer.catalog.mending import Mending
from indexer.catalog.orphans import Orphans, is_repaired
from indexer.catalog.rows import Rows
from indexer.catalog.schema import content, encoder, exclusion, file, item, meta, photo, root, tombstone
from indexer.doctor.encoder import witness
from indexer.doctor.finding import Finding
from indexer.store import Store

SAVED: Final = "`repair()` saves what can be read"
_AGAIN: Final = "`index()` reads again what is missing"
#: What a row of each table is, in words for one and for many, and what is to be done when some are lost.
_ROWS: Final = {
    meta.name: (
        ("value", "values", " of the whole store"),
        "choices of yours, such as the recall, may be the default ones again",
    ),
    encoder.name: (("record", "records", " of encoders"), "where none is left, `index()` encodes everything again"),
    root.name: (
        ("folder", "folders", " of the index"),
        "`index(FOLDER)` with each folder, and its patterns, brings it back",
    ),
    exclusion.name: (("forgotten path", "forgotten paths", ""), "`forget(PATH)` keeps out again what was forgotten"),
    content.name: (("record", "records", " of contents"), _AGAIN),
    photo.name: (("record", "records", " of what photographs say about themselves"), _AGAIN),
    file.name: (("record", "records", " of files"), _AGAIN),
    item.name: (("record", "records", " of photographs and texts"), _AGAIN),
    tombstone.name: (("note", "notes", " of what was deleted"), "the vector indexes are built again without it"),
}
_ENDED: Final = "nothing new can be kept, because the ids of {} are at their end"
#: Those of which a run brings nothing back.
TOLD: Final = (meta.name, encoder.name, root.name, exclusion.name)


def check_structure(store: Store) -> Iterator[Finding]:
    """Whether SQLite can read all of it, and finds it in order."""
    with store.catalog.snapshot() as snapshot:
        broken = snapshot.integrity()
    if broken:
        more = f", and {len(broken) - 1:,} more" if len(broken) > 1 else ""
        yield Finding("catalog", f"{store.catalog.url.database} is damaged ({broken[0]}{more})", SAVED)


def check_rows(store: Store) -> Iterator[Finding]:
    """Rows that are not what was written, and tables that take no new ones."""
    with store.catalog.snapshot() as snapshot:
        damaged, ended = Rows(snapshot).damaged(), snapshot.ids_ended()
    for name, numbers in damaged.items():
        what, is_one = _named(name, len(numbers))
        problem = f"{what} {'is' if is_one else 'are'} not what was written"
        remedy = f"`repair()` lets go of {'it' if is_one else 'them'}; {_ROWS[name][1]}"
        yield Finding("catalog", problem, remedy)
    if ended:
        yield Finding("catalog", _ENDED.format(_tables(ended)), "`repair()` lets them go on from those that are there")


def check_completeness(store: Store) -> Iterator[Finding]:
    """What is missing."""
    with store.catalog.snapshot() as snapshot:
        gaps = Completeness(snapshot).gaps()
    for problem in gaps:
        yield Finding("catalog", problem, f"`repair()` mends it, and {_AGAIN}")


def mend_rows(store: Store) -> Iterator[Finding]:
    """Let go of damaged rows, mend what is missing, and mark what is to be read again."""
    with store.catalog.snapshot() as snapshot:
        damaged, ended = Rows(snapshot).damaged(), snapshot.ids_ended()
        gaps = [] if damaged else Completeness(snapshot).gaps()  # which are told from rows that are whole
    if not (damaged or gaps or ended):
        return
    with store.catalog.batch() as batch:
        Mending(batch).delete(damaged, witness(store.folder))
        Mending(batch).make_whole(witness(store.folder))
    yield from lost_rows({name: len(numbers) for name, numbers in damaged.items()})
    if ended:
        yield Finding("catalog", _ENDED.format(_tables(ended)), "mended; they go on from those that are there")
    for problem in gaps:
        yield Finding("catalog", problem, f"mended; {_AGAIN}")


def _tables(names: Sequence[str]) -> str:
    return ", ".join("".join(_ROWS[name][0][1:]) if name in _ROWS else name for name in names)


def lost_rows(counts: Mapping[str, int], uncounted: Collection[str] = ()) -> Iterator[Finding]:
    """What was lost, by table, and what is to be done. `uncounted`: the tables of which nobody can say how much."""
    for name, count in counts.items():
        what, is_one = _named(name, count)
        problem = f"{what} {'was' if is_one else 'were'} not what was written"
        if name in uncounted:
            (_, many, of), _ = _ROWS[name]
            problem = f"an unknown number of {many}{of} may be lost"
        yield Finding("catalog", problem, f"{'' if name in uncounted else 'let go; '}{_ROWS[name][1]}")


def made_again(paths: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """What the index of a table named, and the table had lost, by table."""
    for path in paths.get(root.name, ()):
        remedy = f"the default ones take their place until `index({path!r}, ignores=('PATTERN',))` adds its own"
        yield Finding("catalog", f"the patterns of {path}, by which it leaves files out, were lost", remedy)
    found = paths.get(exclusion.name, ())
    if found:
        what, is_one = _named(exclusion.name, len(found))
        first = f": {found[0]}" if is_one else f" (first: {found[0]})"
        problem = f"{what} {'was' if is_one else 'were'} lost from the table{first}"
        yield Finding(
            "catalog", problem, f"written again, as the index of the table names {'it' if is_one else 'them'}"
        )


def _named(name: str, count: int) -> tuple[str, bool]:
    """So many rows of a table, in words, and whether it is one."""
    (one, many, of), _ = _ROWS[name]
    return f"{count:,} {one if count == 1 else many}{of}", count == 1


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
