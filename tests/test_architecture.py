"""What the tree promises: which words and imports may stand where."""

from __future__ import annotations

import re

from tests.fixtures.paths import ROOT


def test_what_only_sqlite_understands_stands_in_one_file() -> None:
    words = re.compile(r"\b(sqlite3|PRAGMA (?!no cover)|sqlite_\w+|dialects\.sqlite|rowid)\b", re.IGNORECASE)
    found = {
        path.relative_to(ROOT).as_posix()
        for package in ("indexer", "search")
        for path in (ROOT / package).rglob("*.py")
        if words.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"indexer/catalog/sqlite.py"}


def test_faiss_and_its_files_are_known_to_the_vectors_alone() -> None:
    """Others see `VectorBackend`, so that a server can stand behind it."""
    words = re.compile(r"^\s*(import|from) faiss\b|\bfaiss_files\b", re.MULTILINE)
    for path in (path for package in ("indexer", "search", "tools") for path in (ROOT / package).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith("indexer/vectors/"):
            assert not words.search(path.read_text(encoding="utf-8")), name


def test_the_protocol_of_vectors_knows_no_backend() -> None:
    """`local.py` alone says which backend a store has."""
    for path in (ROOT / "indexer" / "vectors").glob("*.py"):
        assert "vectors.backends" not in path.read_text(encoding="utf-8"), path.name
