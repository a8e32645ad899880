"""The server over the store's own socket, with real processes: same answers, its lifecycle, and what goes wrong."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

import pytest
from PIL import Image

from search.console import exit_codes
from search.resident import lifecycle, socket_paths
from search.resident.lifecycle import State
from tests.fixtures.paths import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes that are left in /proc"),
]

LIGHT = ("re", "enum", "typing", "collections", "functools", "socket", "json", "pathlib", "hashlib", "subprocess")
HEAVY = ("typer", "click", "rich", "numpy", "sqlalchemy", "faiss", "onnxruntime", "platformdirs", "filelock")


class Shell:
    """Runs commands as a person does, with sockets in a folder of their own."""

    def __init__(self, runtime: Path, package: Path = ROOT) -> None:
        self.runtime = runtime
        self.variables = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), "TMPDIR": str(runtime)}
        self.variables["PYTHONPATH"] = str(package)
        for name in ("SEARCH_STORE", "SEARCH_RESIDENT"):
            self.variables.pop(name, None)

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "search", *map(str, arguments)]

    def run(self, *arguments: object, here: Path | None = None, **variables: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            check=False,
            cwd=here or self.runtime,
            env={**self.variables, **variables},
            timeout=300,
        )

    def start(self, *arguments: object, **variables: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.runtime,
            env={**self.variables, **variables},
        )

    def serve(self, store: Path, *more: object) -> State:
        done = self.run("serve", "--background", "-s", store, *more)
        assert done.returncode == 0, done
        state = lifecycle.ask(store)
        assert state is not None
        assert state.ready
        return state

    def left_over(self) -> list[int]:
        """Processes that were started with our folder of sockets."""
        mark = f"XDG_RUNTIME_DIR={self.runtime}\0".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    environment = (entry / "environ").read_bytes()
                except OSError:
                    continue
                if mark in environment:
                    found.append(int(entry.name))
        return found


@contextmanager
def a_shell() -> Iterator[Shell]:
    """With a folder of sockets of its own; whatever it started is ended with it."""
    runtime = Path(mkdtemp(prefix="r-", dir="/tmp"))  # paths of sockets are short
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        opened = Shell(runtime)
        yield opened
        while pids := opened.left_over():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
    shutil.rmtree(runtime)


@pytest.fixture
def shell() -> Iterator[Shell]:
    with a_shell() as opened:
        yield opened


@pytest.fixture(scope="module")
def with_resident(indexed: Path) -> Iterator[Shell]:
    """A process answers for `indexed`. For tests that leave it as it is."""
    with a_shell() as opened:
        opened.serve(indexed)
        yield opened


@pytest.fixture
def served(with_resident: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The same, whatever shell another test had in between."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(with_resident.runtime))
    return with_resident


def until(happens: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def answered(store: Path) -> int:
    state = lifecycle.ask(store)
    return -1 if state is None else state.answered


def without_times(text: bytes) -> bytes:
    return re.sub(rb'"seconds": \{[^}]*\}', b"", text)


# -- answers ------------------------------------------------------------------------------------------------


def test_answers_are_the_same_with_and_without(served: Shell, indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    lines: list[list[object]] = [
        ["query", "a cat"],
        ["query", "a red car", "-k", "3", "--json"],
        ["query", "a cat", "-0"],
        ["query", "photos/chelsea.png", "--to", "any"],
        ["query", "a cat", "--sheet", tmp_path / "x" / "sheet.html"],
        ["query", "a cat", "--min-probability", "0.999"],
        ["query", "nowhere.jpg"],
        ["query", "a cat", "--frobnicate"],
        ["query", "--", "-k"],
        ["status"],
    ]

    def all_of_it(**variables: str) -> list[tuple[int, bytes, bytes, bytes]]:
        found = []
        for line in lines:
            done = served.run(*line, here=indexed.parent, SEARCH_STORE="photos.search", **variables)
            sheet = tmp_path / "x" / "sheet.html"
            found.append(
                (done.returncode, without_times(done.stdout), done.stderr, sheet.exists() and sheet.read_bytes())
            )
            sheet.unlink(missing_ok=True)
        return found

    before = answered(indexed)
    helped = all_of_it()
    assert answered(indexed) - before == len(lines) - 3  # three fail before the store is looked at
    assert helped == all_of_it(SEARCH_RESIDENT="off")
    assert answered(indexed) - before == len(lines) - 3
    assert {code for code, *_ in helped} == {0, 1, 2}


def test_what_belongs_to_the_commands_own_process_is_done_there(served: Shell, indexed: Path, tmp_path: Path) -> None:
    """It reads its standard input and pipes itself; the server answers with the image that it is sent."""
    before = answered(indexed)
    cat = indexed.parent / "photos" / "chelsea.png"
    for name in ("-", "/dev/stdin"):
        with cat.open("rb") as stream:
            done = subprocess.run(
                served.command("query", name, "-k", "1", "--paths", "-s", indexed),
                stdin=stream,
                capture_output=True,
                env=served.variables,
                timeout=300,
                check=False,
            )
        assert (done.returncode, done.stdout, done.stderr) == (0, os.fsencode(cat) + b"\n", b"")
    reading, writing = os.pipe()
    with open(writing, "wb") as pipe:
        pipe.write(cat.read_bytes()[:10])
    refused = subprocess.run(
        served.command("query", f"/dev/fd/{reading}", "-s", indexed),
        pass_fds=[reading],
        capture_output=True,
        env=served.variables,
        timeout=300,
        check=False,
    )
    os.close(reading)
    assert (refused.returncode, b"cannot be used" in refused.stderr) == (2, True)
    assert answered(indexed) - before == 2
    assert served.run("query", "-", "--text", "-s", indexed).returncode == 0
    assert answered(indexed) - before == 3


def test_copies_and_pages_are_made_and_opened_by_the_commands_own_process(
    served: Shell, indexed: Path, tmp_path: Path
) -> None:
    """The server finds; the rest is done with the folder, the rights and the screen of the command."""
    before = answered(indexed)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "xdg-open"
    program.write_text('#!/bin/sh\nprintf %s "$1" > "$NOTE"\n')
    program.chmod(0o755)
    screen = {"DISPLAY": ":9", "NOTE": str(tmp_path / "opened"), "PATH": f"{tmp_path / 'bin'}{os.pathsep}/usr/bin:/bin"}
    (tmp_path / "here").mkdir()

    def both(*arguments: object, copied: str, **variables: str) -> tuple[int, bytes, bytes]:
        """The answer, the same with the resident process and without it."""
        found = []
        for more in ({}, {"SEARCH_RESIDENT": "off"}):
            shutil.rmtree(tmp_path / "here" / "picks", ignore_errors=True)
            done = served.run(*arguments, "-s", indexed, here=tmp_path / "here", **{**variables, **more})
            assert sorted(os.listdir(tmp_path / "here")) == ([copied] if copied else [])
            found.append((done.returncode, without_times(done.stdout), done.stderr))
        assert found[0] == found[1]
        return found[0]

    cat = ("query", "a cat", "-k", "1", "--copy-to", "picks")
    code, out, err = both(*cat, copied="picks")
    assert (code, err) == (0, b"")
    assert out.endswith(b"picks: 1\n")
    assert (tmp_path / "here" / "picks" / "chelsea.png").exists()
    assert b'"copied": 1' in both(*cat, "--json", copied="picks")[1]
    assert both(*cat, "--min-probability", "0.9999", copied="")[0] == 1
    assert answered(indexed) - before == 3
    opened = served.run("query", "a cat", "-k", "1", "-s", indexed, "--open", **screen)
    assert (opened.returncode, opened.stderr) == (0, b"")
    page = Path((tmp_path / "opened").read_text())
    assert opened.stdout.splitlines()[-1] == f"Contact sheet: {page}".encode()
    assert page.read_text().count("data:image/jpeg;base64,") == 1
    shutil.rmtree(page.parent)
    assert answered(indexed) - before == 4
    nowhere = served.run(
        "query", "a cat", "-k", "1", "-s", indexed, "--open", DISPLAY="", WAYLAND_DISPLAY="", BROWSER=""
    )
    assert (nowhere.returncode, nowhere.stdout, b"There is no desktop here" in nowhere.stderr) == (2, b"", True)
    assert answered(indexed) - before == 4  # it was not even asked
    assert not list(served.runtime.glob("search-*/hits.html"))


def test_what_it_was_not_started_for_is_answered_without_it(served: Shell, indexed: Path, store: Path) -> None:
    before = answered(indexed)
    assert served.run("query", "a cat", "-s", indexed, SEARCH_THREADS="1").returncode == 0
    assert served.run("query", "a cat", "-s", indexed, "--no-resident").returncode == 0
    assert served.run("query", "a cat", "-s", store).returncode == 0
    assert served.run("query", "a cat", "-s", indexed, PYTHONIOENCODING="latin-1").returncode == 0  # this is known
    assert answered(indexed) - before == 1
    wrong = served.run("query", "a cat", "-s", indexed, SEARCH_RESIDENT="perhaps")
    assert wrong.returncode == 2
    assert b"auto or off" in wrong.stderr


def test_a_closed_pipe_is_no_error(served: Shell, indexed: Path) -> None:
    before = answered(indexed)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        served.command("query", "a cat", "-s", indexed), stdout=writing, stderr=subprocess.PIPE, env=served.variables
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
    assert answered(indexed) - before == 1


def imported_by(served: Shell, *arguments: str) -> list[str]:
    program = (
        "import sys\nbefore = set(sys.modules)\n"
        f"sys.argv = ['search', *{arguments!r}]\n"
        "from search.__main__ import main\n"
        "sys.modules['os']._exit = sys.exit\n"
        "try:\n    main()\nexcept SystemExit as left:\n    assert left.code == 0\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=served.variables, check=True
    )
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize("command", [["query", "a cat", "-k", "1"], ["status"]])
def test_a_plain_command_through_it_imports_next_to_nothing(served: Shell, indexed: Path, command: list[str]) -> None:
    before = answered(indexed)
    imported = imported_by(served, *command, "-s", str(indexed))
    assert answered(indexed) - before == 1
    assert not set(imported) & {*LIGHT, *HEAVY}
    assert len(imported) < 25, imported


def test_a_query_by_image_through_it_imports_nothing_heavy(served: Shell, indexed: Path) -> None:
    before = answered(indexed)
    cat = str(indexed.parent / "photos" / "chelsea.png")
    imported = imported_by(served, "query", cat, "-k", "1", "-s", str(indexed))
    assert answered(indexed) - before == 1
    assert not set(imported) & {*HEAVY, "http.client", "PIL", "search.library"}


def test_a_photograph_that_is_indexed_meanwhile_is_found(
    shell: Shell, store: Path, real_photos: Path, tmp_path: Path
) -> None:
    shell.serve(store)
    (tmp_path / "new").mkdir()
    with Image.open(real_photos / "rocket.jpg") as rocket:  # another picture: copies are one hit
        rocket.convert("RGB").crop((10, 10, rocket.width - 10, rocket.height - 10)).save(tmp_path / "new" / "mine.jpg")
    assert b"mine.jpg" not in shell.run("query", "a rocket", "-s", store, "--paths").stdout
    assert shell.run("index", tmp_path / "new", "-s", store, "-q").returncode == 0
    assert b"mine.jpg" in shell.run("query", "a rocket", "-s", store, "--paths", "-k", 100).stdout
    assert shell.run("forget", tmp_path / "new", "-s", store).returncode == 0
    assert b"mine.jpg" not in shell.run("query", "a rocket", "-s", store, "--paths", "-k", 100).stdout
    assert answered(store) == 3


def test_a_store_that_is_made_anew_or_repaired_is_read_anew(
    shell: Shell, store: Path, real_photos: Path, tmp_path: Path
) -> None:
    shell.serve(store)
    shutil.rmtree(store)
    gone = shell.run("query", "a rocket", "-s", store)
    assert (gone.returncode, b"There is no index" in gone.stderr) == (2, True)
    (tmp_path / "new").mkdir()
    shutil.copy(real_photos / "rocket.jpg", tmp_path / "new" / "mine.jpg")
    assert shell.run("index", tmp_path / "new", "-s", store, "-q").returncode == 0
    assert shell.run("query", "a rocket", "-s", store, "--paths").stdout.endswith(b"/mine.jpg\n")
    (store / "catalog.sqlite").write_bytes(b"no database at all" * 500)
    assert shell.run("query", "a rocket", "-s", store).returncode == 4
    assert shell.run("doctor", "--repair", "-s", store).returncode == 0
    assert shell.run("index", tmp_path / "new", "-s", store, "-q").returncode == 0
    assert shell.run("query", "a rocket", "-s", store, "--paths").stdout.endswith(b"/mine.jpg\n")
    assert answered(store) == 2  # what is wrong is said by the command itself


def test_an_interrupted_query_is_130_and_the_process_lives(shell: Shell, indexed: Path) -> None:
    state = shell.serve(indexed)
    os.kill(state.pid, signal.SIGSTOP)
    asking = shell.start("query", "a cat", "-s", indexed)
    time.sleep(1)
    asking.send_signal(signal.SIGINT)
    out, err = asking.communicate(timeout=60)
    os.kill(state.pid, signal.SIGCONT)
    assert (asking.returncode, out) == (130, b"")
    assert err == b"\nsearch: stopped.\n"
    assert shell.run("query", "a cat", "-s", indexed).returncode == 0
    assert answered(indexed) >= 1


# -- its life -----------------------------------------------------------------------------------------------


def test_start_status_stop(shell: Shell, store: Path) -> None:
    assert shell.run("serve", "--status", "-s", store).returncode == 1
    assert shell.run("serve", "--stop", "-s", store).returncode == 1
    state = shell.serve(store, "--idle", "77")
    assert state.idle == 77
    base = socket_paths.base(str(store))
    assert os.stat(base + ".sock").st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(base)).st_mode & 0o777 == 0o700
    again = shell.run("serve", "--background", "-s", store)
    assert (again.returncode, f" {state.pid} ".encode() in again.stdout) == (0, True)
    foreground = shell.run("serve", "-s", store)
    assert (foreground.returncode, b"already" in foreground.stdout) == (0, True)
    assert f" {state.pid} ".encode() in shell.run("serve", "--status", "-s", store).stdout
    assert shell.run("serve", "--stop", "-s", store).returncode == 0
    assert not os.path.exists(base + ".sock")
    until(lambda: not shell.left_over())  # it has let go of the store; the interpreter takes a moment to end


def test_in_the_foreground_it_says_where_and_ends_with_ctrl_c_or_sigterm(shell: Shell, store: Path) -> None:
    for ends in (signal.SIGINT, signal.SIGTERM):
        process = shell.start("serve", "-s", store)
        assert process.stdout is not None
        said = process.stdout.readline().decode()
        assert socket_paths.base(str(store)) + ".sock" in said
        until(lambda: getattr(lifecycle.ask(store), "ready", False))
        assert shell.run("query", "a cat", "-s", store).returncode == 0
        assert answered(store) == 1
        process.send_signal(ends)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, b"")
        assert not os.path.exists(socket_paths.base(str(store)) + ".sock")


def test_it_leaves_when_idle(shell: Shell, store: Path) -> None:
    assert shell.run("serve", "--background", "-s", store, "--idle", "1").returncode == 0
    until(lambda: not shell.left_over())
    assert not os.path.exists(socket_paths.base(str(store)) + ".sock")
    assert shell.run("query", "a cat", "-s", store).returncode == 0


def test_two_that_start_at_once(shell: Shell, store: Path) -> None:
    both = [shell.start("serve", "--background", "-s", store) for _ in range(2)]
    outs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outs
    state = lifecycle.ask(store)
    assert state is not None
    assert all(f" {state.pid} ".encode() in out for out, _ in outs)
    until(lambda: shell.left_over() == [state.pid])


@pytest.mark.parametrize("how", ["variable", "option"])
def test_the_first_query_starts_it_when_the_user_says_so(shell: Shell, store: Path, how: str) -> None:
    variables = {"SEARCH_RESIDENT": "auto"} if how == "variable" else {}
    more = ["--resident"] if how == "option" else []
    first = shell.run("query", "a cat", "-s", store, *more, **variables)
    assert first.returncode == 0
    until(lambda: getattr(lifecycle.ask(store), "ready", False))
    second = shell.run("query", "a cat", "-s", store, *more, **variables)
    assert (second.returncode, second.stdout) == (0, first.stdout)
    assert answered(store) == 1
    assert len(shell.left_over()) == 1


def test_without_being_told_no_query_starts_it(shell: Shell, store: Path) -> None:
    assert shell.run("query", "a cat", "-s", store).returncode == 0
    assert shell.run("query", "a cat", "-s", store, "--no-resident", SEARCH_RESIDENT="auto").returncode == 0
    assert not shell.left_over()
    assert not (shell.runtime / socket_paths.APPLICATION).exists()


# -- what goes wrong ----------------------------------------------------------------------------------------


def test_a_killed_process_leaves_a_socket_that_is_replaced(shell: Shell, store: Path) -> None:
    first = shell.serve(store)
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: not shell.left_over())
    assert os.path.exists(socket_paths.base(str(store)) + ".sock")
    assert shell.run("query", "a cat", "-s", store).returncode == 0
    second = shell.serve(store)
    assert second.pid != first.pid
    assert shell.run("query", "a cat", "-s", store).returncode == 0
    assert answered(store) == 1


def test_a_process_whose_socket_was_deleted_makes_way_for_another(shell: Shell, store: Path) -> None:
    first = shell.serve(store)
    os.unlink(socket_paths.base(str(store)) + ".sock")
    assert shell.run("query", "a cat", "-s", store).returncode == 0
    second = shell.serve(store)
    assert second.pid != first.pid
    until(lambda: first.pid not in shell.left_over())
    assert shell.run("query", "a cat", "-s", store).returncode == 0
    assert answered(store) == 1


def test_a_process_that_is_killed_at_work_costs_no_answer(shell: Shell, store: Path) -> None:
    state = shell.serve(store)
    os.kill(state.pid, signal.SIGSTOP)
    asking = shell.start("query", "a cat", "-k", "1", "--paths", "-s", store)
    time.sleep(0.5)
    os.kill(state.pid, signal.SIGKILL)
    out, err = asking.communicate(timeout=60)
    assert (asking.returncode, err) == (0, b"")
    assert out.endswith(b"chelsea.png\n")


def test_a_process_that_hangs_costs_some_seconds(shell: Shell, store: Path) -> None:
    state = shell.serve(store)
    os.kill(state.pid, signal.SIGSTOP)
    done = shell.run("query", "a cat", "-k", "1", "--paths", "-s", store)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b"chelsea.png\n")


def test_a_process_of_another_version_is_replaced(shell: Shell, store: Path, tmp_path: Path) -> None:
    package = tmp_path / "installed"
    for name in ("search", "indexer"):
        shutil.copytree(ROOT / name, package / name, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "data").symlink_to(ROOT / "data")
    installed = Shell(shell.runtime, package)
    first = installed.serve(store, "--idle", "500")
    elsewhere = shell.run("query", "a cat", "-s", store)  # another installation does not disturb it
    assert (elsewhere.returncode, answered(store)) == (0, 0)
    code = package / "search" / "__init__.py"
    code.write_text(code.read_text().replace('__version__ = "', '__version__ = "9.'))
    done = installed.run("query", "a cat", "-k", "1", "--paths", "-s", store)
    assert done.returncode == 0
    assert done.stdout.endswith(b"chelsea.png\n")

    def is_replaced() -> bool:
        state = lifecycle.ask(store)
        return state is not None and state.ready and state.pid != first.pid

    until(is_replaced)
    state = lifecycle.ask(store)
    assert state is not None
    assert (state.version[:2], state.idle, answered(store)) == ("9.", 500, 0)
    assert installed.run("query", "a cat", "-s", store).returncode == 0
    assert answered(store) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_output_that_nobody_reads_or_that_is_lost(shell: Shell, store: Path) -> None:
    """The command itself prints what the server has answered, and says what went wrong with that."""
    shell.serve(store)
    before = answered(store)
    query = shell.command("query", "a cat", "-s", store)
    with open("/dev/full", "w") as full:
        lost = subprocess.run(query, stdout=full, stderr=subprocess.PIPE, check=False, env=shell.variables)
    reading, writing = os.pipe()
    os.close(reading)
    left = subprocess.run(query, stdout=writing, stderr=subprocess.PIPE, check=False, env=shell.variables)
    os.close(writing)
    assert lost.returncode == exit_codes.WRONG_USE
    assert lost.stderr.startswith(b"search: the output cannot be written (No space left on device)")
    assert (left.returncode, left.stderr) == (exit_codes.FOUND, b"")
    assert answered(store) == before + 2


def test_what_is_no_server_of_ours_is_not_believed(shell: Shell, store: Path) -> None:
    import socket

    assert socket_paths.prepare()
    base = socket_paths.base(str(store))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as liar, open(base + ".lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        liar.bind(base + ".sock")
        liar.listen(5)
        asking = shell.start("query", "a cat", "-k", "1", "--paths", "-s", store)
        connection, _ = liar.accept()
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" * 10)
        connection.close()
        out, err = asking.communicate(timeout=60)
        assert (asking.returncode, err) == (0, b"")
        assert out.endswith(b"chelsea.png\n")


def test_a_folder_that_others_can_write_is_not_used(shell: Shell, store: Path) -> None:
    shell.serve(store)
    os.chmod(os.path.dirname(socket_paths.base(str(store))), 0o777)
    done = shell.run("query", "a cat", "-k", "1", "--paths", "-s", store)
    assert done.stdout.endswith(b"chelsea.png\n")
    for more in ([], ["--status"], ["--stop"]):
        refused = shell.run("serve", "-s", store, *more)
        assert (refused.returncode, b"is open to others (0777); close it with `chmod 700 " in refused.stderr) == (
            2,
            True,
        )
    said = shell.run("query", "a cat", "-k", "1", "--paths", "-s", store, "--resident")
    assert (said.returncode, b"is open to others" in said.stderr) == (0, True)
    with shell.start("serve", "-s", store, "--port", "0") as page:
        assert page.stdout is not None
        assert b"are at http://" in page.stdout.readline()
        assert page.stdout.readline().startswith(b"Commands of the shell do without it. The folder ")
        page.send_signal(signal.SIGINT)
        assert page.wait(30) == 0
    os.chmod(os.path.dirname(socket_paths.base(str(store))), 0o700)
    assert answered(store) == 0


def test_a_page_takes_the_socket_over_from_a_server_that_leaves(shell: Shell, store: Path) -> None:
    shell.serve(store)
    with shell.start("serve", "-s", store, "--port", "0") as page:
        assert page.stdout is not None
        address = page.stdout.readline().split(b" are at ")[1].split()[0].decode()
        assert (state := lifecycle.ask(store)) is not None
        assert state.address is None
        assert shell.run("serve", "--stop", "-s", store).returncode == 0
        deadline = time.monotonic() + 60
        while (state := lifecycle.ask(store)) is None or not state.ready:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert (state.pid, state.address) == (page.pid, address)
        assert shell.run("query", "a cat", "-k", "1", "--paths", "-s", store).stdout.endswith(b"chelsea.png\n")
        assert answered(store) == 1
        assert shell.run("serve", "--stop", "-s", store).returncode == 0
        assert page.wait(30) == 0
    assert lifecycle.ask(store) is None


def test_serving_nothing_is_refused(shell: Shell, tmp_path: Path, store: Path) -> None:
    for more in ([], ["--background"]):
        done = shell.run("serve", "-s", tmp_path / "nothing", *more)
        assert (done.returncode, b"There is no index" in done.stderr) == (2, True)
    for wrong in (["--idle", "0"], ["--idle", "nan"], ["--stop", "--status"]):
        assert shell.run("serve", "-s", store, *wrong).returncode == 2
    assert not shell.left_over()


def test_queries_at_once_are_all_answered(served: Shell, indexed: Path) -> None:
    asking = [served.start("query", "a cat", "-k", "1", "--json", "-s", indexed) for _ in range(6)]
    outs = [process.communicate(timeout=120) for process in asking]
    assert all(process.returncode == 0 for process in asking), outs
    assert len({json.loads(out)["hits"][0]["path"] for out, _ in outs}) == 1
