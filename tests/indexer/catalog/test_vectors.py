"""Vectors are verified where they are read: what is damaged is left out, and told."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Text, literal, update

from indexer.catalog.catalog import Catalog
from indexer.catalog.schema import vector
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from tests.fixtures.catalog_rows import add_photo, new_catalog, unit

#: The photographs /p/1 to /p/5 have the items and contents 1 to 5 and the vectors `unit(1)` to `unit(5)`.
PHOTOS = range(1, 6)
DAMAGED = 3


def _flipped(data: bytes) -> tuple[bytes, int]:
    """The highest bit of an exponent: 0.5 becomes 1.7e38, the best answer to everything."""
    return data[:3] + bytes([data[3] ^ 0x40]) + data[4:], zlib.crc32(data)


def _not_a_number(data: bytes) -> tuple[bytes, int]:
    """As an old store may hold it: its checksum is right."""
    wrong = np.array([np.nan, 0, 1], "<f4").tobytes()
    return wrong, zlib.crc32(wrong)


def _long(data: bytes) -> tuple[bytes, int]:
    wrong = np.array([3, 0, 0], "<f4").tobytes()
    return wrong, zlib.crc32(wrong)


def _short(data: bytes) -> tuple[bytes, int]:
    return data[:8], zlib.crc32(data[:8])


def _text(data: bytes) -> tuple[str, int]:
    return "vector", 1


def _nothing(data: bytes) -> tuple[bytes, int]:
    return b"", zlib.crc32(b"")


@pytest.fixture(params=[_flipped, _not_a_number, _long, _short, _text, _nothing])
def catalog(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Catalog]:
    made = new_catalog(tmp_path / "catalog.sqlite")
    with made.batch() as batch:
        for number in PHOTOS:
            add_photo(batch, 1, f"/p/{number}", number)
    with made.batch() as batch:
        data, crc = request.param(unit(DAMAGED).tobytes())
        batch.write(
            update(vector)
            .where(vector.c.content_id == DAMAGED)
            .values(data=literal(data, Text) if isinstance(data, str) else data, crc=crc)
        )
    yield made
    made.close()


@pytest.fixture
def snapshot(catalog: Catalog) -> Iterator[Transaction]:
    with catalog.snapshot() as found:
        yield found


WHOLE = [number for number in PHOTOS if number != DAMAGED]


def test_pages_leave_a_damaged_vector_out(snapshot: Transaction) -> None:
    pages = list(Vectors(snapshot).pages("image", 1, 3, batch=2))
    np.testing.assert_array_equal(np.concatenate([ids for ids, _ in pages]), WHOLE)
    np.testing.assert_array_equal(np.concatenate([vectors for _, vectors in pages]), [unit(each) for each in WHOLE])
    assert snapshot.left_out == {("vector", DAMAGED)}


def test_a_page_of_nothing_but_damage_is_passed_over(snapshot: Transaction) -> None:
    assert [ids.tolist() for ids, _ in Vectors(snapshot).pages("image", 1, 3, batch=1)] == [[1], [2], [4], [5]]


def test_items_and_contents_leave_it_out(snapshot: Transaction) -> None:
    found = Vectors(snapshot).of_items(PHOTOS, 1, 3)
    assert sorted(found.vectors) == sorted(found.contents) == WHOLE
    np.testing.assert_array_equal(found.vectors[4], unit(4))
    assert snapshot.left_out == {("vector", DAMAGED)}
    by_content = Vectors(snapshot).of_contents(PHOTOS, 1, 3)
    assert sorted(by_content) == WHOLE
    np.testing.assert_array_equal(by_content[5], unit(5))


def test_a_part_says_what_it_left_out_itself(snapshot: Transaction) -> None:
    vectors, others = Vectors(snapshot), Vectors(snapshot)
    vectors.of_contents([DAMAGED], 1, 3)
    others.of_contents([1], 1, 3)
    assert vectors.left_out == {("vector", DAMAGED)}
    assert others.left_out == set()


def test_samples_and_changes_leave_it_out(snapshot: Transaction) -> None:
    total, vectors = Vectors(snapshot).sample("image", 1, 3, 10)
    np.testing.assert_array_equal(vectors, [unit(each) for each in WHOLE])
    assert total == len(WHOLE)
    changes = Vectors(snapshot).changes_since("image", 0, 1, 3)
    assert changes.exclude.tolist() == [*PHOTOS]
    assert changes.ids.tolist() == WHOLE
    assert changes.left_out == {("vector", DAMAGED)}


def test_the_doctor_finds_it(snapshot: Transaction) -> None:
    assert list(Vectors(snapshot).damaged()) == [(DAMAGED, 1)]


def test_a_catalog_that_is_whole_leaves_nothing_out(tmp_path: Path) -> None:
    made = new_catalog(tmp_path / "whole.sqlite")
    with made.batch() as batch:
        for number in PHOTOS:
            add_photo(batch, 1, f"/p/{number}", number)
    with made.snapshot() as snapshot:
        (page,) = Vectors(snapshot).pages("image", 1, 3)
        assert page[0].tolist() == [*PHOTOS]
        assert list(Vectors(snapshot).damaged()) == []
        assert snapshot.left_out == set()
    made.close()
