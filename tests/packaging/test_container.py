"""The Dockerfile, as far as it can be tried without a daemon: what it copies is there, what it starts works."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from search.web.serving import _GRACE
from tests.fixtures.paths import ROOT

DOCKERFILE = ROOT / "packaging" / "server" / "Dockerfile"
HEALTH = ROOT / "packaging" / "server" / "health.py"
TOKEN = "a-token-of-a-container"


@dataclass(frozen=True)
class Instruction:
    """One line of a Dockerfile, continued lines joined."""

    name: str
    rest: str


def instructions() -> list[Instruction]:
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", " ", text)
    return [Instruction(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def last(name: str) -> str:
    """What the instruction that counts says."""
    return [each.rest for each in instructions() if each.name == name][-1]


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in last("ENV").split())


def copied() -> list[str]:
    """What is copied from the checkout."""
    rows = [each.rest.split() for each in instructions() if each.name == "COPY"]
    return [source for row in rows if not row[0].startswith("--from") for source in row[:-1]]


def test_all_that_it_copies_is_there_and_sent_to_the_builder() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for source in copied():
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in sent, source


def test_what_the_light_form_is_built_from_is_copied() -> None:
    hook = (ROOT / "packaging" / "light" / "hatch_build.py").read_text()
    tree: dict[str, object] = {}
    exec(compile(hook.partition("\nfrom hatchling")[0] + "\n" + _constants(hook), "hook", "exec"), tree)
    needed = [*tree["WHEEL"], *tree["SOURCES"]]  # type: ignore[misc]
    for name in needed:
        assert any(name == source or name.startswith(f"{source}/") for source in copied()), name
    with (ROOT / "pyproject.toml").open("rb") as stream:
        lowest = tomllib.load(stream)["project"]["requires-python"]
    assert last("FROM").startswith("python:3.")
    assert f">={last('FROM').removeprefix('python:').partition('-')[0]}" >= lowest.partition(",")[0]


def _constants(hook: str) -> str:
    found = re.search(r"^WHEEL = \{.*?^\}", hook, re.MULTILINE | re.DOTALL)
    assert found is not None
    sources = re.search(r"^SOURCES = .*$", hook, re.MULTILINE)
    assert sources is not None
    return f"{found[0]}\n{sources[0]}"


def test_it_runs_as_nobody_in_particular_and_writes_into_volumes_alone() -> None:
    user = last("USER").partition(":")[0]
    assert user.isdecimal()
    assert int(user) > 0
    assert json.loads(last("VOLUME")) == ["/store", "/photographs", "/cache"]
    given = environment()
    assert Path(given["SEARCH_STORE"]).parent == Path("/store")
    assert given["SEARCH_CACHE"] == given["HOME"] == "/cache"
    owned = next(each.rest for each in instructions() if each.name == "RUN" and "chown" in each.rest)
    assert f"chown {user}:{user} /store /cache" in owned  # photographs are read, and belong to whom they belong
    assert "SEARCH_TOKEN" not in DOCKERFILE.read_text()  # of no image, and no layer


def read_only_root(*volumes: Path) -> list[str]:
    """What runs a command so; nothing where only an administrator could."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        return []
    mounts = [f"mount --bind '{volume}' '{volume}'" for volume in volumes]
    steps = ["mount --make-rprivate /", *mounts, "mount -o remount,ro,bind /", "! touch /written 2>&-", 'exec "$@"']
    return ["unshare", "-m", "sh", "-c", " && ".join(steps), "sh"]


@contextmanager
def container(store: Path, cache: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Its command, with its environment, at a free port: the process, its address on this machine, what it printed.

    Where the tests may, with a root that is read-only, volumes apart.
    """
    entry, arguments = json.loads(last("ENTRYPOINT")), json.loads(last("CMD"))
    assert entry == ["search"]
    arguments[arguments.index("--port") + 1] = "0"
    given = environment() | {"SEARCH_STORE": str(store), "SEARCH_CACHE": str(cache), "HOME": str(cache)}
    given |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-m", "search", *arguments]
    with subprocess.Popen(
        (*read_only_root(store, cache), *command),
        env=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"are at http://\S+:(\d+)/", line)
            assert found, (line, process.stderr and process.stderr.read())
            yield process, f"http://127.0.0.1:{found[1]}", line
        finally:
            process.kill()


def health(address: str, token: str | None = None) -> int:
    command = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert command == ["python", "/opt/health.py"]
    assert "COPY packaging/server/health.py /opt/health.py" in DOCKERFILE.read_text()
    bare = {name: value for name, value in os.environ.items() if name != "SEARCH_TOKEN"}
    given = bare if token is None else bare | {"SEARCH_TOKEN": token}
    return subprocess.run([sys.executable, HEALTH, address], env=given, timeout=30, check=False).returncode


@pytest.fixture
def volumes(indexed: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A store and a cache."""
    (tmp_path / "cache").mkdir()
    return Path(shutil.copytree(indexed, tmp_path / "store")), tmp_path / "cache"


def test_it_serves_and_its_health_check_tells(volumes: tuple[Path, Path]) -> None:
    with container(*volumes, SEARCH_TOKEN=TOKEN) as (process, address, line):
        assert TOKEN not in line
        assert health(address, TOKEN) == 0
        assert health(address, "another-token-than-that") == 1
        assert status(address, "/api/v1/search?q=a+cat&k=1", TOKEN) == 200
        assert status(address, "/api/v1/search?q=a+cat&k=1", None) == 401
        process.send_signal(getattr(signal, last("STOPSIGNAL")))
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert health(address, TOKEN) == 1


def test_a_token_of_its_own_is_printed_once_and_needed_by_no_health_check(volumes: tuple[Path, Path]) -> None:
    with container(*volumes) as (process, address, line):
        found = re.search(r"\?token=([\w-]{43}) ", line)
        assert found is not None
        assert health(address) == 0
        assert status(address, "/api/v1/status", found[1]) == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stdout is not None
        assert found[1] not in process.stdout.read()


def test_a_service_that_is_another_one_is_not_healthy() -> None:
    assert health("http://127.0.0.1:1") == 1


def test_it_may_finish_what_runs() -> None:
    run = (ROOT / "docs" / "server.md").read_text().split("docker run -d")[1].split("\n\n")[0]
    patience = re.search(r"--stop-timeout (\d+)", run)
    assert patience is not None
    assert int(patience[1]) > _GRACE


def status(address: str, path: str, token: str | None) -> int:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
    try:
        connection.request("GET", path, headers={} if token is None else {"Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    finally:
        connection.close()
