"""Tokens in the catalog: kept with a vector, read by id, missing rather than wrong; and stores older than they are."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from indexer.catalog.catalog import Catalog
from indexer.catalog.encoders import Encoders
from indexer.catalog.files import Files
from indexer.catalog.items import Items
from indexer.catalog.meta import Meta
from indexer.catalog.sqlite import MAPPED_BYTES
from indexer.catalog.tokens import Tokens
from indexer.catalog.transaction import Transaction
from indexer.encoders.base import EncoderId, TokenShape
from indexer.types import Int8
from tests.fixtures.catalog_rows import IDENTITY, add_content, add_photo, add_photos, new_catalog, path_of
from tests.fixtures.damaged import salvage

SHAPE = TokenShape(rows=1, columns=2, words=8, width=3)


def tokens_for(seed: int, count: int = 2) -> Int8:
    """(count, 3) int8."""
    return np.random.default_rng(seed).integers(-127, 128, (count, 3), np.int8)


def add_with_tokens(batch: Transaction, row: int, path: str, seed: int, count: int = 2) -> None:
    add_photo(batch, row, path, seed)
    content = add_content(batch, seed.to_bytes(32, "big"), "image")
    Tokens(batch).add(row, {content: tokens_for(seed, count)})


def fill(catalog: Catalog, seeds: range) -> None:
    with catalog.batch() as batch:
        Tokens(batch).set_shape(1, SHAPE)
        contents = add_photos(batch, 1, {f"/p/{seed:04}.jpg": seed for seed in seeds})
        Tokens(batch).add(1, {content: tokens_for(seed) for seed, content in contents.items()})


def read(catalog: Catalog, ids: list[int], row: int = 1, width: int = 3) -> dict[int, Int8]:
    with catalog.snapshot() as snapshot:
        return Tokens(snapshot).of_items(ids, row, width)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return new_catalog(tmp_path / "s" / "catalog.sqlite")


def test_tokens_come_back_as_they_were_written(catalog: Catalog) -> None:
    fill(catalog, range(1, 1001))  # more than one statement carries
    found = read(catalog, [*range(1, 1001), 9999])
    assert found.keys() == set(range(1, 1001))
    for number in (1, 900, 901, 1000):
        np.testing.assert_array_equal(found[number], tokens_for(number))
        assert found[number].dtype == np.int8
    with catalog.snapshot() as snapshot:
        by_content = Tokens(snapshot).of_contents([7, 8, 9999], 1, 3)
        assert by_content.keys() == {7, 8}
        np.testing.assert_array_equal(by_content[7], tokens_for(7))
        assert Tokens(snapshot).present([7, 9999], 1) == {7}
        assert Tokens(snapshot).of_items([], 1, 3) == {}


def test_what_has_no_tokens_is_left_out_and_counted(catalog: Catalog) -> None:
    fill(catalog, range(1, 4))
    with catalog.batch() as batch:
        add_photo(batch, 1, "/p/none.jpg", 50)
        hidden = add_photo(batch, 1, "/p/vanished.jpg", 51)
        Files(batch).mark_vanished([hidden])
    assert read(catalog, [1, 2, 3, 4, 5]).keys() == {1, 2, 3}
    assert read(catalog, [1], row=2) == {}
    assert read(catalog, [1], width=6) == {}  # another shape than was asked for
    with catalog.snapshot() as snapshot:
        assert Tokens(snapshot).count_without(1) == 1
        assert Tokens(snapshot).count_without(2) == 4
        assert Tokens(snapshot).count_with(1) == {"image": 3, "text": 0}


def test_writing_tokens_again_replaces_them_and_changes_no_generation(catalog: Catalog) -> None:
    fill(catalog, range(1, 3))
    with catalog.snapshot() as snapshot:
        before = snapshot.generation
    with catalog.batch() as batch:
        Tokens(batch).add(1, {1: tokens_for(77, 5)})
    np.testing.assert_array_equal(read(catalog, [1])[1], tokens_for(77, 5))
    with catalog.snapshot() as snapshot:
        assert snapshot.generation == before


def test_tokens_are_kept_or_lost_with_their_batch(catalog: Catalog) -> None:
    with pytest.raises(RuntimeError), catalog.batch() as batch:
        add_with_tokens(batch, 1, "/p/a.jpg", 1)
        raise RuntimeError("killed")
    with catalog.batch() as batch:
        assert batch.connection.exec_driver_sql("SELECT count(*) FROM token").scalar_one() == 0


def test_tokens_go_with_the_last_of_the_copies(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        add_with_tokens(batch, 1, "/p/a.jpg", 1)
        add_photo(batch, 1, "/q/copy.jpg", 1)
    for number in (1, 2):
        np.testing.assert_array_equal(read(catalog, [number])[number], tokens_for(1))
    with catalog.batch() as batch:
        Files(batch).forget("/p")
    assert read(catalog, [2]).keys() == {2}
    with catalog.batch() as batch:
        Files(batch).forget("/q")
        assert batch.connection.exec_driver_sql("SELECT count(*) FROM token").scalar_one() == 0


def test_another_encoder_has_its_own_tokens_until_it_takes_over(catalog: Catalog) -> None:
    fill(catalog, range(1, 3))
    other = EncoderId("other", "1" * 64, 3, IDENTITY.preprocessing)
    with catalog.batch() as batch:
        row = Encoders(batch).add(other)
        Tokens(batch).set_shape(row, TokenShape(1, 1, 8, 6))
        Tokens(batch).add(row, {1: np.ones((1, 6), np.int8)})
    assert read(catalog, [1]).keys() == {1}
    assert read(catalog, [1], row, 6).keys() == {1}
    with catalog.batch() as batch:
        Encoders(batch).activate(row)
    assert read(catalog, [1, 2]).keys() == {1, 2}  # those of the former one are kept
    with catalog.batch() as batch:
        Encoders(batch).delete(1)
    assert read(catalog, [1, 2]) == {}
    assert read(catalog, [1], row, 6).keys() == {1}
    with catalog.snapshot() as snapshot:
        assert Tokens(snapshot).shape(1) is None
        assert Tokens(snapshot).shape(row) == TokenShape(1, 1, 8, 6)


def test_tokens_of_another_recipe_are_dropped(catalog: Catalog) -> None:
    fill(catalog, range(1, 3))
    with catalog.batch() as batch:
        Tokens(batch).set_shape(1, SHAPE)
    assert read(catalog, [1, 2]).keys() == {1, 2}
    changed = TokenShape(rows=1, columns=2, words=8, width=3, recipe=2)
    with catalog.batch() as batch:
        Tokens(batch).set_shape(1, changed)
    assert read(catalog, [1, 2]) == {}
    with catalog.snapshot() as snapshot:
        assert Tokens(snapshot).shape(1) == changed


@pytest.mark.parametrize(
    ("shape", "kept"),
    [
        (SHAPE, {1, 2}),
        (TokenShape(rows=1, columns=2, words=8, width=2), set()),
        (TokenShape(rows=1, columns=1, words=1, width=3), set()),
        (TokenShape(rows=1, columns=2, words=8, width=3, recipe=2), set()),  # or they may be of the first
    ],
)
def test_tokens_that_fit_stay_where_the_record_of_their_shape_was_lost(
    catalog: Catalog, shape: TokenShape, kept: set[int]
) -> None:
    fill(catalog, range(1, 3))
    with catalog.batch() as batch:
        Meta(batch).delete("token_shape:1")
    with catalog.batch() as batch:
        Tokens(batch).set_shape(1, shape)
    assert read(catalog, [1, 2]).keys() == kept
    with catalog.snapshot() as snapshot:
        assert Tokens(snapshot).shape(1) == shape


def test_whether_tokens_are_wanted_is_remembered(catalog: Catalog) -> None:
    for wanted in (None, False, True):
        if wanted is not None:
            with catalog.batch() as batch:
                Tokens(batch).want(wanted)
        with catalog.snapshot() as snapshot:
            assert Tokens(snapshot).wanted == (wanted is not False)


def test_readers_map_the_file_into_memory_and_writers_do_not(catalog: Catalog) -> None:
    fill(catalog, range(1, 3))
    opened = Catalog.open(catalog.url)
    for one, mapped in ((opened, MAPPED_BYTES), (catalog, 0)):
        with one.snapshot() as snapshot:
            pragma = snapshot.connection.exec_driver_sql("PRAGMA mmap_size")
            assert pragma.scalar_one() == mapped
    fill(catalog, range(3, 5))  # written beside the map
    assert read(opened, [1, 2, 3, 4]).keys() == {1, 2, 3, 4}
    opened.close()


# -- damage -------------------------------------------------------------------------------------------------

DAMAGE = {
    "flipped": "data = zeroblob(6)",
    "cut": "data = substr(data, 1, 5)",
    "empty": "data = zeroblob(0)",
    "text": "data = CAST(x'ff41ff' AS TEXT)",
    "number": "data = 12",
    "count": "count = 4",
    "no_count": "count = 0",
    "negative": "count = -2",
    "count_text": "count = CAST(x'ff' AS TEXT)",
    "checksum": "crc = crc + 1",
}


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_tokens_count_as_missing_and_are_found(catalog: Catalog, change: str) -> None:
    fill(catalog, range(1, 6))
    catalog.close()
    connection = sqlite3.connect(path_of(catalog))
    connection.execute(f"UPDATE token SET {change} WHERE content_id = 3")
    connection.commit()
    connection.close()
    opened = Catalog.open(catalog.url)
    assert read(opened, [1, 2, 3, 4, 5]).keys() == {1, 2, 4, 5}
    with opened.snapshot() as snapshot:
        assert Tokens(snapshot).of_contents([3], 1, 3) == {}
        damaged = list(Tokens(snapshot).damaged(batch=2))
    if change != DAMAGE["count"]:  # 6 bytes as 4 tokens are no whole number each; as 3 they would be another width
        assert damaged == [(3, 1)]
    with opened.batch() as batch:
        Tokens(batch).delete(damaged)
    with opened.snapshot() as snapshot:
        assert list(Tokens(snapshot).damaged()) == []
    opened.close()


def test_salvage_keeps_tokens(catalog: Catalog) -> None:
    fill(catalog, range(1, 101))
    with catalog.batch() as batch:
        Tokens(batch).want(False)
    catalog.close()
    result = salvage(path_of(catalog))
    assert (result.kept["token"], sum(result.lost.values())) == (100, 0)
    saved = Catalog.open(catalog.url)
    assert len(read(saved, list(range(1, 101)))) == 100
    with saved.snapshot() as snapshot:
        assert not Tokens(snapshot).wanted
        assert Tokens(snapshot).shape(1) == SHAPE
    saved.close()


def test_salvage_of_damaged_pages_moves_no_tokens_to_another_photograph(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        Tokens(batch).set_shape(1, SHAPE)
        for seed in range(1, 301):
            add_with_tokens(batch, 1, f"/p/{seed:04}.jpg", seed, 400)
    catalog.close()
    data = bytearray(path_of(catalog).read_bytes())
    pages = len(data) // 4096
    for page in range(pages // 2, pages // 2 + 5):
        data[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    path_of(catalog).write_bytes(data)
    salvage(path_of(catalog))
    saved = Catalog.open(catalog.url)
    with saved.snapshot() as snapshot:
        assert snapshot.integrity() == []
        row, _ = Encoders(snapshot).active() or (0, None)
        items = Items(snapshot).get(list(range(1, 301)))
        found = Tokens(snapshot).of_items(list(items), row, 3)
        assert len(found) > 250
        for number, tokens in found.items():
            np.testing.assert_array_equal(tokens, tokens_for(int(items[number].path[3:7]), 400))
    saved.close()
