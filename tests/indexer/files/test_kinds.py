"""Kinds of files that are left out."""

from __future__ import annotations

from indexer.files.kinds import LeftOut, by_kind, kind_of, suffix_of


def test_a_suffix_says_the_kind() -> None:
    names = {
        "a.CR2": "camera raw",
        "b.mp4": "video",
        "c.tar.gz": "archive",
        "d": "other",
        ".e": "other",
        "f.pdf": "document",
    }
    assert {name: kind_of(suffix_of(f"/x.y/{name}")) for name in names} == names
    assert suffix_of("/a/no.suffix but a sentence") == ""


def test_counts_come_the_most_frequent_first() -> None:
    assert by_kind({".mp4": 1, ".cr2": 3, "": 1}) == (
        LeftOut("camera raw", ".cr2", 3),
        LeftOut("other", "", 1),
        LeftOut("video", ".mp4", 1),
    )
