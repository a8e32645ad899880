"""The units of systemd: as systemd reads them, and what they start, with the environment that they give."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.fixtures.paths import ROOT

FOLDER = ROOT / "packaging" / "server"
UNITS = ("search.service", "search-user.service")
analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def settings(name: str) -> dict[str, list[str]]:
    """Of all sections, each with the values that it is given."""
    found: dict[str, list[str]] = {}
    for line in (FOLDER / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("name", UNITS)
def test_they_are_hardened_and_end_gracefully(name: str) -> None:
    found = settings(name)
    for key in ("NoNewPrivileges", "PrivateTmp", "RestrictSUIDSGID", "LockPersonality"):
        assert found[key] == ["yes"]
    assert found["ProtectSystem"] == ["strict"]
    assert found["ReadWritePaths"]
    assert found["Restart"] == ["on-failure"]
    assert found["KillSignal"] == ["SIGTERM"]
    assert int(found["TimeoutStopSec"][0]) > 30  # the server gives what runs so long
    assert "--host" not in found["ExecStart"][0]  # this machine alone, until somebody says otherwise
    assert "SEARCH_TOKEN=" not in (FOLDER / name).read_text()  # anybody may read a unit


@analyze
@pytest.mark.parametrize("name", UNITS)
def test_systemd_reads_them(name: str, tmp_path: Path) -> None:
    """With a program that is there in the place of the installed one."""
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable} -m search", (FOLDER / name).read_text(), flags=re.M)
    (tmp_path / name).write_text(text)
    who = ["--user"] if "user" in name else []
    variables = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
    found = subprocess.run(
        ["systemd-analyze", *who, "--man=no", "verify", tmp_path / name],
        capture_output=True,
        text=True,
        env=variables,
        check=False,
    )
    if "Failed to initialize manager" in found.stderr:
        pytest.skip(found.stderr.strip())
    assert [line for line in found.stderr.splitlines() if name in line] == []
    assert found.returncode == 0, found.stderr


@analyze
def test_systemd_finds_the_service_of_the_machine_little_exposed() -> None:
    found = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", FOLDER / UNITS[0]],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Unknown" in found.stderr or "unrecognized" in found.stderr:
        pytest.skip("an older systemd-analyze")
    assert found.returncode == 0, found.stdout[-300:]  # at most 2.0 of 10


@pytest.mark.parametrize("name", UNITS)
def test_what_they_start_serves_until_it_is_told_to_stop(name: str, indexed: Path, tmp_path: Path) -> None:
    found = settings(name)
    program, *arguments = shlex.split(found["ExecStart"][0])
    assert Path(program).name == "search"
    arguments[arguments.index("--port") + 1] = "0"
    given = dict(pair.split("=", 1) for line in found["Environment"] for pair in line.split())
    given |= {"SEARCH_STORE": str(indexed), "SEARCH_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "search", *arguments],
        env=given,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        umask=int(found["UMask"][0], 8),
    ) as process:
        try:
            assert process.stdout is not None
            address = re.search(r"are at (http://127\.0\.0\.1:\d+/) ", process.stdout.readline())
            assert address is not None
            with urllib.request.urlopen(f"{address[1]}api/v1/search?q=a+cat&k=1", timeout=60) as answer:
                assert answer.status == 200
            process.send_signal(getattr(signal, found["KillSignal"][0]))
            assert process.wait(30) == 0  # no failure: it is not started again
            assert process.stderr is not None
            assert process.stderr.read() == ""
        finally:
            process.kill()


def test_wrong_use_is_not_tried_again(tmp_path: Path) -> None:
    """A store that is missing ends with the code that keeps systemd from starting it for ever."""
    variables = os.environ | {"PYTHONPATH": str(ROOT), "SEARCH_STORE": str(tmp_path / "none")}
    found = subprocess.run(
        [sys.executable, "-m", "search", "serve", "--port", "0"], env=variables, capture_output=True, check=False
    )
    for name in UNITS:
        assert settings(name)["RestartPreventExitStatus"] == [str(found.returncode)]
