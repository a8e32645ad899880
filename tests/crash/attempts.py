"""An attempt at an operation, in a process of its own: undisturbed, killed after a time, or at a system call."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.operations import Operation
from tests.crash.worlds import World
from tests.fixtures.paths import ROOT

#: What changes names, sizes and what outlasts a power cut. A question mark: not on every processor.
SYSTEM_CALLS = (
    "?rename,?renameat,?renameat2,?link,?linkat,?unlink,?unlinkat,?rmdir,?mkdir,?mkdirat,"
    "?fsync,?fdatasync,?truncate,?ftruncate"
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: `signal` that killed it, or its exit `code`; what it said; how long it took, in seconds."""

    code: int
    signal: int
    said: str
    seconds: float

    @property
    def killed(self) -> bool:
        return self.signal == signal.SIGKILL


class Nursery:
    """The process of `nursery.py`."""

    def __init__(self, *, torch: bool) -> None:
        command = [sys.executable, "-m", "tests.crash.nursery", *(["torch"] if torch else [])]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
        assert self._hear() == "ready"

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(60) == 0
        assert self._process.stdout is not None
        self._process.stdout.close()

    def begin(self, operation: Operation, world: World) -> Attempt:
        """A child that waits for `go`."""
        self.tell({"begin": operation.name, "world": str(world.folder)})
        return Attempt(self, int(self._hear()), world)

    def tell(self, what: dict[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        self._process.stdin.flush()

    def status(self) -> int:
        self.tell({"wait": True})
        return int(self._hear())

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


class Attempt:
    """A child of the nursery."""

    def __init__(self, nursery: Nursery, pid: int, world: World) -> None:
        self._nursery, self.pid, self._world = nursery, pid, world
        self._tracer: subprocess.Popen[str] | None = None
        self._started = 0.0

    def trace(self, *arguments: str) -> None:
        """Let strace watch it. Before `go`."""
        strace = shutil.which("strace")
        assert strace is not None
        command = [strace, "-f", "-p", str(self.pid), "-o", str(self._trace_file), *arguments]
        self._tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._tracer.stderr is not None
        said = self._tracer.stderr.readline()
        assert "attached" in said, said

    def go(self) -> None:
        self._started = time.monotonic()
        self._nursery.tell({"go": True})

    def kill(self) -> None:
        """Whether it has ended or not: nobody waits for it before `end`."""
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> Ended:
        """Wait for it."""
        status = self._nursery.status()
        seconds = time.monotonic() - self._started
        if self._tracer is not None:
            self._tracer.communicate(timeout=60)
        said = (self._world.folder / "attempt.log").read_text(errors="replace")
        code = os.waitstatus_to_exitcode(status)
        return Ended(max(code, 0), max(-code, 0), said, seconds)

    def traced(self) -> list[str]:
        """The names of the system calls that its main thread made, in order."""
        found = re.findall(r"^(\d+) +(\w+)\(", self._trace_file.read_text(errors="replace"), re.MULTILINE)
        return [name for pid, name in found if int(pid) == self.pid]

    @property
    def _trace_file(self) -> Path:
        return self._world.folder / "trace.txt"


def undisturbed(nursery: Nursery, operation: Operation, world: World) -> Ended:
    """From its begin to its end."""
    attempt = nursery.begin(operation, world)
    attempt.go()
    return attempt.end()
