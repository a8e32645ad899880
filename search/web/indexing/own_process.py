"""Starts and ends a process that works for a server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Final

from indexer.own_command import own_command
from search.web.problems import Problem, ProblemError

#: Seconds for a process that was told to terminate.
_TERMINATING: Final = 5.0


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work. `program`: what Python runs; `does`: what its process does, in a sentence; `dead`: what holds,
    and what to do, when it died; `not_started`, `ended`: the types of these problems."""

    program: str
    does: str
    dead: str
    not_started: str
    ended: str

    def died(self, code: int) -> Problem:
        """That of a process which ended with this exit code before it was done; below 0 the signal that ended it."""
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        sentence = f"The process that {self.does} ended {how} before it was done; {self.dead}."
        return ProblemError(500, self.ended, sentence).problem


class OwnProcess:
    """A child of this process, in a session of its own: what a terminal sends to the server does not reach it."""

    def __init__(self, work: Work, order: Mapping[str, Any]) -> None:
        """The argument of the program is the `order` as JSON. Raises ProblemError."""
        self.work = work
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own program)
                own_command(work.program, json.dumps(order)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise ProblemError(
                503,
                work.not_started,
                f"The process that {work.does} cannot be started ({error.strerror}); end other programs and try again.",
            ) from error

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def output(self) -> IO[bytes]:
        """What it writes."""
        assert self._process.stdout is not None
        return self._process.stdout

    def wait(self) -> int:
        """Its exit code, below 0 for the signal that ended it."""
        code = self._process.wait()
        self.output.close()
        self.interrupt()
        return code

    def interrupt(self) -> None:
        """Let it commit what it has, and end."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def end(self, patience: float) -> None:
        """Interrupt it, and see to it that it ends: within `patience` seconds by itself, else by force."""
        self.interrupt()
        for force in (self._process.terminate, self._process.kill):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
                return
            force()
            patience = _TERMINATING
        self._process.wait()
