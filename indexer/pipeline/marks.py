"""What a scan says of files that need no reading: back, gone, left out, not to be looked at."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from indexer.catalog.catalog import Catalog
from indexer.catalog.files import FileFailure, Files
from indexer.catalog.roots import Roots
from indexer.files.mounts import is_mount, is_own_drive
from indexer.pipeline.plan import RootPlan
from indexer.types import Candidate, Report

#: Rows of one transaction.
ROWS_A_BATCH = 5_000


class Marks:
    """Writes what one plan says of such files, and counts them in a report."""

    def __init__(self, catalog: Catalog, report: Report, plan: RootPlan) -> None:
        self._catalog = catalog
        self._report = report
        self._plan = plan

    def before_reading(self) -> None:
        """What is back, and folders that could not be looked into."""
        self._unreadable()
        self._returned()
        self._untimed()

    def after_reading(self) -> None:
        """What is gone, and what patterns leave out now: a file that moved was found at its new place by then."""
        self._gone()
        self._ignored()

    def _unreadable(self) -> None:
        """Folders that could not be looked into are remembered: only what is new is told."""
        plan = self._plan
        failures = {each.path: each for each in plan.unreadable}
        if not failures and not plan.readable:
            return
        rows = [
            FileFailure(Candidate(path, 0, 0), each.reason, keep=True, role="folder") for path, each in failures.items()
        ]
        with self._catalog.batch() as batch:
            Files(batch).delete(plan.readable)
            known = Files(batch).fail(rows)
        self._report.known_failures += len(known)
        self._report.failures += [each for path, each in failures.items() if path not in known]

    def _returned(self) -> None:
        for rows in _batches(self._plan.returned):
            with self._catalog.batch() as batch:
                Files(batch).mark_present(rows)

    def _untimed(self) -> None:
        """Rows of a version that did not ask for them."""
        plan = self._plan
        for rows, ctimes in zip(_batches(plan.untimed), _batches(plan.ctimes), strict=True):
            with self._catalog.batch() as batch:
                Files(batch).set_ctimes(dict(zip(rows, ctimes, strict=True)))

    def _gone(self) -> None:
        plan, gone = self._plan, self._plan.gone
        if gone and self._is_away():
            self._report.warnings.append(
                f"Of {plan.folder} {len(gone):,} files are indexed and none is there: taken for a drive that is not "
                f"mounted, and kept. If they are really gone: `forget({plan.folder!r})`."
            )
            return
        for rows in _batches(gone):
            with self._catalog.batch() as batch:
                Files(batch).mark_vanished(rows)
        self._report.vanished += len(gone)

    def _is_away(self) -> bool:
        """Whether what is gone may lie on a drive in whose place there is a folder now, mostly an empty one."""
        plan = self._plan
        root = plan.chosen.scope.root
        with self._catalog.snapshot() as snapshot:
            mount = next((row.mount for row in Roots(snapshot).all() if row.path == root), None)
        if mount is not None and not is_mount(mount):
            return not plan.unchanged
        is_drive = mount is None or is_own_drive(root, mount)
        return is_drive and not (plan.to_read or plan.unchanged or plan.unreadable)

    def _ignored(self) -> None:
        for rows in _batches(self._plan.ignored):
            with self._catalog.batch() as batch:
                Files(batch).mark_ignored(rows)
        self._report.newly_ignored += len(self._plan.ignored)


def _batches(rows: array[int]) -> Iterator[array[int]]:
    return (rows[start : start + ROWS_A_BATCH] for start in range(0, len(rows), ROWS_A_BATCH))
