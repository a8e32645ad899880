"""Indexing over the server: one run at a time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from indexer.errors import StoreBusyError
from indexer.store import writer
from search.web.indexing.own_process import PROGRAM, OwnProcess
from search.web.indexing.run import PATIENCE, Run, RunState
from search.web.problems import ProblemError


class Indexer:
    """Runs of one store. Safe to use from several threads."""

    def __init__(self, folder: Path, program: str = PROGRAM) -> None:
        self._folder = folder
        self._program = program
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._closed = False

    @property
    def state(self) -> RunState:
        """How far the last run is; idle where there was none."""
        run = self._run
        return RunState() if run is None else run.state

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
            before = self.state
            if self._closed:
                raise ProblemError(503, "server-leaving", "The server is shutting down; start it again.")
            if before.is_active:
                raise ProblemError(
                    409, "indexing-runs", "Indexing is at work already; wait until it is done, or stop it."
                )
            if self._run is not None:
                self._run.join()
            by = writer(self._folder)
            if by is not None:
                raise StoreBusyError(f"{by[0].upper()}{by[1:]} is writing to the store; try again when it ends.")
            process = OwnProcess(str(self._folder), roots, verify=verify, program=self._program)
            self._run = Run(process, tuple(known), before.version)
            return self._run.state

    def stop(self) -> RunState:
        """End the run that is at work, if there is one; what it has committed stays."""
        run = self._run
        if run is not None:
            run.stop()
        return self.state

    def close(self, patience: float = PATIENCE) -> None:
        """End the run, wait for it, and begin none any more."""
        with self._lock:
            self._closed = True
        run = self._run
        if run is not None:
            run.stop(patience)
            run.process.end(patience)
            run.join()
