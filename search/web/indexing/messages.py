"""What the indexing process tells the server: one JSON object a line. Light, so that the process starts fast."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from indexer.errors import SearchError, published
from indexer.types import Report

#: Failures of a run that are named; the store knows them all.
NAMED_FAILURES: Final = 50
#: Seconds between two lines of one step.
_EVERY: Final = 0.1

Message = dict[str, Any]


class Teller:
    """A `Progress` (indexer.progress) that writes lines. Files that are read within a tenth of a second are one line.

    Raises BrokenPipeError, which ends the run, when nobody reads them any more.
    """

    def __init__(self, stream: BinaryIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._told = 0.0
        self._untold = 0

    def phase(self, name: str) -> None:
        """A step begins."""
        self._tell({"phase": name})

    def total(self, files: int) -> None:
        """How many files have to be read."""
        self._tell({"total": files})

    def advance(self, files: int) -> None:
        """So many more were read and committed."""
        self._untold += files
        if self._now() - self._told >= _EVERY:
            self._settle()

    def report(self, report: Report) -> None:
        """The run is complete."""
        said = dataclasses.asdict(report)
        said["failed"] = len(report.failures)
        said["failures"] = said["failures"][:NAMED_FAILURES]
        said["altered"] = len(report.altered)
        self._tell({"report": said})

    def complete(self) -> None:
        """The work is done, and there is nothing to report."""
        self._tell({"complete": True})

    def problem(self, error: SearchError) -> None:
        """The run has ended with an error of ours."""
        self._tell({"problem": {"error": published(error).__name__, "detail": str(error)}})

    def stopped(self) -> None:
        """The run was interrupted."""
        self._tell({"stopped": True})

    def _tell(self, message: Message) -> None:
        self._settle()
        self._write(message)

    def _settle(self) -> None:
        if self._untold:
            self._write({"advance": self._untold})
            self._untold = 0
            self._told = self._now()

    def _write(self, message: Message) -> None:
        self._stream.write(json.dumps(message).encode() + b"\n")  # ASCII: a name that is not UTF-8 survives
        self._stream.flush()


def read(line: bytes) -> Message | None:
    """A line as it was written; None for one that was cut short, as a process leaves it that is killed."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
