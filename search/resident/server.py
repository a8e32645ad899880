"""The socket of the resident process: conversations side by side, one command at a time, and an end when idle."""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from indexer.settings import ResidentSettings
from search.resident import protocol
from search.resident.client import peer
from search.resident.commands import Ran
from search.resident.identity import environment, identity, is_same_place, stamp
from search.resident.protocol import Request

#: Bytes of the log at which it is started anew.
LOG_BYTES = 1_000_000
#: Seconds between two looks at whether its socket still lies where commands look for it.
LOOK = 5.0


@dataclass(frozen=True, slots=True)
class State:
    """What a resident process says of itself.

    `idle`: seconds without a command after which it leaves; `outdated`: its code has been replaced since it started.
    """

    pid: int
    version: str
    folder: str
    ready: bool
    answered: int
    idle: float
    outdated: bool

    def fields(self) -> list[bytes]:
        """As a frame carries it."""
        numbers = [self.pid, int(self.ready), self.answered, self.idle, int(self.outdated)]
        return [os.fsencode(field) for field in (self.version, self.folder, *map(str, numbers))]

    @classmethod
    def parse(cls, fields: list[bytes]) -> State:
        """The inverse; fields that a newer version may add are left out. Raises ProtocolError."""
        try:
            version, folder, pid, ready, answered, idle, outdated = map(os.fsdecode, fields[:7])
            return cls(int(pid), version, folder, ready == "1", int(answered), float(idle), outdated == "1")
        except ValueError as error:
            raise protocol.ProtocolError(f"no state ({error})") from error


class Server:
    """Answers on a listening Unix socket until it is told to stop, was idle for long, or its code has changed; or until
    nobody can come any more, the socket having been deleted (old files in /tmp are)."""

    def __init__(
        self,
        listener: socket.socket,
        answer: Callable[[Request], Ran | None],
        folder: str,
        version: str,
        settings: ResidentSettings,
    ) -> None:
        self._listener = listener
        self._node = node_of(listener.getsockname())
        self._answer = answer
        self._folder = folder
        self._version = version
        self._settings = settings
        self._identity, self._environment, self._stamp = identity(), environment(), stamp()
        self._worker = ThreadPoolExecutor(1, "command")
        self._places = threading.BoundedSemaphore(settings.connections)
        self._lock = threading.Lock()
        self._talking = self._answered = 0
        self._ready = threading.Event()
        self._last = time.monotonic()
        self._wake, self._waker = socket.socketpair()
        self._waker.setblocking(False)

    def _state(self, outdated: bool) -> State:
        ready = self._ready.is_set()
        return State(os.getpid(), self._version, self._folder, ready, self._answered, self._settings.idle, outdated)

    @property
    def waker(self) -> int:
        """The descriptor that makes `serve` return when a byte is written to it."""
        return self._waker.fileno()

    def stop(self) -> None:
        """Make `serve` return after the command that is at work. From any thread, or from a signal handler."""
        with suppress(OSError):  # woken already, or closed
            self._waker.send(b"x")

    def serve(self, warm_up: Callable[[], object]) -> None:
        """Answer. Until `warm_up` has run, commands are left to their own processes."""
        self._worker.submit(self._warm_up, warm_up)
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while True:
                left = self._last + self._settings.idle - time.monotonic()
                events = selector.select(min(max(left, 0.0) if not self._talking else self._settings.idle, LOOK))
                if any(key.fileobj is self._wake for key, _ in events):
                    break
                if events:
                    self._accept()
                elif self._is_over():
                    break
        self._listener.close()
        self._worker.shutdown(cancel_futures=True)
        deadline = time.monotonic() + protocol.SILENCE
        while self._talking and time.monotonic() < deadline:  # who still waits for the last answer
            time.sleep(0.01)

    def _is_over(self) -> bool:
        """Whether it was idle for long, or its socket is gone."""
        is_idle = not self._talking and time.monotonic() >= self._last + self._settings.idle
        return is_idle or node_of(self._listener.getsockname()) != self._node

    def close(self) -> None:
        """Give up what woke it; nothing may call `stop` or use `waker` any more."""
        self._wake.close()
        self._waker.close()

    def _warm_up(self, warm_up: Callable[[], object]) -> None:
        try:
            warm_up()
        finally:
            self._last = time.monotonic()
            self._ready.set()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # the other side has gone already, or there is no descriptor left for now
            time.sleep(0.01)
            return
        if not self._places.acquire(blocking=False):
            connection.close()  # its command runs in its own process
            return
        with self._lock:
            self._talking += 1
        threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.settimeout(protocol.SILENCE)
                if peer(connection) in (None, os.geteuid()):
                    self._converse(connection)
        except OSError:  # the other side has gone
            pass
        finally:
            with self._lock:
                self._talking -= 1
                self._last = time.monotonic()
            self._places.release()
            _bound_log()

    def _converse(self, connection: socket.socket) -> None:
        request = None
        try:
            kind, fields = protocol.receive(connection, protocol.MAX_REQUEST)
            if kind == protocol.REQUEST:
                request = Request.parse(fields)
        except protocol.ProtocolError:
            kind, fields = b"", []
        outdated = self._is_outdated(fields[0] if fields else self._identity)
        if kind in (protocol.STATUS, protocol.STOP):
            connection.sendall(protocol.pack(protocol.STATE, self._state(outdated).fields()))
            if kind == protocol.STOP:
                self.stop()
        elif outdated:
            connection.sendall(protocol.pack(protocol.OUTDATED, [str(self._settings.idle).encode("ascii")]))
            self.stop()
        elif request is None or not self._may_answer(request):
            connection.sendall(protocol.pack(protocol.DECLINED, []))
        else:
            connection.sendall(self._reply(connection, self._worker.submit(self._answer, request)))

    def _is_outdated(self, asking: bytes) -> bool:
        """Whether its code was replaced: there is another version at its place, or its files are not what they were.

        `asking`: the identity of the code that asks; the first field of whatever is asked.
        """
        is_replaced = asking != self._identity and is_same_place(asking, self._identity)
        return is_replaced or stamp() != self._stamp

    def _may_answer(self, request: Request) -> bool:
        is_like_us = request.identity == self._identity and request.environment == self._environment
        return is_like_us and self._ready.is_set()

    def _reply(self, connection: socket.socket, work: Future[Ran | None]) -> bytes:
        """The last frame of a conversation. Raises OSError when the other side has gone."""
        started = time.monotonic()
        while True:
            try:
                ran = work.result(protocol.BEAT)
                break
            except CancelledError:  # it leaves
                return protocol.pack(protocol.DECLINED, [])
            except TimeoutError:
                if time.monotonic() - started > self._settings.patience and work.cancel():
                    return protocol.pack(protocol.DECLINED, [])
            try:
                connection.sendall(protocol.pack(protocol.WORKING, []))
            except OSError:
                work.cancel()  # where it has not begun
                raise
        if ran is None or sum(len(data) + 16 for _, data in ran[1]) > protocol.MAX_ANSWER:
            return protocol.pack(protocol.DECLINED, [])
        with self._lock:
            self._answered += 1
        return protocol.pack(protocol.ANSWER, protocol.answer_fields(*ran))


def node_of(path: str) -> tuple[int, int] | None:
    """Which file lies at a path; None where none does."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _bound_log() -> None:
    """Start a log on stderr anew when it has grown; a terminal or a pipe is left alone."""
    try:
        if os.fstat(2).st_size > LOG_BYTES:
            sys.stderr.flush()
            os.ftruncate(2, 0)  # it is opened to append
    except (OSError, ValueError):
        pass
