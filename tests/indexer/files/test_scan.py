"""Scanning: order, links, ignores, and everything that can go wrong on the way."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import PathNotFoundError
from indexer.files.scan import scan
from indexer.settings import DEFAULT_IGNORES
from indexer.types import Candidate, Failure
from tests.fixtures.paths import ROOT


def _never(failure: Failure) -> None:
    pytest.fail(f"unexpected failure: {failure}")


def _paths(root: Path | str, ignores: Iterable[str] = ()) -> list[str]:
    return [candidate.path for candidate in scan(str(root), tuple(ignores), _never)]


def _below(root: Path, ignores: Iterable[str] = ()) -> list[str]:
    return [os.path.relpath(path, root) for path in _paths(root, ignores)]


def _make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))


def test_every_file_with_its_size_and_time(tmp_path: Path) -> None:
    _make(tmp_path, "a.jpg", "deep/er/b.png")
    os.utime(tmp_path / "a.jpg", ns=(1, 1_234_567_890_123_456_789))
    found = list(scan(str(tmp_path), (), _never))
    changed = (tmp_path / "a.jpg").stat().st_ctime_ns
    assert found[0] == Candidate(str(tmp_path / "a.jpg"), 5, 1_234_567_890_123_456_789, changed)
    assert found[1].path == str(tmp_path / "deep" / "er" / "b.png")


def test_a_folder_is_ordered_as_if_its_name_ended_in_a_slash(tmp_path: Path) -> None:
    _make(
        tmp_path, "a/x.jpg", "a.jpg", "a-b.jpg", "a0.jpg", "A.jpg", "b/y", "a b/z", "é.jpg", "~.jpg", "\U0001f4f7.jpg"
    )
    found = _paths(tmp_path)
    assert found == sorted(found, key=os.fsencode)
    assert len(found) == 10


_NAMES = st.text(
    st.one_of(st.sampled_from("a-./0Aé\udcff\U0001f4f7 \n~"), st.characters(codec="utf-8", exclude_characters="\0/")),
    min_size=1,
    max_size=4,
).filter(lambda name: "/" not in name and name not in (".", ".."))


@given(st.lists(st.tuples(st.lists(_NAMES, max_size=3), _NAMES), max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_order_is_that_of_whole_encoded_paths(tree: list[tuple[list[str], str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = set()
        for parents, name in tree:
            path = os.path.join(folder, *parents, name)
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "xb"):
                    made.add(path)
            except OSError:  # a name that is a folder here and a file there
                continue
        assert _paths(folder) == sorted(made, key=os.fsencode)


def test_names_with_newline_emoji_and_invalid_utf8(tmp_path: Path) -> None:
    names = [b"new\nline.jpg", "\U0001f600.jpg".encode(), b"\xff\xfe.jpg", b" spaces .jpg"]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb"):
            pass
    assert sorted(os.fsencode(os.path.basename(path)) for path in _paths(tmp_path)) == sorted(names)


def test_the_root_may_be_a_file_and_is_never_ignored(tmp_path: Path) -> None:
    _make(tmp_path, ".hidden/.photo.jpg")
    assert _paths(tmp_path / ".hidden" / ".photo.jpg", DEFAULT_IGNORES) == [str(tmp_path / ".hidden" / ".photo.jpg")]
    assert _below(tmp_path / ".hidden", ["x"]) == [".photo.jpg"]
    assert _below(tmp_path / ".hidden", DEFAULT_IGNORES) == []


def test_the_root_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(tmp_path, "photos/a.jpg")
    monkeypatch.chdir(tmp_path)
    assert _paths("photos/../photos/.") == [str(tmp_path / "photos" / "a.jpg")]


@pytest.mark.parametrize("missing", ["nowhere", "a.jpg/below", "nul\0byte"])
def test_a_missing_root_is_an_error_at_once(tmp_path: Path, missing: str) -> None:
    _make(tmp_path, "a.jpg")
    with pytest.raises(PathNotFoundError, match="does not exist"):
        scan(f"{tmp_path}/{missing}", (), _never)


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    _make(tmp_path, "root/a/photo.jpg", "elsewhere/far.jpg", "single.jpg")
    root = tmp_path / "root"
    (root / "a" / "loop").symlink_to(root)
    (root / "a" / "itself").symlink_to(root / "a")
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (root / "c.jpg").symlink_to(tmp_path / "single.jpg")
    assert _below(root) == ["a/photo.jpg", "b/far.jpg", "c.jpg"]


def test_a_file_system_that_numbers_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(tmp_path, "root/a/photo.jpg", "root/b/c/photo.jpg")
    (tmp_path / "root" / "b" / "loop").symlink_to(tmp_path / "root")
    look = os.stat

    def without_numbers(path: str) -> os.stat_result:
        found = look(path)
        return os.stat_result([found[0], 0, *found[2:]])

    monkeypatch.setattr("indexer.files.scan.os.stat", without_numbers)
    assert _below(tmp_path / "root") == ["a/photo.jpg", "b/c/photo.jpg"]


def test_a_folder_with_two_names_is_entered_once(tmp_path: Path) -> None:
    _make(tmp_path, "real/photo.jpg")
    (tmp_path / "also").symlink_to(tmp_path / "real")
    assert _below(tmp_path) == ["also/photo.jpg"]


def test_links_to_nothing_and_what_is_no_file_are_passed_over(tmp_path: Path) -> None:
    _make(tmp_path, "a.jpg")
    (tmp_path / "broken").symlink_to(tmp_path / "gone")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "null").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "s"))  # socket paths are short
        assert _below(tmp_path) == ["a.jpg"]


def test_a_file_that_vanishes_meanwhile_is_passed_over(tmp_path: Path) -> None:
    _make(tmp_path, "a.jpg", "b.jpg", "c/d.jpg", "e.jpg")
    seen = []
    for candidate in scan(str(tmp_path), (), _never):
        seen.append(os.path.basename(candidate.path))
        for name in ("b.jpg", "c/d.jpg"):
            (tmp_path / name).unlink(missing_ok=True)
        if (tmp_path / "c").exists():
            (tmp_path / "c").rmdir()
    assert seen == ["a.jpg", "e.jpg"]


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        ([], ["Keep.JPG", "keep/Thumbs.db", "keep/sub/x.jpg", "sub/deep/y.jpg", "thumbs.DB"]),
        (["Thumbs.db"], ["Keep.JPG", "keep/sub/x.jpg", "sub/deep/y.jpg"]),
        (["sub"], ["Keep.JPG", "keep/Thumbs.db", "thumbs.DB"]),
        (["keep*"], ["sub/deep/y.jpg", "thumbs.DB"]),
        (["keep*/"], ["Keep.JPG", "sub/deep/y.jpg", "thumbs.DB"]),
        (["SUB/deep"], ["Keep.JPG", "keep/Thumbs.db", "keep/sub/x.jpg", "thumbs.DB"]),
        (["/sub/"], ["Keep.JPG", "keep/Thumbs.db", "thumbs.DB"]),
        (["keep/*.db", "*.jpg"], ["thumbs.DB"]),
        (["*/sub/*"], ["Keep.JPG", "keep/Thumbs.db", "sub/deep/y.jpg", "thumbs.DB"]),
        (["[kt]*"], ["sub/deep/y.jpg"]),
        (["", "/", "//"], ["Keep.JPG", "keep/Thumbs.db", "keep/sub/x.jpg", "sub/deep/y.jpg", "thumbs.DB"]),
    ],
)
def test_ignore_patterns(tmp_path: Path, patterns: list[str], kept: list[str]) -> None:
    _make(tmp_path, "Keep.JPG", "keep/Thumbs.db", "keep/sub/x.jpg", "sub/deep/y.jpg", "thumbs.DB")
    if patterns == ["/sub/"]:  # anchored: the folder of that name further down stays
        kept = ["Keep.JPG", "keep/Thumbs.db", "keep/sub/x.jpg", "thumbs.DB"]
    assert _below(tmp_path, patterns) == kept


def test_the_default_ignores(tmp_path: Path) -> None:
    _make(tmp_path, "a.jpg", "._a.jpg", ".git/b.jpg", "@eaDir/c.jpg", "x/node_modules/d.jpg", "x/e.jpg", "THUMBS.DB")
    assert _below(tmp_path, DEFAULT_IGNORES) == ["a.jpg", "x/e.jpg"]


_AS_NOBODY = """
import os, sys
sys.path.insert(0, sys.argv[2])
from indexer.files.scan import scan
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
for candidate in scan(sys.argv[1], (), lambda failure: print("failed", failure.path, failure.reason, sep="|")):
    print("found", candidate.path, sep="|")
