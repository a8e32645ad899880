"""Ignore patterns: gitignore's rules, against git itself and by hand."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest

from indexer.errors import UsageError
from indexer.files.ignores import Ignores, check_patterns, is_anchored, is_pattern, means_something_else
from indexer.files.scan import scan
from indexer.settings import DEFAULT_IGNORES

#: Of each kind of rule one; `a/**/`, which git and pathspec read differently, is left out.
PATTERNS = [
    *("*", "*/", "**", "**/", "a", "a/", "/a", "/a/", "a/b", "a/**", "**/Raw/**", "*.png", "**/b", "a/*", "a/**/x.jpg"),
    *("!*.png", "!a/", "!keep", "/*", "!/keep", "!a/x.jpg", "!*/", "!b/**", "?", "[ab]", "[!a]", "#z", "a b", "*/b/*"),
    *("", "/", "[z-a]", "[ab", "a//b", "**foo", "a**", "***"),
]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_every_mixture_of_rules_leaves_out_what_git_leaves_out(tmp_path: Path) -> None:
    names = ["a", "b", "Raw", "x.jpg", "y.png", "keep", "#z", "a b"]
    folders = [name for name in names if "." not in name]
    for outer in folders:
        for inner in folders:
            (tmp_path / outer / inner).mkdir(parents=True)
            for name in ("x.jpg", "y.png", "f"):
                (tmp_path / outer / inner / name).touch()
        for name in ("x.jpg", "y.png"):
            (tmp_path / outer / name).touch()
    (tmp_path / "x.jpg").touch()
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    chosen = random.Random(7)
    for _ in range(60):
        patterns = chosen.sample(PATTERNS, chosen.randint(1, 4))
        lines = [f"\\{each}" if each.startswith("#") else each for each in patterns]  # no comments on a command line
        (tmp_path / ".git" / "info" / "exclude").write_text("\n".join(lines) + "\n")
        command = ["git", "-C", tmp_path, "ls-files", "--others", "--exclude-standard", "-z"]
        by_git = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]
        ours = [os.path.relpath(each.path, tmp_path) for each in scan(str(tmp_path), [*patterns, "/.git"], pytest.fail)]
        assert sorted(ours) == sorted(by_git), patterns


@pytest.mark.parametrize(
    ("patterns", "path", "left_out"),
    [
        (["**/Raw/**"], "Raw/a.jpg", True),  # `**/` is none, too
        (["**/Raw/**"], "2020/raw/a.jpg", True),
        (["private/"], "2020/Private/a.jpg", True),
        (["private/"], "private", False),  # a file of that name
        (["a*b/c.jpg"], "a/b/c.jpg", False),  # a star stops at a slash
        (["*.PNG"], "a.png", True),
        (["*.png", "!keep.png"], "keep.png", False),
        (["drafts/", "!drafts/keep.png"], "drafts/keep.png", True),  # its folder is not entered
        (["/drafts/*", "!/drafts/keep.png"], "drafts/keep.png", False),
        (["#recycle"], "#recycle/a.jpg", True),
        (["$RECYCLE.BIN"], "$Recycle.Bin/a.jpg", True),
        (["a\nb"], "a", False),
        (["Fotos/Köln/"], unicodedata.normalize("NFD", "Fotos/Köln/a.jpg"), True),
        ([unicodedata.normalize("NFD", "Köln/")], "Köln/a.jpg", True),
    ],
)
def test_a_path_by_hand(patterns: list[str], path: str, left_out: bool) -> None:
    assert Ignores(patterns).leaves_out(path, is_folder=False) is left_out
    assert Ignores(patterns, watched=["unused"]).leaves_out(path, is_folder=False) is left_out  # the longer way


@pytest.mark.parametrize("name", [each.replace(".*", ".hidden") for each in DEFAULT_IGNORES])
def test_the_default_patterns_mean_names_at_any_depth(name: str) -> None:
    ignores = Ignores(DEFAULT_IGNORES)
    for path in (name, f"x/y/{name.upper()}", f"{name}/below.jpg"):
        assert ignores.leaves_out(path, is_folder=False)
    assert not ignores.leaves_out(f"x{name}x", is_folder=False)


def test_what_matched_nothing_is_known() -> None:
    ignores = Ignores(["*.png", "*.gif", "drafts/", "/a/*.tif", "!keep.png"], watched=["*.png", "*.gif", "/a/*.tif"])
    for name, prefix, is_folder in (("drafts", "", True), ("b.jpg", "", False), ("c.tif", "a/", False)):
        ignores.match(name, prefix, is_folder)
    assert ignores.unmatched == ["*.png", "*.gif"]
    assert ignores.match("a.gif", "x/", False)
    assert ignores.match("a.png", "x/", False)
    assert ignores.unmatched == []
    assert not ignores.match("keep.png", "x/", False)


@pytest.mark.parametrize("text", ["", "  ", "/", "[z-a]", "[ab", "foo\\"])
def test_what_is_no_pattern_is_refused_and_matches_nothing(text: str) -> None:
    assert not is_pattern(text)
    assert not Ignores([text]).match("foo", "", False)
    with pytest.raises(UsageError, match="no pattern"):
        check_patterns(["*.png", text])


def test_places_and_names_are_told_apart() -> None:
    assert [p for p in ("a", "a/", "!a/", "/a", "a/b", "!/a", "**/a") if is_anchored(p)] == ["/a", "a/b", "!/a", "**/a"]


def test_patterns_whose_meaning_changed() -> None:
    same = ["*.png", "drafts/", "private/", "/private/", "a/b", "[ab]*", "#x"]
    other = ["*/raw/*", "a/*.jpg", "!x", "a/[bc]", "x\\y"]
    assert [p for p in (*same, *other) if means_something_else(p)] == other
