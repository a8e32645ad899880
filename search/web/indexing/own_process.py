"""Starts and ends the process that indexes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Final

from search.web.problems import ProblemError

#: The same modules as here, whatever the working folder: -P and an explicit path.
PROGRAM: Final = (
    "import os, sys; sys.path[:] = sys.argv.pop(1).split(os.pathsep); "
    "from search.web.indexing.child import main; main()"
)
#: Seconds for a process that was told to terminate.
_TERMINATING: Final = 5.0


class OwnProcess:
    """A child of this process, in a session of its own: what a terminal sends to the server does not reach it."""

    def __init__(self, store: str, roots: Sequence[str], *, verify: bool, program: str = PROGRAM) -> None:
        """`program`: what Python runs; it gets the paths of modules and the order. Raises ProblemError."""
        modules = os.pathsep.join(_module_folders())
        order = json.dumps({"store": store, "roots": list(roots), "verify": verify})
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own program)
                [sys.executable, "-P", "-c", program, modules, order],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise ProblemError(
                503,
                "indexing-not-started",
                f"The indexing process cannot be started ({error.strerror}); end other programs and try again.",
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


def _module_folders() -> list[str]:
    """Where modules are looked for."""
    found = []
    for entry in sys.path:
        with suppress(OSError):  # of a working folder that was deleted
            found.append(os.path.abspath(entry))
    return found
