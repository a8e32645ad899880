"""The files of a plan, where other runs may be reading the same folders: each is read by one of them.

A run goes through its files in windows, in their order. It claims what of a window nobody has in hand, and leaves out
what others have read since it looked. When it has written all of its own, it waits for those that others have in hand,
and takes over what is left by one that is gone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Final

from indexer.catalog.writers import Writers
from indexer.pipeline.plan import Planner, RootPlan
from indexer.pipeline.since import Since
from indexer.progress import Progress
from indexer.side_by_side import SideBySide
from indexer.storage.looking import candidate_at
from indexer.types import Candidate, Report

#: Files that are claimed together: a second or two of work, so that those who end together end together.
WINDOW: Final = 128
#: Seconds between two looks at what others have in hand.
PAUSE: Final = 0.1


class SharedWork:
    """One run's share of it."""

    def __init__(self, planner: Planner, writers: Writers, progress: Progress) -> None:
        self._planner, self._writers, self._progress = planner, writers, progress
        self._passed = 0
        #: Files that others have read, or had in hand.
        self.elsewhere = 0

    def mine(self, candidates: Iterable[Candidate], since: Since) -> Iterator[Candidate]:
        """Those of `candidates`, in their order, that are this run's to read. `since`: when they were planned."""
        left = iter(candidates)
        while window := list(islice(left, WINDOW)):
            taken = self._writers.take([each.path for each in window])
            mine = self._still_to_read([each for each in window if each.path in taken], since)
            self._passed += len(window) - len(mine)
            yield from mine

    def left(self, plan: RootPlan) -> list[Candidate]:
        """Files below the plan's folder that runs had in hand which are gone: now this run's to read, which has written
        all of its own. Waits while others have files in hand there; none: everything is read."""
        told = False
        while True:
            files = self._there(self._writers.take_over(plan.folder, WINDOW))
            if files:
                self.elsewhere = max(self.elsewhere - len(files), 0)
                return files
            if not self._writers.others_hold(plan.folder):
                return []
            if not told:
                self._progress.phase(f"Waiting for other runs that have files of {plan.folder} in hand")
                told = True
            time.sleep(PAUSE)

    def keep(self) -> None:
        """Say that this run is at work, and of the files that others read that they need not be waited for; called with
        each file."""
        self._writers.keep()
        passed, self._passed = self._passed, 0
        if passed:
            self.elsewhere += passed
            self._progress.advance(passed)

    def _there(self, paths: Sequence[str]) -> list[Candidate]:
        """Of these, files that are there and still to be read; claims of the others are given up."""
        found: list[Candidate] = []
        gone: list[str] = []
        for path in paths:
            try:
                found.append(candidate_at(path))
            except (OSError, ValueError):
                gone.append(path)  # the next scan says so
        self._writers.leave(gone)
        return self._still_to_read(found, None)

    def _still_to_read(self, files: list[Candidate], since: Since | None) -> list[Candidate]:
        """Without those that others have read."""
        if not files or (since is not None and not since.others_wrote()):
            return files
        still = self._planner.still_to_read(files)
        self._writers.leave([each.path for each in files if each.path not in still])
        return [each for each in files if each.path in still]


@contextmanager
def ending(beside: SideBySide | None, shared: SharedWork | None, progress: Progress, report: Report) -> Iterator[bool]:
    """At the end of a run: whether it is alone, so that what all have brought is for it to settle. The report says what
    others did, and are to do."""
    if beside is None:
        yield True
        return
    if shared is not None and shared.elsewhere:
        report.warnings.append(
            f"{shared.elsewhere:,} files were read by other runs, at work on this index at the same time."
        )
    with beside.end(lambda: progress.phase("Waiting for another run that ends")) as alone:
        if not alone:
            report.warnings.append(
                "Other runs are still at work on this index; the last of them builds the vector indexes and reads "
                "again the captions that were there before their photographs."
            )
        yield alone
