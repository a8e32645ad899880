"""What a run has to do in one root: what to read, what is gone, what is left out and what is back.

The scan of a root is over before the first file is read, so that a bar can show the time left. It remembers the files
to read while they are few; where they are many the root is scanned a second time, and memory stays the same for any
size of collection.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field

from indexer.catalog.known_files import KnownFile, KnownFiles, files_below
from indexer.catalog.schema import IGNORED
from indexer.files.diff import Comparison, Gone, Returned, ToRead, Untimed
from indexer.files.ignores import Ignores
from indexer.files.scan import walk
from indexer.files.scope import Scope, is_below, relative
from indexer.pipeline.choose import Chosen
from indexer.store import Store
from indexer.types import Candidate, Failure

#: Files to read that are remembered from the scan that counts them: some 10 MB. Where there are more, finding them a
#: second time costs little beside reading them.
REMEMBERED = 50_000


@dataclass(slots=True)
class RootPlan:
    """What one scan found. `to_read`: how many files there are to read, of which the first are `candidates`;
    `returned`, `gone`, `ignored`, `readable`, `untimed` (with their `ctimes`): row ids, eight bytes each, however many.
    `ignored`: what is no longer found because patterns leave it out now. `readable`: folders that could not be looked
    into before. `idle`: the given patterns that matched nothing. `notes`: sentences that a person is to read."""

    chosen: Chosen
    to_read: int = 0
    candidates: list[Candidate] = field(default_factory=list)
    returned: array[int] = field(default_factory=lambda: array("q"))
    untimed: array[int] = field(default_factory=lambda: array("q"))
    ctimes: array[int] = field(default_factory=lambda: array("q"))
    gone: array[int] = field(default_factory=lambda: array("q"))
    ignored: array[int] = field(default_factory=lambda: array("q"))
    readable: array[int] = field(default_factory=lambda: array("q"))
    unchanged: int = 0
    unreadable: list[Failure] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def folder(self) -> str:
        """Where the scan began: a root, or a part of one."""
        return self.chosen.scope.top


class Planner:
    """Compares folders with what a store knows of them under one encoder. `tokens`: see `files_below`; `verify`: see
    `Comparison`."""

    def __init__(self, store: Store, encoder_row: int, *, tokens: bool, verify: bool = False) -> None:
        self._store = store
        self._encoder_row = encoder_row
        self._tokens = tokens
        self._verify = verify

    def plan(self, chosen: Chosen) -> RootPlan:
        """Scan a root, or a part of one."""
        plan = RootPlan(chosen)
        ignores = Ignores(chosen.patterns, chosen.given)
        hidden: set[str] = set()

        def report_error(failure: Failure) -> None:
            plan.unreadable.append(failure)
            hidden.add(failure.path)

        comparison = self._compare(chosen.scope, ignores, report_error, plan.notes.append)
        for difference in comparison:
            match difference:
                case ToRead(candidate):
                    plan.to_read += 1
                    if plan.to_read <= REMEMBERED:
                        plan.candidates.append(candidate)
                case Returned(row):
                    plan.returned.append(row.id)
                case Untimed(row, ctime_ns):
                    plan.untimed.append(row.id)
                    plan.ctimes.append(ctime_ns)
                case Gone(row):
                    self._judge(plan, row, ignores, hidden)
        plan.unchanged = comparison.unchanged + len(plan.returned)
        plan.idle = ignores.unmatched
        return plan

    def _judge(self, plan: RootPlan, row: KnownFile, ignores: Ignores, hidden: Set[str]) -> None:
        """Why the scan did not find a file that is known."""
        root = plan.chosen.scope.root
        if row.role == "folder":
            if row.path not in hidden:
                plan.readable.append(row.id)
        elif is_below(row.path, plan.folder) and ignores.leaves_out(relative(row.path, root), is_folder=False):
            if row.state != IGNORED:
                plan.ignored.append(row.id)
        elif not _is_hidden(row.path, hidden):
            plan.gone.append(row.id)

    def candidates(self, plan: RootPlan) -> Iterable[Candidate]:
        """All the files to read, in the order of their paths; where they are many they are found a second time."""
        if plan.to_read <= REMEMBERED:
            return plan.candidates
        again = self._compare(plan.chosen.scope, Ignores(plan.chosen.patterns), lambda _: None)
        return (one.candidate for one in again if isinstance(one, ToRead))

    def still_to_read(self, files: Sequence[Candidate]) -> set[str]:
        """The paths of those that are to be read as the catalog is now: others may have read some."""
        with self._store.catalog.snapshot() as snapshot:
            known = KnownFiles(snapshot).at([each.path for each in files], self._encoder_row, tokens=self._tokens)
        found = sorted((os.fsencode(each.path), each.size, each.mtime_ns, each.ctime_ns or 0) for each in files)
        paths: set[str] = set()
        for one in Comparison(found, known, verify=self._verify):
            match one:
                case ToRead(candidate):
                    paths.add(candidate.path)
                case Returned(row):
                    paths.add(row.path)
        return paths

    def _compare(
        self,
        scope: Scope,
        ignores: Ignores,
        report_error: Callable[[Failure], None],
        note: Callable[[str], None] = lambda _: None,
    ) -> Comparison:
        known = files_below(self._store.catalog, scope.top, self._encoder_row, tokens=self._tokens)
        found = walk(scope, ignores, report_error, note)
        return Comparison(found, scope.owned(known), verify=self._verify)


def _is_hidden(path: str, unreadable: Set[str]) -> bool:
    """Whether the scan could not look at `path`; it has reported whatever hides it by the time it has passed it."""
    while unreadable and path not in unreadable:
        above = os.path.dirname(path)
        if above == path:
            return False
        path = above
    return bool(unreadable)
