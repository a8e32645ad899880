"""One resident process a store: it comes, says who it is, and goes."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import filelock

from indexer.errors import ResidentError
from indexer.own_command import module_folders
from indexer.settings import ResidentSettings
from indexer.store import Store
from search import __version__
from search.resident import client, protocol
from search.resident.background import checked_base, log_of, start
from search.resident.commands import Commands, Run
from search.resident.identity import environment, identity
from search.resident.library_pool import WarmLibraries
from search.resident.protocol import Request
from search.resident.server import Server, State, node_of

#: What is asked before anything else, so that the first query finds all that it needs in memory.
_WARM_UP = ["query", "a photograph", "--text", "-k", "1"]
#: Seconds between two looks at whether another process has come or gone.
_LOOK = 0.05


def serve(folder: Path, run: Run, say: Callable[[str], None], settings: ResidentSettings) -> None:
    """Answer for the store at `folder`, in this thread, until told to stop, interrupted, or idle for long.

    `run`: runs the arguments of a command in this process. `say`: takes the line that says where it answers, or which
    other process does already. Raises StoreError and StoreMissingError for a store that cannot be opened, and
    ResidentError.
    """
    Store.open(folder).close()
    base = checked_base(os.fspath(folder))
    sys.path[:] = module_folders()  # the working folder will be others'
    lock = filelock.FileLock(base + ".lock", mode=0o600)
    other = _claim(lock, folder, settings)
    if other is not None:
        say(f"The resident process {other.pid} answers for {other.folder} already.")
        return
    try:
        with _listening(base + ".sock") as listener:
            libraries = WarmLibraries(folder)
            commands = Commands(libraries, run)
            server = Server(listener, commands.answer, os.fspath(folder), __version__, settings)
            with closing(server), _ended_by_signals(server):
                say(
                    f"The resident process {os.getpid()} answers for {folder} at {base}.sock, "
                    f"and leaves after {settings.idle:g} s without a query."
                )
                server.serve(lambda: commands.answer(_own_request([*_WARM_UP, f"--store={folder}"])))
            libraries.close()
    finally:
        lock.release()


def ask(folder: Path, kind: bytes = protocol.STATUS) -> State | None:
    """What the process of a store says of itself; None where there is none that can be talked to."""
    try:
        connection = client.connect(os.fspath(folder))
        if connection is None:
            return None
        try:
            connection.sendall(protocol.pack(kind, [identity()]))
            answered, fields = protocol.receive(connection, protocol.MAX_REQUEST)
        finally:
            connection.close()
        return State.parse(fields) if answered == protocol.STATE else None
    except (OSError, protocol.ProtocolError):
        return None


def start_and_wait(folder: Path, settings: ResidentSettings) -> State:
    """Start a process in the background, unless there is one, and wait until it is ready. Raises ResidentError."""
    Store.open(folder).close()
    base = checked_base(os.fspath(folder))
    process = None
    deadline = time.monotonic() + settings.change
    while time.monotonic() < deadline:
        state = ask(folder)
        if state is not None and state.ready and not state.outdated:
            return state
        if process is None and (state is None or state.outdated):
            process = start(os.fspath(folder), settings.idle)
        if process is not None and process.poll():
            raise ResidentError(_last_words(log_of(base)))
        time.sleep(_LOOK)
    raise ResidentError(f"The resident process is not ready after {settings.change:g} s; {log_of(base)} may say why.")


def stop(folder: Path, settings: ResidentSettings) -> State | None:
    """Make the process of a store leave, and wait until it has let go of it. None where there is none. Raises
    ResidentError."""
    state = ask(folder, protocol.STOP)
    if state is None:
        return None
    lock = filelock.FileLock(checked_base(os.fspath(folder)) + ".lock", mode=0o600)
    try:
        with lock.acquire(timeout=settings.change, poll_interval=_LOOK):
            return state
    except filelock.Timeout:
        raise ResidentError(
            f"The resident process {state.pid} is still at work; end it with `kill {state.pid}`."
        ) from None


def _claim(lock: filelock.BaseFileLock, folder: Path, settings: ResidentSettings) -> State | None:
    """Hold the store's lock, or find who does. One that is of another version leaves when it is asked; that is waited
    for."""
    deadline = time.monotonic() + settings.change
    while True:
        try:
            lock.acquire(timeout=0)
            return None
        except filelock.Timeout:
            state = ask(folder)
        if state is not None and not state.outdated:
            return state
        if state is not None:
            ask(folder, protocol.STOP)
        if time.monotonic() > deadline:
            raise ResidentError(f"Another process holds {lock.lock_file} and does not answer; end it first.")
        time.sleep(_LOOK)


@contextmanager
def _listening(path: str) -> Iterator[socket.socket]:
    """A listening socket that only this user can reach. The lock is held: what lies there is of a dead process."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        mask = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(mask)
        node = node_of(path)
        try:
            listener.listen(64)
            yield listener
        finally:
            if node_of(path) == node:  # not one that another process has made since ours was deleted
                with suppress(FileNotFoundError):
                    os.unlink(path)


@contextmanager
def _ended_by_signals(server: Server) -> Iterator[None]:
    """A handler alone would be run after the next wake-up only, for a signal that comes just before the wait, or to
    another thread: the byte that the interpreter writes at once ends the wait."""
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    descriptor = signal.set_wakeup_fd(server.waker, warn_on_full_buffer=False)
    before = [signal.signal(each, lambda *_: server.stop()) for each in signals]
    try:
        yield
    finally:
        signal.set_wakeup_fd(descriptor)
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)


def _own_request(arguments: list[str]) -> Request:
    root = os.stat("/")
    node = b"%d:%d:%d:%d" % (root.st_dev, root.st_ino, root.st_dev, root.st_ino)
    streams = [b"utf-8", b"strict", b"utf-8", b"backslashreplace", b"0", b"0"]
    return Request(identity(), b"/", node, 0o077, streams, None, environment(), list(map(os.fsencode, arguments)))


def _last_words(log: str) -> str:
    """The sentence with which a process ended that did not come up."""
    with suppress(OSError):
        lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
        for line in reversed(lines):
            if line.startswith("search: "):
                return line.removeprefix("search: ")
    return f"The resident process did not come up; {log} may say why."
