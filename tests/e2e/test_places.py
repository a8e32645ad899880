"""`search index` of photographs that lie in no folder: the same vectors as in one, and nothing read twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.store import Store

SHARD = "shard-000.tar"


@pytest.fixture(scope="module")
def files(real_photos: Path) -> dict[str, bytes]:
    """Six photographs, one with a caption beside it."""
    names = sorted(os.listdir(real_photos))[:6]
    found = {f"2024/{name}": (real_photos / name).read_bytes() for name in names}
    return {**found, f"2024/{os.path.splitext(names[0])[0]}.txt": b"a caption of its own"}


@pytest.fixture(scope="module")
def in_folder(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The vectors of the same files in a folder."""
    base = tmp_path_factory.mktemp("plain")
    for name, data in files.items():
        (base / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (base / "photos" / name).write_bytes(data)
    index(base, "photos")
    return vectors(base / "s")


def search(base: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, in the folder `base`, whose store is "s"."""
    return subprocess.run(
        [sys.executable, "-m", "search", *arguments, "--store", "s"],
        cwd=base,
        env={**os.environ, "SEARCH_SERVER": "off"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def index(base: Path, *arguments: str, code: int = 0) -> dict[str, object]:
    done = search(base, "index", *arguments, "--json")
    assert done.returncode == code, done.stderr
    report: dict[str, object] = json.loads(done.stdout)
    return report


def vectors(store: Path) -> dict[str, bytes]:
    """By the SHA-256 of their contents."""
    opened = Store.open(store)
    try:
        with opened.catalog.snapshot() as snapshot:
            rows = snapshot.connection.exec_driver_sql(
                "SELECT c.digest, e.vector FROM content c JOIN embedding e ON e.content_id = c.id"
            ).all()
    finally:
        opened.close()
    return {bytes(digest).hex(): bytes(vector) for digest, vector in rows}
