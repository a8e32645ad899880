"""What a run has to do: which roots, and of each what to read, what is gone and what is back.

The scan of a root is over before the first file is read, so that a bar can show the time left. It remembers the files
to read while they are few; where they are many the root is scanned a second time, and memory stays the same for any
size of collection.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field

from indexer.catalog.catalog import Catalog
from indexer.catalog.files import files_below
from indexer.catalog.roots import Roots
from indexer.errors import PathNotFoundError, UsageError
from indexer.files.diff import Comparison, Gone, Returned, ToRead
from indexer.files.scan import Found, walk
from indexer.settings import IndexSettings
from indexer.store import Store
from indexer.types import Candidate, Failure

#: Files to read that are remembered from the scan that counts them: some 10 MB. Where there are more, finding them a
#: second time costs little beside reading them.
REMEMBERED = 50_000


@dataclass(slots=True)
class RootPlan:
    """What one scan of a root found. `to_read`: how many files there are to read, of which the first are `candidates`;
    `returned`, `gone`: row ids, eight bytes each, however many."""

    folder: str
    ignores: Sequence[str]
    to_read: int = 0
    candidates: list[Candidate] = field(default_factory=list)
    returned: array[int] = field(default_factory=lambda: array("q"))
    gone: array[int] = field(default_factory=lambda: array("q"))
    unchanged: int = 0
    unreadable: list[Failure] = field(default_factory=list)


def choose_roots(
    catalog: Catalog, roots: Sequence[str], given: tuple[str, ...], *, everything: bool, warn: Callable[[str], None]
) -> list[tuple[str, tuple[str, ...]]]:
    """Folders with their ignore patterns: the named `roots`, and with `everything` those that the store knows.

    `given`: the patterns of this run. Raises PathNotFoundError, UsageError when there is nothing to index.
    """
    with catalog.snapshot() as snapshot:
        known = {row.path: row.ignores for row in Roots(snapshot).all()}
    if not roots and not known:
        raise UsageError("Name a folder to index; this store has none yet.")
    named = [os.path.abspath(os.path.expanduser(root)) for root in roots]
    paths = list(dict.fromkeys([*named, *(known if everything or not named else ())]))
    present = []
    for path in paths:
        if os.path.exists(path):
            present.append(path)
        elif path in named:
            raise PathNotFoundError(f"{path} is not there; check the spelling, or whether its drive is mounted.")
        else:
            warn(f"{path} is not there (an unmounted drive?); what is indexed is kept.")
    with catalog.batch() as batch:
        for path in present:
            Roots(batch).add(path, given if path not in known or given != IndexSettings().ignores else None)
    with catalog.snapshot() as snapshot:
        ignores = {row.path: row.ignores for row in Roots(snapshot).all()}
    return [(path, ignores[path]) for path in present]


class Planner:
    """Compares folders with what a store knows of them under one encoder. `tokens`: see `files_below`."""

    def __init__(self, store: Store, encoder_row: int, *, tokens: bool) -> None:
        self._store = store
        self._encoder_row = encoder_row
        self._tokens = tokens

    def plan(self, folder: str, ignores: Sequence[str]) -> RootPlan:
        """Scan a root."""
        plan = RootPlan(folder, ignores)
        hidden: set[str] = set()

        def report_error(failure: Failure) -> None:
            plan.unreadable.append(failure)
            hidden.add(failure.path)

        comparison = self._compare(folder, ignores, report_error)
        for difference in comparison:
            match difference:
                case ToRead(candidate):
                    plan.to_read += 1
                    if plan.to_read <= REMEMBERED:
                        plan.candidates.append(candidate)
                case Returned(row):
                    plan.returned.append(row.id)
                case Gone(row):
                    if not _is_hidden(row.path, hidden):
                        plan.gone.append(row.id)
        plan.unchanged = comparison.unchanged + len(plan.returned)
        return plan

    def candidates(self, plan: RootPlan) -> Iterable[Candidate]:
        """All the files to read, in the order of their paths; where they are many they are found a second time."""
        if plan.to_read <= REMEMBERED:
            return plan.candidates
        again = self._compare(plan.folder, plan.ignores, lambda _: None)
        return (one.candidate for one in again if isinstance(one, ToRead))

    def _compare(self, folder: str, ignores: Sequence[str], report_error: Callable[[Failure], None]) -> Comparison:
        own = os.fsencode(self._store.folder) + os.fsencode(os.sep)
        found: Iterator[Found] = walk(folder, ignores, report_error)
        if own.startswith(os.fsencode(folder)):  # the store may lie among the photographs
            found = (one for one in found if not one[0].startswith(own))
        return Comparison(found, files_below(self._store.catalog, folder, self._encoder_row, tokens=self._tokens))


def _is_hidden(path: str, unreadable: Set[str]) -> bool:
    """Whether the scan could not look at `path`; it has reported whatever hides it by the time it has passed it."""
    while unreadable and path not in unreadable:
        above = os.path.dirname(path)
        if above == path:
            return False
        path = above
    return bool(unreadable)
