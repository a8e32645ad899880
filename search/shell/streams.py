"""The standard streams of a command: neither one that is closed nor a reader that has left ends the work. Light.

A message that nobody can read is dropped. So is an answer whose reader has seen enough: the exit code stays what the
command found. An answer that is lost for another reason (a full disk) is an error.
"""

from __future__ import annotations

import errno
import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO


class OutputLostError(OSError):
    """What a command has to say cannot be written; `strerror` says why."""


def protect() -> None:
    """Put streams in place of this process's own that behave as said above. Before anything opens a file.

    A descriptor that is closed would be given to the next file that is opened, and then messages be written into it.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            _open_on_nothing(descriptor)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stdout = _stream(sys.stdout, 1, "strict", drops_all=False)
    sys.stderr = _stream(sys.stderr, 2, "backslashreplace", drops_all=True)


def _open_on_nothing(descriptor: int) -> None:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened == descriptor:
        os.set_inheritable(opened, True)
    else:
        os.dup2(opened, descriptor)
        os.close(opened)


def _stream(old: TextIO | None, descriptor: int, errors: str, *, drops_all: bool) -> TextIO:
    """One that is encoded and buffered as `old` is; None: it was closed when the interpreter started."""
    newline = "\n" if os.linesep == "\n" else None
    buffer = getattr(old, "buffer", None)
    if old is None or buffer is None:
        nothing = _Raw(io.FileIO(descriptor, "w", closefd=False), old, drops_all)
        return io.TextIOWrapper(io.BufferedWriter(nothing), "utf-8", errors, newline)
    raw = _Raw(getattr(buffer, "raw", buffer), old, drops_all)
    binary: Any = io.BufferedWriter(raw) if hasattr(buffer, "raw") else raw
    kept = {name: getattr(old, name) for name in ("line_buffering", "write_through")}
    return io.TextIOWrapper(binary, old.encoding, old.errors, newline, **kept)


class _Raw(io.RawIOBase):
    """A raw stream that writes all that it is given, or drops it. `drops_all`: whatever the reason is.

    `owner`: what would close `raw` if nobody held it.
    """

    def __init__(self, raw: io.RawIOBase, owner: object, drops_all: bool) -> None:
        self._raw = raw
        self._owner = owner
        self._drops_all = drops_all
        self._broken = False

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        while left and not self._broken:
            try:
                written = self._raw.write(left)
                if written is None:  # a pipe that does not block, and is full
                    self._wait()
                    continue
                left = left[written:]
            except OSError as error:
                self._broken = True  # nothing more is tried, when the process ends neither
                if not self._drops_all and error.errno != errno.EPIPE:
                    raise OutputLostError(error.errno, error.strerror) from error
        return size

    def _wait(self) -> None:
        import select

        select.select([], [self._raw.fileno()], [])

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw.isatty()

    def fileno(self) -> int:
        return self._raw.fileno()
