"""What every place that photographs are read from has to keep (`indexer/storage/base.py`), the file system first."""

from __future__ import annotations

import os

import pytest

from indexer.errors import ImageTooLargeError, PathNotFoundError, UnreadableFileError
from indexer.files.ignores import Ignores
from indexer.files.scan import candidate, walk
from indexer.files.scope import Scope
from indexer.images.decoder import read_file
from indexer.settings import DecodeLimits
from indexer.storage.looking import candidate_at, is_file, is_folder, is_gone, names_in
from indexer.storage.places import normal
from indexer.storage.reading import beginning
from indexer.types import Candidate, Failure
from tests.fixtures import places_of_files
from tests.fixtures.places_of_files import Place

FILES = {
    "b.jpg": b"bee",
    "a/c.jpg": b"sea",
    "a.jpg": b"ay" * 5_000,
    "a/b/d.txt": b"dee",
    "a-1.jpg": b"",
    "ü/é.jpg": b"umlaut",
    "a/skipped/e.jpg": b"ee",
}


place = places_of_files.place
s3 = places_of_files.s3


def found(top: str, *patterns: str, root: str | None = None, without: frozenset[str] = frozenset()) -> list[Candidate]:
    def fail(failure: Failure) -> None:
        raise AssertionError(failure)

    return [candidate(each) for each in walk(Scope(root or top, top, without), Ignores(patterns), fail, fail)]  # type: ignore[arg-type]


def inner(place: Place, candidates: list[Candidate]) -> list[str]:
    return [each.path.removeprefix(f"{place.root}/") for each in candidates]


def test_every_file_is_found_in_the_order_of_the_bytes_of_its_path(place: Place) -> None:
    place.put(FILES)
    candidates = found(place.root)
    assert inner(place, candidates) == sorted(FILES, key=os.fsencode)
    assert [each.size for each in candidates] == [len(FILES[name]) for name in inner(place, candidates)]


def test_what_patterns_leave_out_is_not_found(place: Place) -> None:
    place.put(FILES)
    left = set(FILES) - {"a/skipped/e.jpg", "a/b/d.txt"}
    assert set(inner(place, found(place.root, "skipped/", "/a/b/*.txt"))) == left


def test_a_part_is_walked_by_the_patterns_of_its_root_and_without_what_belongs_to_others(place: Place) -> None:
    place.put(FILES)
    top = f"{place.root}/a"
    parts = found(top, "/a/b/", root=place.root, without=frozenset({f"{top}/skipped"}))
    assert inner(place, parts) == ["a/c.jpg"]


def test_a_single_file_is_a_top_too(place: Place) -> None:
    place.put(FILES)
    assert inner(place, found(f"{place.root}/b.jpg", root=place.root)) == ["b.jpg"]


def test_each_file_is_read_as_it_was_found(place: Place) -> None:
    place.put(FILES)
    for each in found(place.root):
        name = each.path.removeprefix(f"{place.root}/")
        assert read_file(each, DecodeLimits()) == FILES[name]
        assert read_file(Candidate(each.path, each.size, each.mtime_ns), DecodeLimits()) == FILES[name]
        assert candidate_at(each.path) == each
        assert beginning(each.path, 2) == FILES[name][:2]


def test_what_is_unchanged_is_told_alike_and_what_is_written_anew_is_not(place: Place) -> None:
    place.put(FILES)
    before = found(place.root)
    assert found(place.root) == before
    place.put({**FILES, "b.jpg": b"BEE"})
    after = {each.path: each for each in found(place.root)}
    [b] = [each for each in before if each.path.endswith("b.jpg")]
    assert after[b.path] != b


def test_what_changed_since_it_was_found_is_not_read_as_what_was_found(place: Place) -> None:
    place.put(FILES)
    [b] = [each for each in found(place.root) if each.path.endswith("b.jpg")]
    place.put({"another.jpg": b"longer than a block" * 40, "b.jpg": b"no bee"})
    with pytest.raises(UnreadableFileError, match="changed while it was read"):
        read_file(b, DecodeLimits())
    place.put({"c.jpg": b"sea"})
    with pytest.raises(UnreadableFileError, match=r"vanished|changed"):
        read_file(b, DecodeLimits())


def test_a_file_over_the_limit_is_refused(place: Place) -> None:
    place.put(FILES)
    [large] = [each for each in found(place.root) if each.path.endswith("/a.jpg")]
    with pytest.raises(ImageTooLargeError, match=r"10,000 bytes, more than the limit of 9,999"):
        read_file(large, DecodeLimits(max_bytes=9_999))


def test_what_is_at_a_path(place: Place) -> None:
    place.put(FILES)
    assert is_folder(place.root)
    assert is_folder(f"{place.root}/a")
    assert is_file(f"{place.root}/a/c.jpg")
    for nothing in (f"{place.root}/none.jpg", f"{place.root}/a/c"):
        assert is_gone(nothing)
        assert not is_file(nothing)
        assert not is_folder(nothing)
    assert not is_gone(f"{place.root}/b.jpg")
    with pytest.raises(OSError):  # noqa: PT011 (each says it its own way)
        candidate_at(f"{place.root}/none.jpg")
    with pytest.raises((PathNotFoundError, AssertionError)):
        assert found(f"{place.root}/none", root=place.root)


def test_the_names_in_a_folder(place: Place) -> None:
    place.put(FILES)
    assert names_in(place.root) == {"a", "a-1.jpg", "a.jpg", "b.jpg", "ü"}
    assert names_in(f"{place.root}/a") == {"b", "c.jpg", "skipped"}
    assert names_in(f"{place.root}/none") == set()


def test_paths_are_as_plain_as_they_get(place: Place) -> None:
    place.put(FILES)
    for each in found(place.root):
        assert normal(each.path) == each.path
        assert normal(f"{place.root}/./x/../{each.path.removeprefix(place.root)}") == each.path
