"""What shows a photograph reads it wherever it lies, and only where it is what was indexed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from indexer.catalog.originals import Original
from indexer.errors import FileError, ImageTooLargeError
from indexer.files.inside import OutsideError, leads_out
from indexer.settings import DecodeLimits
from indexer.thumbnails.reading import ChangedError, look_at, place_of, read_original, take_original
from tests.fixtures import places_of_files
from tests.fixtures.places_of_files import Place

place = places_of_files.place
s3 = places_of_files.s3


def original(path: str, data: bytes) -> Original:
    return Original(hashlib.sha256(data).digest(), (path,), len(data))


def test_a_photograph_is_read_as_it_was_indexed(place: Place) -> None:
    place.put({"2024/a.jpg": b"photograph", "b.jpg": b"other"})
    wanted = original(f"{place.root}/2024/a.jpg", b"photograph")
    roots, limits = [place.root], DecodeLimits()
    assert read_original(wanted, roots, limits) == b"photograph"
    with take_original(wanted, roots, limits) as file:
        assert file.fileno() >= 0
        assert file.read() == b"photograph"
    assert look_at(wanted, roots, limits) == 10
    assert place_of(wanted, roots, limits) == wanted.paths[0]
    assert not leads_out(wanted.paths[0], roots)
    with pytest.raises(ImageTooLargeError):
        read_original(wanted, roots, DecodeLimits(max_bytes=9))


def test_what_was_changed_or_lies_outside_is_not(place: Place, tmp_path: Path) -> None:
    place.put({"a.jpg": b"another one"})
    wanted = original(f"{place.root}/a.jpg", b"photograph")
    with pytest.raises(ChangedError):
        read_original(wanted, [place.root], DecodeLimits())
    right = original(f"{place.root}/a.jpg", b"another one")
    with pytest.raises(OutsideError):
        read_original(right, [f"{place.root}/below", str(tmp_path / "elsewhere")], DecodeLimits())
    with pytest.raises(OutsideError):
        look_at(right, [f"{place.root}/below"], DecodeLimits())
    place.put({})
    with pytest.raises(FileError):
        take_original(right, [place.root], DecodeLimits())
