"""`search serve --port`, as a process: it says where it is, answers, and ends after finishing what runs."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli
from tests.fixtures.paths import ROOT


@contextmanager
def served(store: Path, *more: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the address that it prints."""
    command = [sys.executable, "-m", "search", "serve", "--store", str(store), "--port", "0", *more]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"are at (http://\S+) \(Ctrl-C ends the server\)$", line)
            assert found, (line, process.stderr and process.stderr.read())
            yield process, found[1]
        finally:
            if process.poll() is None:
                process.kill()


def get(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return json.load(answer)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_it_answers_and_finishes_what_runs(indexed: Path, how: signal.Signals) -> None:
    with served(indexed) as (process, address), concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        assert get(f"{address}api/v1/health")["status"] == "ok"
        asked = [pool.submit(get, f"{address}api/v1/search?q=a+cat+{number}&k=3") for number in range(4)]
        time.sleep(0.2)  # they have come in
        process.send_signal(how)
        assert [len(each.result()["hits"]) for each in asked] == [3] * 4
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
        with pytest.raises(OSError, match="refused"):
            get(f"{address}api/v1/health")


@pytest.mark.parametrize("after", [0.0, 0.05, 0.1])
def test_who_does_not_want_to_wait_sees_no_traceback(indexed: Path, after: float) -> None:
    with served(indexed) as (process, _):
        process.send_signal(signal.SIGINT)
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_who_stops_it_before_it_is_there_is_told_of_no_commit(indexed: Path) -> None:
    command = [sys.executable, "-m", "search", "serve", "--store", str(indexed), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            time.sleep(0.4)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    if not out:  # else it was quick
        assert (process.returncode, err) == (130, "\nsearch: stopped.\n")


def test_answers_of_one_connection_wait_for_no_acknowledgement(indexed: Path) -> None:
    """With Nagle's algorithm each takes 40 ms, the delay of the other side's ACK."""
    with served(indexed) as (_, address):
        connection = http.client.HTTPConnection(address.split("/")[2])
        took = []
        for _ in range(20):
            began = time.perf_counter()
            connection.request("GET", "/api/v1/health")
            connection.getresponse().read()
            took.append(time.perf_counter() - began)
        connection.close()
    assert statistics.median(took) < 0.03


def test_another_address_of_this_machine(indexed: Path) -> None:
    with served(indexed, "--host", "127.0.0.2") as (_, address):
        assert address.startswith("http://127.0.0.2:")
        assert get(f"{address}api/v1/health")["status"] == "ok"


def test_for_other_machines_there_is_a_token(indexed: Path) -> None:
    with served(indexed, "--host", "0.0.0.0") as (_, address):
        assert re.fullmatch(rf"http://{re.escape(socket.gethostname())}:\d+/\?token=[\w-]{{43}}", address)
    with served(indexed, "--host", "0.0.0.0", SEARCH_TOKEN="a-token-of-my-own") as (_, address):
        assert address.endswith("/")  # who gave it knows it, and the line may go into a log
        port = int(address.rstrip("/").rpartition(":")[2])
        assert asked(port, f"127.0.0.1:{port}", "/api/v1/health") == 401
        assert asked(port, f"127.0.0.1:{port}", "/api/v1/health", "a-token-of-my-own") == 200
        assert asked(port, f"127.0.0.1:{port}", "/?token=a-token-of-my-own") == 303


def test_names_that_are_given(indexed: Path) -> None:
    token = "a-token-of-my-own"
    names = ("--name", "nas.home", "--name", "photos.example")
    with served(indexed, "--host", "0.0.0.0", *names, SEARCH_TOKEN=token) as (_, address):
        port = int(address.rstrip("/").rpartition(":")[2])
        assert address == f"http://nas.home:{port}/"
        for host in ("nas.home:80", "photos.example", f"localhost:{port}"):
            assert asked(port, host, "/api/v1/health", token) == 200, host
        for host in ("evil.example", f"evil.nas.home:{port}"):
            assert asked(port, host, "/api/v1/health", token) == 421, host


def asked(port: int, host: str, path: str, token: str | None = None) -> int:
    """The status of the answer to a request for `host`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(
            "GET", path, headers={"Host": host} | ({"Authorization": f"Bearer {token}"} if token else {})
        )
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_port_in_use_is_told(cli: Cli, indexed: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        answer = cli("serve", "-s", indexed, "--port", port)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        f"search: Port {port} of 127.0.0.1 is in use; end what listens there, or give another --port (0: any).\n"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--port", "70000"), "--port takes a number from 0 to 65535, not 70000."),
        (("--port", "-1"), "--port takes a number from 0 to 65535, not -1."),
        (("--port", "0", "--host", "192.0.2.1"), "192.0.2.1 is no address of this machine; 127.0.0.1 is one."),
        (("--port", "0", "--host", "no.such.host.invalid"), "no.such.host.invalid is no address of this machine;"),
        (
            ("--port", "0", "--background"),
            "--background, --stop and --status take no --port, --open, --host and --name;",
        ),
        (
            ("--host", "127.0.0.1", "--stop"),
            "--background, --stop and --status take no --port, --open, --host and --name;",
        ),
        (
            ("--name", "nas.home", "--status"),
            "--background, --stop and --status take no --port, --open, --host and --name;",
        ),
        (("--port", "0", "--name", "http://nas.home/"), "http://nas.home/ is no name of a host;"),
        (("--port", "0", "--name", "nas.home:8765"), "nas.home:8765 is no name of a host;"),
    ],
)
def test_wrong_use_is_one_sentence(cli: Cli, indexed: Path, given: tuple[str, ...], said: str) -> None:
    answer = cli("serve", "-s", indexed, *given)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"search: {said}")
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("short", "SEARCH_TOKEN has 5 characters, and fewer than 16 can be guessed; give a longer one."),
        (
            "\u00fcml\u00e4ut" * 3,
            "SEARCH_TOKEN holds what is no letter, digit or sign of ASCII; give one without that.",
        ),
        (
            "line\tbreaks-and-tabs",
            "SEARCH_TOKEN holds what is no letter, digit or sign of ASCII; give one without that.",
        ),
        ("of-a-file-with-an-end\n", "SEARCH_TOKEN holds a space or a line break; give one without that."),
        ("with spaces in between", "SEARCH_TOKEN holds a space or a line break; give one without that."),
        ("", "SEARCH_TOKEN is set and empty: what it is taken from is missing; set it to a token, or unset it."),
        (" \n", "SEARCH_TOKEN is set and empty: what it is taken from is missing; set it to a token, or unset it."),
    ],
)
def test_a_token_that_keeps_nobody_out_is_refused(
    cli: Cli, indexed: Path, monkeypatch: pytest.MonkeyPatch, host: str, token: str, said: str
) -> None:
    monkeypatch.setenv("SEARCH_TOKEN", token)
    answer = cli("serve", "-s", indexed, "--port", "0", "--host", host)
    assert (answer.code, answer.out, answer.err) == (2, "", f"search: {said}\n")


def test_a_token_that_is_given_is_asked_for_on_this_machine_too(indexed: Path) -> None:
    with served(indexed, SEARCH_TOKEN="a-token-of-my-own") as (_, address):
        port = int(address.rstrip("/").rpartition(":")[2])
        assert asked(port, f"localhost:{port}", "/api/v1/health") == 401
        assert asked(port, f"localhost:{port}", "/api/v1/health", "a-token-of-my-own") == 200


def test_a_store_that_is_missing_or_broken(cli: Cli, tmp_path: Path) -> None:
    answer = cli("serve", "-s", tmp_path / "none", "--port", "0")
    assert (answer.code, answer.out) == (2, "")
    assert "There is no index at" in answer.err
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "catalog.sqlite").write_bytes(b"no database" * 1000)
    answer = cli("serve", "-s", tmp_path / "broken", "--port", "0")
    assert (answer.code, answer.out) == (4, "")


def test_the_page_opens_by_itself(indexed: Path, tmp_path: Path) -> None:
    """As far as this goes without a desktop: a browser of our own notes what it is given."""
    note = tmp_path / "opened"
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\nprintf %s "$1" > {note}\n')
    opener.chmod(0o755)
    path = f"{opener.parent}{os.pathsep}{os.environ['PATH']}"
    with served(indexed, "--open", PATH=path, DISPLAY=":99") as (_, address):
        deadline = time.monotonic() + 10
        while not note.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert note.read_text() == address


def test_without_a_desktop_it_says_so_before_it_serves(
    cli: Cli, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    answer = cli("serve", "-s", indexed, "--port", "0", "--open")
    assert answer.code == 2
    assert "no desktop" in answer.err


def test_a_plain_query_and_help_do_not_know_the_server() -> None:
    code = (
        "import sys\n"
        "from search.__main__ import run\n"
        "try:\n    run(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "heavy = {'fastapi', 'uvicorn', 'starlette', 'prometheus_client', 'anyio'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    for arguments in (["--help"], ["serve", "--help"], ["serve", "--status", "--store", "/nowhere"]):
        found = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT)
        assert found.stderr.splitlines()[-1] == "[]", arguments
