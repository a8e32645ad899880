"""One server a store: who holds its lock listens on its socket."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

import filelock

from indexer.errors import ResidentError
from search.resident.background import checked_base
from search.resident.lifecycle import LOOK, State, ask, lock_of

#: Connections that wait to be accepted.
_BACKLOG = 64


class Claim:
    """The lock of a store and the socket that listens for it, until it is given up."""

    def __init__(self, lock: filelock.BaseFileLock, path: str) -> None:
        """The lock is held: what lies at `path` is of a dead process. Raises OSError."""
        self.path = path
        self._lock = lock
        with suppress(FileNotFoundError):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            mask = os.umask(0o177)
            try:
                self.listener.bind(path)
            finally:
                os.umask(mask)
            self._node = _node_of(path)
            self.listener.listen(_BACKLOG)
        except BaseException:
            self.listener.close()
            raise

    def is_there(self) -> bool:
        """Whether commands still find the socket; files in /tmp are deleted when they are old."""
        return _node_of(self.path) == self._node

    def give_up(self) -> None:
        """Let another process have the store's socket. May be called twice."""
        if self.is_there():  # not one that another process has made since ours was deleted
            with suppress(FileNotFoundError):
                os.unlink(self.path)
        self.listener.close()
        self._lock.release()


def claim(folder: Path, patience: float) -> Claim | State | None:
    """The socket of the store at `folder`, or the server that has it; None where another process holds the lock and
    says nothing for `patience` seconds. One of earlier code gives it up when it is asked, which is waited for.

    Raises ResidentError where the system or the folder of sockets forbids it.
    """
    deadline = time.monotonic() + patience
    while (claimed := claim_free(folder)) is None:
        state = ask(folder)
        if state is not None and not state.outdated:
            return state
        if state is not None:
            ask(folder, "outdated")
        if time.monotonic() > deadline:
            return None
        time.sleep(LOOK)
    return claimed


def claim_free(folder: Path) -> Claim | None:
    """The socket of the store at `folder`; None where another process has it. Waits for nobody. Raises as `claim`."""
    base = checked_base(os.fspath(folder))
    lock = lock_of(base)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return None
    except OSError as error:
        raise ResidentError(f"{lock.lock_file} cannot be written ({error.strerror}); make room there.") from error
    try:
        return Claim(lock, base + ".sock")
    except OSError as error:
        lock.release()
        raise ResidentError(f"Nothing can listen at {base}.sock ({error.strerror}); make room there.") from error


def _node_of(path: str) -> tuple[int, int] | None:
    """Which file lies at a path; None where none does."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
