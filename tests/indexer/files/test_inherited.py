"""Patterns of a folder as they read from a folder inside it."""

from __future__ import annotations

import random
from itertools import product

import pytest

from indexer.files.ignores import Ignores
from indexer.files.inherited import inherited

NAMES = ("a", "b", "Raw", "x.jpg", "y.png", "keep", "#z", "!n", "a b")
#: Entries inside a folder: the folder that they lie in, as a prefix, and their name.
ENTRIES = [(prefix, name) for prefix in ("", *(f"{n}/" for n in NAMES), "a/b/", "b/a/", "a/a/") for name in NAMES]
FOLDERS = [
    *NAMES,
    *("/".join(pair) for pair in product(("a", "b", "Raw", "!n"), repeat=2)),
    "a/b/a",
    "a/a/a",
    "b/Raw/b",
]
#: Of each kind of rule one; the last row is of rules that match nothing.
PATTERNS = [
    *("*", "*/", "**", "a", "a/", "/a", "/a/", "a/b", "a/b/", "a/**", "a/**/b", "**/Raw/**", "*.png", "**/b", "a/*"),
    *("a/**/x.jpg", "a/*/*.jpg", "*/b/*", "/*", "/**", "/*/*/", "?/x.jpg", "[ab]/keep", "**/a/**/b", "**/**/a/b"),
    *("a/**/**/b/", "**/a/b", "/a/!n", "/#z/a", "a b/keep", "/a/b/*.png  ", "*/RAW/x.JPG", "/!n/a", "\\!n/b/"),
    *("!*.png", "!a/", "!keep", "!/keep", "!a/x.jpg", "!b/**", "!a/b/", "!**/Raw/x.jpg", "!/a/*/keep"),
    *("a//b", "//a", "c/d", "/x.jpg/y"),
]


def _differing(outer: list[str], inner: tuple[str, ...], folder: str) -> list[str]:
    """The entries inside `folder` of which the two lists of patterns say different things."""
    of_root, of_folder = Ignores(outer), Ignores(inner)
    return [
        prefix + name
        for prefix, name in ENTRIES
        for is_folder in (False, True)
        if of_root.match(name, f"{folder}/{prefix}", is_folder) != of_folder.match(name, prefix, is_folder)
    ]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_says_the_same_of_every_entry(pattern: str) -> None:
    for folder in FOLDERS:
        if not Ignores([pattern]).leaves_out(folder, is_folder=True):
            assert not _differing([pattern], inherited([pattern], folder), folder), folder


@pytest.mark.parametrize("seed", range(4))
def test_mixtures_say_the_same_of_every_entry(seed: int) -> None:
    chosen = random.Random(seed)
    compared = 0
    for _ in range(100):
        patterns = chosen.sample(PATTERNS, chosen.randint(2, 5))
        folder = chosen.choice(FOLDERS)
        if any(Ignores([each]).leaves_out(folder, is_folder=True) for each in patterns if not each.startswith("!")):
            continue
        compared += 1
        assert not _differing(patterns, inherited(patterns, folder), folder), (patterns, folder)
    assert compared > 20


@pytest.mark.parametrize(
    ("patterns", "folder", "expected"),
    [
        (["2020/raw/"], "2020", ["/raw/"]),
        (["2020/raw/"], "2021", []),
        (["/2020/*.png"], "2020", ["/*.png"]),
        (["*/raw/*.png"], "2020", ["/raw/*.png"]),
        (["**/x"], "2020/a", ["**/x"]),
        (["**/2020/x"], "2020", ["**/2020/x", "/x"]),
        (["2020/**/x"], "2020/a/b", ["**/x"]),
        (["2020/**"], "2020", ["*"]),
        (["*.jpg", "raw/"], "2020", ["*.jpg", "raw/"]),
        (["!/2020/keep.jpg"], "2020", ["!/keep.jpg"]),
        (["/2020/x", "!x", "/2020/x/"], "2020", ["/x", "!x", "/x/"]),
        (["/2020/x", "!*/x", "*/x"], "2020", ["!/x", "/x"]),  # of equal ones the last decides
        (["2020/a/"], "2020/a", []),  # it leaves out the folder itself
        (["2020/**"], "2020/a", []),
    ],
)
def test_by_hand(patterns: list[str], folder: str, expected: list[str]) -> None:
    assert inherited(patterns, folder) == tuple(expected)
