"""Roots that are no longer where they were, though their drive is: moved, or deleted.

A moved one is known by its files: a hundred of them, evenly spread, are looked for where this run looks, by name, size
and time of change; the folder below which nearly all of them lie, by the same relative paths, is where it went.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from indexer.catalog.catalog import Catalog
from indexer.catalog.files import Files
from indexer.catalog.moves import Moves
from indexer.catalog.roots import Root, Roots
from indexer.files.ignores import Ignores
from indexer.files.mounts import presence
from indexer.files.scan import walk
from indexer.files.scope import Scope, is_below, nearest, relative
from indexer.progress import Progress
from indexer.settings import DEFAULT_IGNORES
from indexer.types import Report, in_64_bits

#: Files of a root that are looked for; and the share of them that has to be found. Of a root whose files are marked as
#: gone some were deleted before it went, so half is enough.
SAMPLE: Final = 100
ENOUGH: Final = 0.9
ENOUGH_OF_GONE: Final = 0.5
#: Rows of one transaction.
_ROWS: Final = 5_000


@dataclass(frozen=True, slots=True)
class _Lost:
    """A root that is gone. `sample`: files looked for, by name, each with size, time of change and relative path;
    `hidden`: they are marked as gone already."""

    path: str
    sample: dict[bytes, list[tuple[int, int, bytes]]]
    count: int
    hidden: bool


def settle_lost_roots(
    catalog: Catalog, named: Sequence[str], progress: Progress, report: Report, *, everything: bool = False
) -> None:
    """Let what is known of moved roots follow them, and mark the files of deleted ones as gone.

    `named`: where the run is going to look, absolute; nothing stands for all roots, and `everything` for them too.
    Nothing is looked at twice as long as no root is lost. What happened is said in the report's warnings.
    """
    with catalog.snapshot() as snapshot:
        roots = Roots(snapshot).all()
    gone = [row for row in roots if presence(row.path, row.mount) == "gone"]
    if not gone:
        return
    there = [row.path for row in roots if row not in gone and os.path.isdir(row.path)]
    lost = _sampled(catalog, gone, [row.path for row in roots])
    folders = [*named, *(there if everything or not named else ())]
    places = _look_for(lost, folders, set(there), _patterns(gone), progress)
    for each in sorted(lost, key=lambda one: one.path):
        place = places.get(each.path)
        if place is not None:
            _follow(catalog, each.path, place, report)
    with catalog.snapshot() as snapshot:
        left = [row for row in Roots(snapshot).all() if row.path in {each.path for each in gone}]
    for row in left:
        count = mark_gone(catalog, row, [each.path for each in roots])
        report.vanished += count
        if count or everything or not named:
            report.warnings.append(
                f"{row.path} is no longer there, and its files are no longer found. If it was moved, "
                f"`index(FOLDER)` with its new place knows them again; if not, `forget({row.path!r})` takes it out."
            )


def mark_gone(catalog: Catalog, lost: Root, roots: Iterable[str]) -> int:
    """Mark the files of a root that is gone, but for those of other roots in it. Returns how many were not yet."""
    with catalog.snapshot() as snapshot:
        ids = Moves(snapshot).present(lost.path, _inner(lost, roots))
    for start in range(0, len(ids), _ROWS):
        with catalog.batch() as batch:
            Files(batch).mark_vanished(ids[start : start + _ROWS])
    return len(ids)


def forget_lost_roots(catalog: Catalog) -> list[str]:
    """Delete the roots that are gone and of which no file is left. Returns their paths."""
    with catalog.batch() as batch:
        gone = [row.path for row in Roots(batch).all() if presence(row.path, row.mount) == "gone"]
        empty = [path for path in gone if not Moves(batch).sample(path, 1)[0]]
        Roots(batch).delete(empty)
    return empty


def mark_moved_copies(catalog: Catalog, content_ids: Sequence[int]) -> int:
    """Mark the files that are gone among those that hold photographs which were found at another place.

    So that a part of a root that was moved out of it is not found twice, whether or not this run looks there. Returns
    how many there are.
    """
    with catalog.snapshot() as snapshot:
        roots = {row.path: row.mount for row in Roots(snapshot).all()}
        found = list(Moves(snapshot).with_content(content_ids))

    @lru_cache
    def is_mounted(root: str) -> bool:
        return presence(root, roots[root]) != "unmounted"

    gone = []
    for number, path in found:
        root = path if path in roots else nearest(path, roots)
        if not os.path.lexists(path) and (root is None or is_mounted(root)):
            gone.append(number)
    for start in range(0, len(gone), _ROWS):
        with catalog.batch() as batch:
            Files(batch).mark_vanished(gone[start : start + _ROWS])
    return len(gone)


def _inner(lost: Root, roots: Iterable[str]) -> list[str]:
    """The other roots inside it."""
    return [path for path in roots if path != lost.path and is_below(path, lost.path)]


def _sampled(catalog: Catalog, gone: Sequence[Root], roots: Sequence[str]) -> list[_Lost]:
    lost = []
    with catalog.snapshot() as snapshot:
        for row in gone:
            files, hidden = Moves(snapshot).sample(row.path, SAMPLE, _inner(row, roots))
            sample: defaultdict[bytes, list[tuple[int, int, bytes]]] = defaultdict(list)
            for file in files:
                if is_below(file.path, row.path):
                    inner = os.fsencode(relative(file.path, row.path))
                    sample[os.path.basename(inner)].append((file.size, file.mtime_ns, inner))
            if sample:
                lost.append(_Lost(row.path, dict(sample), len(files), hidden))
    return lost


def _look_for(
    lost: Sequence[_Lost], folders: Sequence[str], known: set[str], patterns: Sequence[str], progress: Progress
) -> dict[str, str]:
    """Where each of the lost roots went, as far as `folders` show it.

    What is marked as gone was looked for in known folders when that was done.
    """
    votes: dict[str, Counter[bytes]] = {each.path: Counter() for each in lost}
    for folder in dict.fromkeys(folders):
        sought = [each for each in lost if not (each.hidden and folder in known)]
        if not sought or not os.path.isdir(folder):
            continue
        progress.phase(f"Looking through {folder} for {', '.join(each.path for each in sought)}")
        for path, size, mtime_ns, _ in walk(Scope(folder, folder), Ignores(patterns), lambda _: None):
            name = os.path.basename(path)
            for each in sought:
                for wanted_size, wanted_time, inner in each.sample.get(name, ()):
                    if (size, in_64_bits(mtime_ns)) == (wanted_size, wanted_time) and path.endswith(b"/" + inner):
                        votes[each.path][path[: -len(inner) - 1] or b"/"] += 1
    places = {}
    for each in lost:
        best = votes[each.path].most_common(1)
        share = ENOUGH_OF_GONE if each.hidden else ENOUGH
        if best and best[0][1] >= share * each.count:
            places[each.path] = os.fsdecode(best[0][0])
    return places


def _patterns(gone: Iterable[Root]) -> Sequence[str]:
    """What need not be looked through: what none of the lost roots would hold."""
    return [pattern for pattern in DEFAULT_IGNORES if all(pattern in row.ignores for row in gone)]


def _follow(catalog: Catalog, old: str, new: str, report: Report) -> None:
    """Nothing where another root, in which it lay, has taken it along."""
    with catalog.batch() as batch:
        before = {row.path: row.ignores for row in Roots(batch).all()}
        if old not in before:
            return
        count = Moves(batch).move(old, new)
        after = {row.path: row.ignores for row in Roots(batch).all()}
        around = nearest(new, after)
        if around is not None and after[around] == after[new]:
            Roots(batch).delete([new])  # a part of that root, as if it had lain there always
    report.warnings.append(
        f"{old} has moved to {new}; its {count:,} files are known there, and nothing is encoded again."
    )
