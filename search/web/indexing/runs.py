"""Runs of one kind of work in processes of their own, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from search.web.indexing.own_process import OwnProcess, Work
from search.web.indexing.run import Run, RunState
from search.web.problems import ProblemError


class Runs:
    """Safe to use from several threads."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._closed = False

    @property
    def state(self) -> RunState:
        """How far the last run is; idle where there was none."""
        run = self._run
        return RunState() if run is None else run.state

    def _is_free(self) -> bool:
        """Whether none is at work; the last one has ended then. Called with the lock held. Raises ProblemError where
        none is begun any more."""
        if self._closed:
            raise ProblemError(503, "server-leaving", "The server is shutting down; start it again.")
        if self.state.is_active:
            return False
        if self._run is not None:
            self._run.join()
        return True

    def _begin(self, order: Mapping[str, Any], roots: tuple[str, ...] = ()) -> RunState:
        """Begin one (`roots`: as `RunState` has them). Called with the lock held. Raises ProblemError."""
        before = self.state.version
        self._run = Run(OwnProcess(self._work, order), roots, before)
        return self._run.state

    def _close(self, patience: float) -> None:
        """End the run that is at work, wait for it, and begin none any more."""
        with self._lock:
            self._closed = True
        run = self._run
        if run is not None:
            run.stop(patience)
            run.process.end(patience)
            run.join()