"""


def _scan_as_nobody(root: Path) -> list[str]:
    """What a user without rights sees; the tests may run as one whom permissions do not bind."""
    command = [sys.executable, "-c", _AS_NOBODY, str(root), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return [line.replace(str(root), "") for line in done.stdout.splitlines()]


@pytest.fixture
def open_tmp_path() -> Iterable[Path]:
    """A folder that every user can reach, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for inner in folder.rglob("*"):
            if inner.is_dir() and not inner.is_symlink():
                inner.chmod(0o755)


def test_unreadable_folders_are_reported_and_passed(open_tmp_path: Path) -> None:
    _make(open_tmp_path, "a/1.jpg", "closed/2.jpg", "unsearchable/3.jpg", "unsearchable/4.jpg", "z/5.jpg")
    (open_tmp_path / "closed").chmod(0)
    (open_tmp_path / "unsearchable").chmod(0o644)
    (open_tmp_path / "link").symlink_to(open_tmp_path / "closed" / "2.jpg")
    assert _scan_as_nobody(open_tmp_path) == [
        "found|/a/1.jpg",
        "failed|/closed|permission denied",
        "failed|/link|permission denied",
        "failed|/unsearchable|permission denied",
        "found|/z/5.jpg",
    ]


def test_a_failure_is_reported_before_what_lies_behind_it(open_tmp_path: Path) -> None:
    """The comparison with the catalog relies on it: whatever is not found behind a failure has vanished."""
    _make(open_tmp_path, "a/1.jpg", "b/2.jpg", "c/3.jpg", "d/4.jpg", "e/5.jpg")
    for name in ("b", "d"):
        (open_tmp_path / name).chmod(0)
    assert [line.split("|")[1] for line in _scan_as_nobody(open_tmp_path)] == [
        "/a/1.jpg",
        "/b",
        "/c/3.jpg",
        "/d",
        "/e/5.jpg",
    ]


def test_an_unreadable_root_is_reported(open_tmp_path: Path) -> None:
    _make(open_tmp_path, "root/1.jpg")
    (open_tmp_path / "root").chmod(0)
    assert _scan_as_nobody(open_tmp_path / "root") == ["failed||permission denied"]
    assert _scan_as_nobody(open_tmp_path / "root" / "1.jpg") == ["failed||permission denied"]


def test_a_root_that_vanishes_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    root = tmp_path / "drive"
    root.mkdir()
    failures: list[Failure] = []
    candidates = scan(str(root), (), failures.append)
    root.rmdir()
    assert list(candidates) == []
    assert [failure.path for failure in failures] == [str(root)]


def test_a_tree_deeper_than_the_longest_path_is_reported(tmp_path: Path) -> None:
    here = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(30):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
        with open("photo.jpg", "wb"):
            pass
    finally:
        os.chdir(here)
    failures: list[Failure] = []
    assert list(scan(str(tmp_path), (), failures.append)) == []
    assert len(failures) == 1
    assert "too long" in failures[0].reason
    subprocess.run(["rm", "-r", str(tmp_path / ("d" * 200))], check=True)
