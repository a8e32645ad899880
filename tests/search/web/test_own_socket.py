"""The server on the store's own socket, in a thread of this process: whom it answers, and when it leaves."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

import search
from indexer.errors import ServerError
from indexer.settings import ResidentSettings
from search.library import Library
from search.remote.own_library import OwnLibrary
from search.resident import client, http, lifecycle, socket_paths
from search.resident import identity as identities
from search.resident.http import HttpError, Reply, exchange
from search.resident.lifecycle import State
from search.resident.wire import API, CODE, ENVIRONMENT, EXIT_CODE, HERE, IDLE, NODE, OWN, who_asks
from search.web import own_socket as own_sockets
from search.web.batching import Batcher
from search.web.serving import Server, serve
from search.web.settings import ServeSettings
from tests.fixtures.web import client_of, problem

pytestmark = pytest.mark.skipif(not socket_paths.AVAILABLE, reason="needs Unix sockets")

ASK = f"{API}/search?q=a+cat&k=1"


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of sockets of its own."""
    folder = Path(mkdtemp(prefix="r-", dir="/tmp"))  # paths of sockets are short
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setattr(client, "_given_up", set())
    yield folder
    shutil.rmtree(folder)


class Running:
    """A server of a store."""

    def __init__(self, store: Path, thread: threading.Thread) -> None:
        self.store = store
        self.thread = thread
        self.path = Path(socket_paths.base(str(store)) + ".sock")

    def ask(
        self, target: str = ASK, method: str = "GET", lives: Callable[[], bool] | None = None, **said: str
    ) -> Reply:
        """As a command; `said`: headers that are another than its own."""
        headers = {**dict(who_asks()), "Accept": "text/plain", **{name.replace("_", "-"): said[name] for name in said}}
        connection = self.connect()
        try:
            return exchange(connection, method, target, list(headers.items()), lives)
        finally:
            connection.close()

    def connect(self) -> Any:
        """A connection of its own."""
        connection = client.connect(str(self.store))
        assert connection is not None
        connection.settimeout(30)
        return connection

    def state(self) -> State:
        """What it says of itself."""
        found = lifecycle.ask(self.store)
        assert found is not None
        return found

    def until(self, happens: Callable[[], object], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not happens():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.02)

    def has_left(self) -> bool:
        """Whether it leaves by itself."""
        self.thread.join(30)
        return not self.thread.is_alive()


@contextmanager
def running(
    store: Path, resident: ResidentSettings | None = None, settings: ServeSettings | None = None, *, ready: bool = True
) -> Iterator[Running]:
    said: list[str] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            serve(store, settings, said.append, lambda _: None, resident=resident or ResidentSettings(idle=60.0))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    one = Running(store, thread)
    try:
        one.until(lambda: said or failed)
        if ready:
            one.until(lambda: failed or one.state().ready)
        assert not failed
        yield one
    finally:
        lifecycle.ask(store, "stop")
        thread.join(30)
        assert not thread.is_alive()
        assert not failed
        assert not one.path.exists()


def kind_of(reply: Reply) -> tuple[int, str]:
    return reply.status, json.loads(reply.body)["type"]


def test_a_command_is_answered(indexed: Path) -> None:
    with running(indexed) as one:
        reply = one.ask()
        assert (reply.status, reply.one(EXIT_CODE), b"chelsea.png" in reply.body) == (200, "0", True)
        assert one.state() == State(os.getpid(), search.__version__, str(indexed), True, 1, 60.0, None, False)
        status = one.ask(f"{OWN}/status")
        assert status.body.startswith(f"store        {indexed} (".encode())
        assert one.state().answered == 2
        with search.connect(f"unix:{one.path}") as library:
            assert library.query("a cat", k=1)[0].path.endswith("photos/chelsea.png")
            assert library.status().folder == str(indexed)


def test_nobody_reaches_by_tcp_what_is_the_owners(indexed: Path) -> None:
    with client_of(indexed) as strangers:
        for method, path in (
            *(("GET", "/own/state"), ("POST", "/own/stop"), ("GET", "/own/fit"), ("GET", "/own/status")),
            *(("POST", "/own/search"), ("GET", "/own/roots"), ("POST", "/own/indexed")),
        ):
            problem(strangers.request(method, path, json={"q": "x"} if method == "POST" else None), 404, "not-found")
        assert not any("/own/" in path for path in strangers.get("/openapi.json").json()["paths"])


