"""Conversations with the resident process, on a real socket and with commands that are made up."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from indexer.settings import ResidentSettings
from search.resident import identity as identities
from search.resident import protocol, server
from search.resident.commands import Ran
from search.resident.identity import environment, identity
from search.resident.protocol import Request
from search.resident.server import Server, State

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")

SETTINGS = ResidentSettings(idle=60.0, patience=0.0, connections=4)


def request(*arguments: str, of: bytes | None = None, variables: list[bytes] | None = None) -> Request:
    return Request(
        identity() if of is None else of,
        b"/",
        b"1:2",
        0o022,
        [b"utf-8", b"strict", b"utf-8", b"strict", b"0", b"0"],
        None,
        environment() if variables is None else variables,
        [os.fsencode(argument) for argument in arguments],
    )


class Running:
    """A server that answers in a thread of this process."""

    def __init__(self, path: Path, server: Server, thread: threading.Thread) -> None:
        self.path = path
        self.server = server
        self.thread = thread

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(20)
        connection.connect(os.fspath(self.path))
        return connection

    def ask(self, kind: bytes, fields: list[bytes]) -> tuple[bytes, list[bytes]]:
        """The frame that ends a conversation."""
        with self.connect() as connection:
            connection.sendall(protocol.pack(kind, fields))
            while True:
                answered, found = protocol.receive(connection, protocol.MAX_ANSWER)
                if answered != protocol.WORKING:
                    return answered, found

    def run(self, *arguments: str) -> tuple[bytes, list[bytes]]:
        return self.ask(protocol.REQUEST, request(*arguments).fields())

    def state(self) -> State:
        answered, fields = self.ask(protocol.STATUS, [identity()])
        assert answered == protocol.STATE
        return State.parse(fields)


@contextmanager
def running(
    answer: Callable[[Request], Ran | None],
    settings: ResidentSettings = SETTINGS,
    warm_up: Callable[[], object] = lambda: None,
) -> Iterator[Running]:
    with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        path = Path(folder) / "s"
        listener.bind(os.fspath(path))
        listener.listen(16)
        server = Server(listener, answer, "/store", "1.2.3", settings)
        thread = threading.Thread(target=server.serve, args=(warm_up,))
        thread.start()
        try:
            yield Running(path, server, thread)
        finally:
            server.stop()
            thread.join(30)
            server.close()
            assert not thread.is_alive()


def echo(asked: Request) -> Ran | None:
    return 3, [(1, b" ".join(asked.arguments)), (2, asked.here)]


def until_ready(one: Running) -> None:
    while not one.state().ready:
        time.sleep(0.01)


def test_a_command_is_answered_with_code_and_output() -> None:
    with running(echo) as one:
        until_ready(one)
        assert one.run("query", "a cat") == (protocol.ANSWER, [b"3", b"1", b"query a cat", b"2", b"/"])
        state = one.state()
        assert (state.pid, state.version, state.folder, state.answered) == (os.getpid(), "1.2.3", "/store", 1)


def test_a_byte_written_from_outside_any_thread_ends_it() -> None:
    with running(echo) as one:
        until_ready(one)
        os.write(one.server.waker, b"\x0f")  # as the interpreter does when a signal comes
        one.thread.join(30)
        assert not one.thread.is_alive()


@pytest.mark.parametrize("replaced", [False, True])
def test_without_its_socket_it_leaves(monkeypatch: pytest.MonkeyPatch, replaced: bool) -> None:
    """Nobody can come any more: old files in /tmp are deleted."""
    monkeypatch.setattr("search.resident.server.LOOK", 0.05)
    with running(echo) as one:
        until_ready(one)
        one.thread.join(0.3)
        assert one.thread.is_alive()
        one.path.rename(one.path.with_name("moved"))  # a file system may give the number of a deleted one again at once
        if replaced:
            one.path.touch()
        one.thread.join(30)
        assert not one.thread.is_alive()


def test_what_cannot_be_run_here_is_declined() -> None:
    with running(lambda _: None) as one:
        until_ready(one)
        assert one.run("query") == (protocol.DECLINED, [])
        assert one.state().answered == 0


def test_other_variables_or_another_installation_are_declined_and_it_stays() -> None:
    with running(echo) as one:
        until_ready(one)
        other = request("query", variables=[*environment(), b"SEARCH_THREADS=7"])
        assert one.ask(protocol.REQUEST, other.fields()) == (protocol.DECLINED, [])
        other = request("query", of=b"/somewhere/else\0" + identity().partition(b"\0")[2])
        assert one.ask(protocol.REQUEST, other.fields()) == (protocol.DECLINED, [])
        assert one.run("query")[0] == protocol.ANSWER


def test_another_version_at_its_place_makes_it_leave() -> None:
    with running(echo) as one:
        until_ready(one)
        newer = request("query", of=identity().partition(b"\0")[0] + b"\0the next version")
        assert one.ask(protocol.REQUEST, newer.fields()) == (protocol.OUTDATED, [b"60.0"])
        one.thread.join(20)
        assert not one.thread.is_alive()


def test_code_that_has_changed_makes_it_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(echo) as one:
        until_ready(one)
        monkeypatch.setattr(server, "stamp", lambda: "another")
        assert one.state().outdated
        assert one.run("query")[0] == protocol.OUTDATED
        one.thread.join(20)
        assert not one.thread.is_alive()


def test_the_stamp_changes_with_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "code.py").write_text("old")
    monkeypatch.setattr(identities, "package", lambda: str(tmp_path / "search"))
    before = identities.stamp()
    assert identities.stamp() == before
    (tmp_path / "search" / "code.py").write_text("newer")
    assert identities.stamp() != before


@pytest.mark.parametrize(
    "data",
    [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"Q\xff\xff\xff\xff", b"Q\0\0\0\x05\0\0\0\x09x", b"\0" * 100],
)
def test_garbage_is_sent_away_and_others_are_answered(data: bytes) -> None:
    with running(echo) as one:
        until_ready(one)
        with one.connect() as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            reply = b""
            with suppress(ConnectionResetError):  # it has not read all
                reply = connection.recv(100)
            assert reply in (b"", protocol.pack(protocol.DECLINED, []))
        assert one.run("query")[0] == protocol.ANSWER


def test_a_command_that_has_to_wait_for_long_is_declined() -> None:
    begun, end = threading.Event(), threading.Event()

    def slow(asked: Request) -> Ran | None:
        begun.set()
        assert end.wait(30)
        return echo(asked)

    with running(slow) as one:
        until_ready(one)
        answers: list[tuple[bytes, list[bytes]]] = []
        first = threading.Thread(target=lambda: answers.append(one.run("first")))
        first.start()
        assert begun.wait(20)
        assert one.run("second") == (protocol.DECLINED, [])
        end.set()
        first.join(20)
        assert answers == [(protocol.ANSWER, [b"3", b"1", b"first", b"2", b"/"])]


def test_a_slow_command_shows_that_it_lives() -> None:
    def slow(asked: Request) -> Ran | None:
        time.sleep(2.5 * protocol.BEAT)
        return echo(asked)

    with running(slow) as one:
        until_ready(one)
        with one.connect() as connection:
            connection.sendall(protocol.pack(protocol.REQUEST, request("query").fields()))
            kinds = [protocol.receive(connection, protocol.MAX_ANSWER)[0] for _ in range(3)]
        assert kinds == [protocol.WORKING, protocol.WORKING, protocol.ANSWER]


def test_a_client_that_goes_away_hurts_nobody() -> None:
    ran: list[bytes] = []
    begun, end = threading.Event(), threading.Event()

    def slow(asked: Request) -> Ran | None:
        ran.append(asked.arguments[0])
        begun.set()
        assert end.wait(30)
        return echo(asked)

    with running(slow, ResidentSettings(idle=60, patience=30)) as one:
        until_ready(one)
        for name in ("first", "second"):
            with one.connect() as connection:
                connection.sendall(protocol.pack(protocol.REQUEST, request(name).fields()))
                assert begun.wait(20)
        time.sleep(3 * protocol.BEAT)  # who waits in vain is noticed
        end.set()
        assert one.run("third")[0] == protocol.ANSWER
        assert ran == [b"first", b"third"]


def test_too_many_conversations_are_sent_away() -> None:
    with running(echo) as one:
        until_ready(one)
        idle = [one.connect() for _ in range(SETTINGS.connections)]
        time.sleep(0.2)
        with one.connect() as late:
            assert late.recv(1) == b""
        for each in idle:
            each.close()
        time.sleep(0.2)
        assert one.run("query")[0] == protocol.ANSWER


def test_an_answer_that_is_too_large_is_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_ANSWER", 100)
    with running(lambda _: (0, [(1, b"x" * 100)])) as one:
        until_ready(one)
        assert one.run("query") == (protocol.DECLINED, [])


def test_until_it_is_ready_commands_run_by_themselves() -> None:
    end = threading.Event()
    with running(echo, warm_up=lambda: end.wait(30)) as one:
        assert not one.state().ready
        assert one.run("query") == (protocol.DECLINED, [])
        end.set()
        until_ready(one)
        assert one.run("query")[0] == protocol.ANSWER


def test_a_warm_up_that_fails_is_no_harm() -> None:
    def fail() -> None:
        raise RuntimeError("made up")

    with running(echo, warm_up=fail) as one:
        until_ready(one)
        assert one.run("query")[0] == protocol.ANSWER


def test_it_leaves_when_nobody_asks_and_not_before() -> None:
    with running(echo, ResidentSettings(idle=1.5)) as one:
        started = time.monotonic()
        while time.monotonic() < started + 2.5:
            assert one.run("query")[0] in (protocol.ANSWER, protocol.DECLINED)
            time.sleep(0.3)
        one.thread.join(20)
        assert not one.thread.is_alive()


def test_it_does_not_leave_while_it_works() -> None:
    def slow(asked: Request) -> Ran | None:
        time.sleep(1.5)
        return echo(asked)

    with running(slow, ResidentSettings(idle=0.5)) as one:
        until_ready(one)
        assert one.run("query")[0] == protocol.ANSWER


def test_told_to_stop_it_ends_what_it_has_begun() -> None:
    begun = threading.Event()

    def slow(asked: Request) -> Ran | None:
        begun.set()
        time.sleep(1)
        return echo(asked)

    with running(slow) as one:
        until_ready(one)
        answers: list[tuple[bytes, list[bytes]]] = []
        asking = threading.Thread(target=lambda: answers.append(one.run("query")))
        asking.start()
        assert begun.wait(20)
        assert one.ask(protocol.STOP, [identity()])[0] == protocol.STATE
        one.thread.join(20)
        asking.join(20)
        assert answers[0][0] == protocol.ANSWER
