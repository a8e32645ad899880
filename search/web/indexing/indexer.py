"""Indexing over the server: one run at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from indexer.errors import StoreBusyError
from indexer.store import writer
from search.web.indexing.own_process import Work
from search.web.indexing.run import PATIENCE, RunState
from search.web.indexing.runs import Runs
from search.web.problems import ProblemError

INDEXING: Final = Work(
    program="from search.web.indexing.child import main; main()",
    does="indexes",
    dead="what it had committed is kept, and another run goes on from there",
    not_started="indexing-not-started",
    ended="indexing-ended",
)


class Indexer(Runs):
    """Runs of one store. Safe to use from several threads."""

    def __init__(self, folder: Path, work: Work = INDEXING) -> None:
        super().__init__(work)
        self._folder = folder

    @property
    def pid(self) -> int | None:
        """The process that is at work; None where none is."""
        run = self._run
        return run.process.pid if run is not None and run.state.is_active else None

    def start(self, roots: Sequence[str], known: Sequence[str] = (), *, verify: bool = False) -> RunState:
        """Begin a run over some of the folders that the store knows (`known`); none means all of them.

        Raises ProblemError where one is at work here, StoreBusyError where another process writes.
        """
        with self._lock:
            if not self._is_free():
                if self.state.state == "stopping":
                    raise ProblemError(409, "indexing-runs", "Indexing is being stopped; begin anew when it has ended.")
                raise ProblemError(
                    409, "indexing-runs", "Indexing is at work already; wait until it is done, or stop it."
                )
            by = writer(self._folder)
            if by is not None:
                raise StoreBusyError(f"{by[0].upper()}{by[1:]} is writing to the store; try again when it ends.")
            return self._begin({"store": str(self._folder), "roots": list(roots), "verify": verify}, tuple(known))

    def stop(self) -> RunState:
        """End the run that is at work, if there is one; what it has committed stays."""
        run = self._run
        if run is not None:
            run.stop()
        return self.state

    def close(self, patience: float = PATIENCE) -> None:
        """End the run, wait for it, and begin none any more."""
        self._close(patience)