def test_a_server_of_a_page_answers_the_shell_and_stays(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    servers: list[Server] = []
    made = Server.__init__

    def kept(self: Server, *given: Any) -> None:
        servers.append(self)
        made(self, *given)

    monkeypatch.setattr(Server, "__init__", kept)
    with running(indexed, ResidentSettings(idle=0.2), ServeSettings(port=0)) as one:
        state = one.state()
        assert (state.idle, str(state.address).startswith("http://127.0.0.1:")) == (None, True)
        assert one.ask().status == 200
        time.sleep(0.5)
        assert one.state().answered == 1
        port = int(str(state.address).rstrip("/").rpartition(":")[2])
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/api/v1/own/state")
        answer = connection.getresponse()
        assert answer.status == 404
        answer.read()
        monkeypatch.setattr(own_sockets, "stamp", lambda: "another")
        assert kind_of(one.ask()) == (409, "outdated")
        one.until(lambda: not one.path.exists())  # for a server of the new code
        connection.request("GET", "/api/v1/health")
        assert connection.getresponse().status == 200
        connection.close()
        monkeypatch.setattr(Server, "__init__", made)
        with running(indexed) as another:
            assert another.ask().status == 200
        (server,) = servers
        server.should_exit = True  # as a signal has it
        assert one.has_left()


def test_a_second_one_finds_the_first(indexed: Path) -> None:
    said: list[str] = []
    with running(indexed) as one:
        serve(indexed, None, said.append, lambda _: None)
        assert said == [f"The server {os.getpid()} answers for {indexed} already."]
        assert one.ask().status == 200


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({ENVIRONMENT: "other"}, (409, "other-environment")),
        ({CODE: "elsewhere.code"}, (409, "other-code")),
        ({NODE: "1:2:3:4"}, (409, "other-folder")),
        ({HERE: "/no/such/folder"}, (409, "other-folder")),
        ({HERE: "%zz"}, (409, "other-folder")),
    ],
)
def test_who_has_something_else_answers_itself_and_the_server_stays(
    indexed: Path, said: dict[str, str], kind: tuple[int, str]
) -> None:
    with running(indexed) as one:
        assert kind_of(one.ask(**said)) == kind
        reply = one.ask()
        assert (reply.status, one.state().answered) == (200, 1)


