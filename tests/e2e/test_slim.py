"""The slim environment: requirements-slim.txt alone indexes and queries, from the built wheel."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.fixtures.paths import ROOT

pytestmark = pytest.mark.slow


def test_index_and_query_without_torch_from_the_wheel(real_photos: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", "requirements-slim.txt", "-c", "constraints.txt"], cwd=ROOT, check=True)
    subprocess.run([*pip, "--no-deps", str(ROOT)], cwd=tmp_path, check=True)
    command = str(python.with_name("search"))
    where = ["-s", str(tmp_path / "s")]
    done = subprocess.run([command, "index", str(real_photos), *where], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    found = subprocess.run(
        [command, "query", "a cat", "-k", "1", "--paths", *where],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip().endswith("chelsea.png")
    missing = subprocess.run(
        [command, "index", str(real_photos), "-s", str(tmp_path / "t"), "--encoder", "ViT-B-32/laion2b_s34b_b79k"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert missing.returncode == 2
    assert "pip install" in missing.stderr
    assert "bundled" in missing.stderr
    for name in ("torch", "open_clip", "torchvision"):
        probe = subprocess.run([str(python), "-c", f"import {name}"], capture_output=True, check=False)
        assert probe.returncode != 0
