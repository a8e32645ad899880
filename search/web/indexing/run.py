"""One run of a process that works for a server, as the server sees it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from indexer import errors
from indexer.errors import SearchError
from search.web.indexing.messages import Message, read
from search.web.indexing.own_process import OwnProcess
from search.web.problems import Problem, problem_of

StateName = Literal["idle", "running", "stopping", "done", "failed", "stopped"]

#: Seconds for a run that was stopped to commit what it has: a large photograph, a batch of an encoder on torch.
PATIENCE: Final = 30.0


@dataclass(frozen=True, slots=True)
class RunState:
    """How far a run is. `done` of `total` files of the folder at work; `begun`: when that was begun, on the monotonic
    clock; `report`: `indexer.types.Report` as JSON, of a complete run; `roots`: the folders that the store
    knew at its start; `version` grows with each change."""

    state: StateName = "idle"
    phase: str | None = None
    done: int = 0
    total: int | None = None
    started: datetime | None = None
    begun: float | None = None
    report: dict[str, Any] | None = None
    problem: Problem | None = None
    roots: tuple[str, ...] = ()
    version: int = 0

    @property
    def is_active(self) -> bool:
        """Whether a process is at work."""
        return self.state in ("running", "stopping")

    @property
    def images_per_second(self) -> float | None:
        """Files of the folder at work, while it is; of a complete run the images that it encoded."""
        if self.report is not None:
            count, seconds = self.report["encoded"], self.report["seconds"]
        else:
            count, seconds = self.done, 0.0 if self.begun is None else time.monotonic() - self.begun
        return round(count / seconds, 1) if count and seconds else None


class Run:
    """A run from its start on. Safe to use from several threads."""

    def __init__(self, process: OwnProcess, roots: tuple[str, ...] = (), before: int = 0) -> None:
        """`roots`: as `RunState` has them; `before`: the version of the state that this run's follow."""
        self.process = process
        self._lock = threading.Lock()
        self._state = RunState("running", "Starting", started=datetime.now(UTC), roots=roots, version=before + 1)
        self._reader = threading.Thread(target=self._read, name="run", daemon=True)
        self._reader.start()

    @property
    def state(self) -> RunState:
        """How far it is."""
        with self._lock:
            return self._state

    def stop(self, patience: float = PATIENCE) -> None:
        """Let it end, and do not wait for it: what was committed stays."""
        with self._lock:
            if self._state.state != "running":
                return
            self._change(state="stopping")
        threading.Thread(target=self.process.end, args=(patience,), name="stop run", daemon=True).start()

    def join(self) -> None:
        """Wait until it has ended."""
        self._reader.join()

    def _read(self) -> None:
        for line in self.process.output:
            message = read(line)
            if message is not None:
                with self._lock:
                    self._apply(message)
        code = self.process.wait()
        with self._lock:
            if self._state.state == "stopping":
                self._change(state="stopped")
            elif self._state.state == "running":
                self._change(state="failed", problem=self.process.work.died(code))

    def _apply(self, message: Message) -> None:
        state = self._state
        if "phase" in message:
            self._change(phase=message["phase"])
        elif "total" in message:
            self._change(total=message["total"], done=0, begun=time.monotonic())
        elif "advance" in message:
            self._change(done=state.done + message["advance"])
        elif "report" in message:
            self._change(state="done", report=message["report"], phase=None)
        elif "complete" in message:
            self._change(state="done", phase=None)
        elif "problem" in message:
            self._change(state="failed", problem=_told(message["problem"]), phase=None)
        elif "stopped" in message:
            self._change(state="stopped", phase=None)

    def _change(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes, version=self._state.version + 1)


def _told(said: dict[str, str]) -> Problem:
    """The problem of an error that the process has told by its class and sentence."""
    kind = getattr(errors, said["error"], SearchError)
    return problem_of(kind(said["detail"]))
