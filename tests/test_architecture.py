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
