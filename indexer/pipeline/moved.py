"""Roots that are no longer where they were, though their drive is: moved, or deleted.

A moved one is known by its files: a hundred of them, evenly spread, are looked for where this run looks, by name, size
and time of change; the folder below which nearly all of them lie, by the same relative paths, is where it went. Files
that the store knows at that place already are no sign of a move: they may be the original of a copy that was deleted,
and neither patterns nor exclusions of a copy are theirs.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from indexer.catalog.catalog import Catalog
from indexer.catalog.exclusions import Exclusions
from indexer.catalog.files import Files
from indexer.catalog.moves import Moves
from indexer.catalog.roots import Root, Roots
from indexer.files.ignores import Ignores
from indexer.files.mounts import presence
from indexer.files.scan import walk
from indexer.files.scope import Scope, is_below, nearest, relative
from indexer.progress import Progress
from indexer.settings import DEFAULT_IGNORES
from indexer.storage.looking import is_folder, is_gone
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
    """A root that is gone. `sample`: files looked for, by name, each with size, the times of its change and of its
    status, and relative path; `hidden`: they are marked as gone already."""

    path: str
    sample: dict[bytes, list[tuple[int, int, int | None, bytes]]]
    count: int
    hidden: bool

    @property
    def enough(self) -> float:
        """How many of the sample say where it is."""
        return (ENOUGH_OF_GONE if self.hidden else ENOUGH) * self.count


@dataclass(frozen=True, slots=True)
class _Match:
    """A file, at `path`, like one of a sample, in the walk of `folder`. `place`: where the root is if this is the
    file; `renamed`: the time of its status says so too, which a rename of a folder keeps and no copy has."""

    path: str
    place: str
    folder: str
    renamed: bool


@dataclass(frozen=True, slots=True)
class _Places:
    """Where lost roots went (`moved`), and where else the store knows the files of others (`known`), by their paths."""

    moved: dict[str, str]
    known: dict[str, str]


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
    there = {row.path: Ignores(row.ignores) for row in roots if row not in gone and is_folder(row.path)}
    lost = _sampled(catalog, gone, [row.path for row in roots])
    folders = [*named, *(there if everything or not named else ())]
    places = _judge(catalog, lost, _look_for(lost, folders, set(there), _patterns(gone), progress), there)
    for each in sorted(lost, key=lambda one: one.path):
        place = places.moved.get(each.path)
        if place is not None:
            _follow(catalog, each.path, place, report)
    with catalog.snapshot() as snapshot:
        left = [row for row in Roots(snapshot).all() if row.path in {each.path for each in gone}]
    for row in left:
        count = mark_gone(catalog, row, [each.path for each in roots])
        report.vanished += count
        if count or everything or not named:
            report.warnings.append(_farewell(row.path, places.known.get(row.path)))


def _farewell(path: str, known: str | None) -> str:
    if known is not None:
        return (
            f"{path} is no longer there, and its files are no longer found there. {known}, where the same files were "
            f"indexed before, stays as it was; `forget({path!r})` takes the lost folder out."
        )
    return (
        f"{path} is no longer there, and its files are no longer found. If it was moved, `index(FOLDER)` with its new "
        f"place knows them again; if not, `forget({path!r})` takes it out."
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
    """Delete the roots that are gone and of which no file is left, and their exclusions. Returns their paths."""
    with catalog.batch() as batch:
        roots = Roots(batch).all()
        gone = [row.path for row in roots if presence(row.path, row.mount) == "gone"]
        empty = [path for path in gone if not Moves(batch).sample(path, 1)[0]]
        Roots(batch).delete(empty)
        left = {row.path for row in roots} - set(empty)
        for path in empty:
            if nearest(path, left) is None:
                Exclusions(batch).delete_below(path)
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
        if (root is None or is_mounted(root)) and is_gone(path):
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
            sample: defaultdict[bytes, list[tuple[int, int, int | None, bytes]]] = defaultdict(list)
            for file in files:
                if is_below(file.path, row.path):
                    inner = os.fsencode(relative(file.path, row.path))
                    sample[os.path.basename(inner)].append((file.size, file.mtime_ns, file.ctime_ns, inner))
            if sample:
                lost.append(_Lost(row.path, dict(sample), len(files), hidden))
    return lost


def _look_for(
    lost: Sequence[_Lost], folders: Sequence[str], known: Set[str], patterns: Sequence[str], progress: Progress
) -> dict[str, list[_Match]]:
    """The files below `folders` that are like those of the lost roots, by the paths of these.

    What is marked as gone was looked for in known folders when that was done.
    """
    matches: dict[str, list[_Match]] = {each.path: [] for each in lost}
    for folder in dict.fromkeys(folders):
        sought = [each for each in lost if not (each.hidden and folder in known)]
        if not sought or not is_folder(folder):
            continue
        progress.phase(f"Looking through {folder} for {', '.join(each.path for each in sought)}")
        for path, size, mtime_ns, ctime_ns in walk(Scope(folder, folder), Ignores(patterns), lambda _: None):
            name = os.path.basename(path)
            for each in sought:
                for wanted_size, wanted_time, status_time, inner in each.sample.get(name, ()):
                    if (size, in_64_bits(mtime_ns)) == (wanted_size, wanted_time) and path.endswith(b"/" + inner):
                        place = os.fsdecode(path[: -len(inner) - 1] or b"/")
                        renamed = status_time == in_64_bits(ctime_ns)
                        matches[each.path].append(_Match(os.fsdecode(path), place, folder, renamed))
    return matches


def _judge(
    catalog: Catalog, lost: Sequence[_Lost], matches: Mapping[str, Sequence[_Match]], there: Mapping[str, Ignores]
) -> _Places:
    """What the matches say: those that can be found at their place already vote for no move, and those that the store
    has left out there (gone, ignored, forgotten) only where they were renamed. `there`: patterns of the other roots.
    """
    with catalog.snapshot() as snapshot:
        known = Moves(snapshot).known(list({match.path for found in matches.values() for match in found}))
        excluded = Exclusions(snapshot).all()
    places = _Places({}, {})
    for each in lost:
        held, moved = set(), set()  # of (path, place): two walks may come to one file
        for match in matches[each.path]:
            if known.get(match.path):
                held.add((match.path, match.place))
            elif match.renamed or not (match.path in known or _is_left_out(match, there, excluded)):
                moved.add((match.path, match.place))
        for votes, found in ((moved, places.moved), (held, places.known)):
            for place, count in Counter(place for _, place in votes).most_common(1):
                if count >= each.enough:
                    found[each.path] = place
    return places


def _is_left_out(match: _Match, there: Mapping[str, Ignores], excluded: Sequence[str]) -> bool:
    """Whether a run leaves the file out, though it was not named by itself: it was forgotten, or a pattern says so."""
    if any(match.path == path or is_below(match.path, path) for path in excluded if is_below(path, match.folder)):
        return True
    root = nearest(match.path, there)
    if root is None or not there[root].leaves_out(relative(match.path, root), is_folder=False):
        return False
    return not (is_below(match.folder, root) and there[root].leaves_out(relative(match.folder, root), is_folder=True))


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
