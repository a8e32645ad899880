"""What a scan answers for: parts of roots, and others inside them."""

from __future__ import annotations

import os
from pathlib import Path

from indexer.catalog.known_files import KnownFile
from indexer.files.ignores import Ignores
from indexer.files.scan import walk
from indexer.files.scope import Scope, is_below, nearest, relative


def _row(path: str) -> KnownFile:
    return KnownFile(os.fsencode(path), 0, 0, 0, "image", "present", None, 1, 1, None)


def test_rows_of_others_are_passed_over_whatever_sorts_between_them() -> None:
    paths = [
        "/r/a",
        "/r/a.jpg",
        "/r/a/x.jpg",
        "/r/a/y/z.jpg",
        "/r/a0.jpg",
        "/r/b/c/d.jpg",
        "/r/b/e.jpg",
        "/r/f.jpg",
        "/r/g",
    ]
    assert paths == sorted(paths, key=os.fsencode)
    scope = Scope("/r", "/r", frozenset({"/r/a", "/r/a/y", "/r/b/c", "/r/f.jpg"}))
    kept = [row.path for row in scope.owned(map(_row, paths))]
    assert kept == ["/r/a.jpg", "/r/a0.jpg", "/r/b/e.jpg", "/r/g"]
    assert [row.path for row in Scope("/r", "/r").owned(map(_row, paths))] == paths


def test_a_scan_enters_no_other_and_takes_patterns_relative_to_the_root(tmp_path: Path) -> None:
    for name in ("a.jpg", "sub/b.jpg", "sub/own/c.jpg", "sub/single.jpg", "sub/raw/d.jpg", "sub/e.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    without = frozenset({str(tmp_path / "sub" / "own"), str(tmp_path / "sub" / "single.jpg")})
    scope = Scope(str(tmp_path), str(tmp_path / "sub"), without)
    assert not scope.is_whole
    found = [
        os.path.relpath(os.fsdecode(each[0]), tmp_path) for each in walk(scope, Ignores(["/sub/raw/", "/b.jpg"]), print)
    ]
    assert found == ["sub/b.jpg", "sub/e.jpg"]


def test_the_nearest_of_several() -> None:
    assert nearest("/a/b/c", ["/", "/a", "/a/b", "/a/bb", "/a/b/c"]) == "/a/b"
    assert nearest("/x", ["/a"]) is None
    assert is_below("/x", "/")
    assert relative("/x", "/") == "x"
    assert relative("/a/b/c", "/a") == "b/c"
