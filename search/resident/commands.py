"""Runs a command of another process here, as it would have run there: its folder, its streams, its rights of files."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from search.library import Library
from search.resident.handover import collected
from search.resident.identity import node
from search.resident.library_context import lent_by
from search.resident.library_pool import NotOursError, WarmLibraries
from search.resident.protocol import COMMANDS, Request

#: Runs arguments in this process, printing to `sys.stdout` and `sys.stderr`, and returns the exit code.
Run = Callable[[list[str]], int]
#: The exit code and the output in its order, each piece with the descriptor (1 or 2) it is for; 0: work that is left.
Ran = tuple[int, list[tuple[int, bytes]]]


class Commands:
    """For one thread: the working folder, the file mask and the streams belong to the whole process."""

    def __init__(self, libraries: WarmLibraries, run: Run) -> None:
        self._libraries = libraries
        self._run = run

    def answer(self, request: Request) -> Ran | None:
        """What the command printed, and its exit code; None when its own process has to run it.

        That is so where nothing of the store was asked for (help, wrong options), where the command is about another
        store, and where it failed in a way that nobody foresaw: then it fails again there, and is seen.
        """
        arguments = [os.fsdecode(argument) for argument in request.arguments]
        if arguments[:1] not in [[name] for name in COMMANDS]:
            return None
        output: list[tuple[int, bytes]] = []
        opened = False

        def lend(store: Path | None, encoder: str | None, device: str | None) -> AbstractContextManager[Library]:
            nonlocal opened
            opened = True
            return self._libraries.open(store, encoder, device)

        try:
            with _standing_at(request), _printing(request, output), lent_by(lend), collected() as left:
                code = self._run(arguments)
        except (NotOursError, SystemExit):
            return None
        except Exception:
            traceback.print_exc()
            return None
        output += [(0, work) for work in left]
        return (code, output) if opened else None


@contextmanager
def _standing_at(request: Request) -> Iterator[None]:
    """In the working folder of the command, with its mask and its default store. Raises NotOursError."""
    try:
        os.chdir(request.here)
        seen = node()
    except OSError as error:
        raise NotOursError("the working folder is not to be had") from error
    mask = os.umask(request.mask)
    store = os.environb.get(b"SEARCH_STORE")
    _set_store(request.store)
    try:
        if seen != request.node:
            raise NotOursError("the working folder is another one here")
        yield
    finally:
        _set_store(store)
        os.umask(mask)
        with suppress(OSError):
            os.chdir("/")  # a drive can be unmounted again


def _set_store(value: bytes | None) -> None:
    if value is None:
        os.environb.pop(b"SEARCH_STORE", None)
    else:
        os.environb[b"SEARCH_STORE"] = value


@contextmanager
def _printing(request: Request, output: list[tuple[int, bytes]]) -> Iterator[None]:
    """With streams that are buffered and encoded like the command's own, and write to `output`."""
    out_encoding, out_errors, err_encoding, err_errors, out_terminal, err_terminal = (
        each.decode("ascii") for each in request.streams
    )
    out = _stream(output, 1, out_encoding, out_errors, out_terminal == "1")
    err = _stream(output, 2, err_encoding, err_errors, err_terminal == "1")
    with redirect_stdout(out), redirect_stderr(err):
        yield
        sys.stdout.flush()
        sys.stderr.flush()


def _stream(
    output: list[tuple[int, bytes]], descriptor: int, encoding: str, errors: str, terminal: bool
) -> io.TextIOWrapper:
    raw = _Recorder(output, descriptor, terminal)
    lines = terminal or descriptor == 2
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, line_buffering=lines)


class _Recorder(io.RawIOBase):
    """Keeps what is written, in its order among several streams."""

    def __init__(self, output: list[tuple[int, bytes]], descriptor: int, terminal: bool) -> None:
        self._output = output
        self._descriptor = descriptor
        self._terminal = terminal

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._terminal

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._output.append((self._descriptor, piece))
        return len(piece)