def test_a_path_that_leads_to_another_store_by_now(store: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(store)
    with running(tmp_path / "link") as one:
        assert one.ask().status == 200
        (tmp_path / "link").unlink()
        (tmp_path / "link").symlink_to(tmp_path)
        one.store = store
        assert kind_of(one.ask()) == (409, "other-store")
        (tmp_path / "link").unlink()
        (tmp_path / "link").symlink_to(store)


def test_another_version_at_its_place_makes_it_leave(indexed: Path) -> None:
    with running(indexed) as one:
        newer = identities.identity().partition(".")[0] + ".newer"
        reply = one.ask(**{CODE: newer})
        assert (kind_of(reply), reply.one(IDLE)) == ((409, "outdated"), "60")
        assert one.has_left()


def test_code_that_has_changed_makes_it_leave(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(indexed) as one:
        monkeypatch.setattr(own_sockets, "stamp", lambda: "another")
        assert one.state().outdated
        assert one.ask().status == 409
        assert one.has_left()


def test_until_it_is_ready_commands_run_by_themselves(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end = threading.Event()
    answers = Batcher._answers

    def slow(self: Batcher, some: Any) -> Any:
        assert end.wait(30)
        return answers(self, some)

    monkeypatch.setattr(Batcher, "_answers", slow)
    with running(indexed, ready=False) as one:
        assert not one.state().ready
        assert kind_of(one.ask()) == (503, "not-ready")
        end.set()
        one.until(lambda: one.state().ready)
        assert one.ask().status == 200


def test_a_warm_up_that_fails_is_no_harm(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Batcher, some: Any) -> Any:
        raise RuntimeError("made up")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batcher, "_answers", fail)
        with running(indexed) as one:
            patch.undo()
            assert one.ask().status == 200


class Slow:
    """Queries take until `end` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.end = threading.Event(), threading.Event()
        self.asked: list[str] = []
        answers = Batcher._answers

        def slow(batcher: Batcher, some: Any) -> Any:
            self.asked += [each.query.label for each in some]
            self.begun.set()
            assert self.end.wait(30)
            return answers(batcher, some)

        monkeypatch.setattr(Batcher, "_answers", slow)


def asking(one: Running, found: list[Reply], **how: Any) -> threading.Thread:
    thread = threading.Thread(target=lambda: found.append(one.ask(**how)))
    thread.start()
    return thread


def test_a_command_that_has_to_wait_for_long_answers_itself(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(indexed, ResidentSettings(idle=60.0, patience=0.2)) as one:
        slow = Slow(monkeypatch)
        found: list[Reply] = []
        first = asking(one, found)
        assert slow.begun.wait(20)
        assert kind_of(one.ask()) == (503, "busy")
        slow.end.set()
        first.join(20)
        assert [each.status for each in found] == [200]


def test_a_slow_answer_is_waited_for_while_the_server_lives(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(indexed):
        slow = Slow(monkeypatch)
        monkeypatch.setattr(client, "SILENCE", 0.3)
        monkeypatch.setattr(http, "SILENCE", 0.3)
        found: list[Reply | None] = []
        thread = threading.Thread(target=lambda: found.append(client.ask(str(indexed), "GET", ASK)))
        thread.start()
        assert slow.begun.wait(20)
        time.sleep(1.0)
        assert found == []
        slow.end.set()
        thread.join(20)
        assert found[0] is not None
        assert found[0].status == 200


def test_a_client_that_goes_away_is_not_waited_for(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(indexed, ResidentSettings(idle=60.0, patience=30.0)) as one:
        slow = Slow(monkeypatch)
        gone = [one.connect() for _ in range(2)]
        for number, each in enumerate(gone):
            each.sendall(f"GET {API}/search?q=gone+{number} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert slow.begun.wait(20)
            time.sleep(0.3)
        for each in gone:
            each.close()
        time.sleep(0.3)
        slow.end.set()
        assert one.ask().status == 200
        assert slow.asked == ["gone 0", "a cat"]


def test_it_leaves_when_nobody_asks_and_not_before(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(indexed, ResidentSettings(idle=1.0)) as one:
        for _ in range(6):
            assert one.ask().status == 200
            time.sleep(0.4)
        slow = Slow(monkeypatch)
        found: list[Reply] = []
        thread = asking(one, found)
        time.sleep(2.0)  # it works meanwhile
        slow.end.set()
        thread.join(20)
        assert [each.status for each in found] == [200]
        assert one.has_left()


def test_told_to_stop_it_ends_what_it_has_begun(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(indexed) as one:
        slow = Slow(monkeypatch)
        found: list[Reply] = []
        thread = asking(one, found)
        assert slow.begun.wait(20)
        assert lifecycle.ask(indexed, "stop") is not None
        time.sleep(0.5)
        slow.end.set()
        thread.join(20)
        assert [each.status for each in found] == [200]
        assert one.has_left()


@pytest.mark.parametrize("replaced", [False, True])
def test_without_its_socket_it_leaves(indexed: Path, monkeypatch: pytest.MonkeyPatch, replaced: bool) -> None:
    """Nobody can come any more: old files in /tmp are deleted."""
    monkeypatch.setattr(own_sockets, "LOOK", 0.05)
    with running(indexed) as one:
        one.thread.join(0.5)
        assert one.thread.is_alive()
        one.path.rename(one.path.with_name("moved"))  # a file system may give the number of a deleted one again at once
        if replaced:
            one.path.touch()
        assert one.has_left()
        if replaced:
            one.path.unlink()


@pytest.mark.parametrize("data", [b"", b"Q\0\0\0\x05\0\0\0\x09x", b"\0" * 100, b"GET /x HTTP/1.1\r\nHost:"])
def test_garbage_is_sent_away_and_others_are_answered(indexed: Path, data: bytes) -> None:
    with running(indexed) as one:
        connection = one.connect()
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        assert b" 200 " not in connection.recv(1_000)
        connection.close()
        assert one.ask().status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells who is on the other side")
def test_another_user_is_sent_away(indexed: Path) -> None:
    with running(indexed) as one:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("search.web.connections.peer", lambda _: os.geteuid() + 1)
            with pytest.raises((HttpError, OSError)):
                one.ask()
        assert one.ask().status == 200


def test_a_store_that_was_changed_or_is_gone(store: Path, tmp_path: Path) -> None:
    with running(store) as one:
        assert b"chelsea.png" in one.ask().body
        with Library(store) as library:
            library.forget(*(each.path for each in library.collections()))
        reply = one.ask()
        assert (reply.status, reply.one(EXIT_CODE)) == (200, "1")
        store.rename(tmp_path / "aside")
        assert one.ask().status == 503


def test_an_answer_to_the_last_digit(indexed: Path) -> None:
    with running(indexed), Library(indexed) as library:
        cat = indexed.parent / "photos" / "chelsea.png"
        own = OwnLibrary(str(indexed))
        for query in (
            search.Query("a cat"),
            search.Query(image=cat),
            search.Query(image_bytes=cat.read_bytes(), name="(standard input)"),
            search.Query.parse("a cat -dog type:png sort:date min:1%"),
        ):
            for explain in (False, True):
                found = own.query(query, {"k": 5, "rerank": None, "reranker": None, "explain": explain})
                wanted = library.query(query, k=5, explain=explain)
                assert found.hits == wanted.hits
                assert (found.query, found.notes, found.cut) == (wanted.query, wanted.notes, wanted.cut)
        assert list(own.roots()) == [each.path for each in library.collections()]
        paths = [str(cat), "/no/such", os.fsdecode(b"/\xff")]
        assert own.indexed(paths) == library.indexed(*paths) != {}
    with pytest.raises(ServerError):
        own.roots()
