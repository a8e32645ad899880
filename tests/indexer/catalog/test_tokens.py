"""Tokens in the catalog: kept with a vector, read by id, missing rather than wrong; and stores older than they are."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from indexer.catalog import migrations
from indexer.catalog.batch import Batch
from indexer.catalog.catalog import Catalog
from indexer.catalog.database import MAPPED_BYTES, connect, transaction
from indexer.catalog.migrations import SCHEMA_VERSION
from indexer.catalog.salvage import salvage
from indexer.catalog.schema import content
from indexer.encoders.base import EncoderId, TokenShape
from indexer.errors import StoreUnwritableError
from indexer.types import Candidate, Int8
from tests.indexer.catalog.test_catalog import IDENTITY, add_photo, unit

SHAPE = TokenShape(rows=1, columns=2, words=8, width=3)


def tokens_for(seed: int, count: int = 2) -> Int8:
    """(count, 3) int8."""
    return np.random.default_rng(seed).integers(-127, 128, (count, 3), np.int8)


def add_with_tokens(batch: Batch, row: int, path: str, seed: int, count: int = 2) -> None:
    add_photo(batch, row, path, seed)
    number = batch.connection.execute(select(content.c.id).where(content.c.digest == seed.to_bytes(32, "big")))
    batch.add_tokens(number.scalar_one(), row, tokens_for(seed, count))


def fill(catalog: Catalog, seeds: range) -> None:
    with catalog.batch() as batch:
        batch.set_token_shape(1, SHAPE)
        for seed in seeds:
            add_with_tokens(batch, 1, f"/p/{seed:04}.jpg", seed)


def read(catalog: Catalog, ids: list[int], row: int = 1, width: int = 3) -> dict[int, Int8]:
    with catalog.snapshot() as snapshot:
        return snapshot.tokens_of(ids, row, width)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    made = Catalog.create(tmp_path / "s" / "catalog.sqlite")
    with made.batch() as batch:
        batch.activate(batch.add_encoder(IDENTITY))
    return made


def test_tokens_come_back_as_they_were_written(catalog: Catalog) -> None:
    fill(catalog, range(1, 2001))  # more than one statement carries
    found = read(catalog, [*range(1, 2001), 9999])
    assert found.keys() == set(range(1, 2001))
    for number in (1, 900, 901, 2000):
        np.testing.assert_array_equal(found[number], tokens_for(number))
        assert found[number].dtype == np.int8
    with catalog.snapshot() as snapshot:
        one = snapshot.token_of_content(7, 1, 3)
        assert one is not None
        np.testing.assert_array_equal(one, tokens_for(7))
        assert snapshot.token_of_content(9999, 1, 3) is None
        assert snapshot.tokens_of_contents([7, 8], 1, 3).keys() == {7, 8}
        assert snapshot.tokens_of([], 1, 3) == {}


def test_what_has_no_tokens_is_left_out_and_counted(catalog: Catalog) -> None:
    fill(catalog, range(1, 4))
    with catalog.batch() as batch:
        add_photo(batch, 1, "/p/none.jpg", 50)
        hidden = add_photo(batch, 1, "/p/vanished.jpg", 51)
        batch.set_vanished([hidden])
    assert read(catalog, [1, 2, 3, 4, 5]).keys() == {1, 2, 3}
    assert read(catalog, [1], row=2) == {}
    assert read(catalog, [1], width=6) == {}  # another shape than was asked for
    with catalog.snapshot() as snapshot:
        assert snapshot.count_without_tokens(1) == 1
        assert snapshot.count_without_tokens(2) == 4
        assert snapshot.count_with_tokens(1) == {"image": 3, "text": 0}


def test_writing_tokens_again_replaces_them_and_changes_no_generation(catalog: Catalog) -> None:
    fill(catalog, range(1, 3))
    with catalog.snapshot() as snapshot:
        before = snapshot.generation
    with catalog.batch() as batch:
        batch.add_tokens(1, 1, tokens_for(77, 5))
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
        batch.forget("/p")
    assert read(catalog, [2]).keys() == {2}
    with catalog.batch() as batch:
        batch.forget("/q")
        assert batch.connection.exec_driver_sql("SELECT count(*) FROM token").scalar_one() == 0


def test_another_encoder_has_its_own_tokens_until_it_takes_over(catalog: Catalog) -> None:
    fill(catalog, range(1, 3))
    other = EncoderId("other", "1" * 64, 3, IDENTITY.preprocessing)
    with catalog.batch() as batch:
        row = batch.add_encoder(other)
        batch.set_token_shape(row, TokenShape(1, 1, 8, 6))
        batch.add_tokens(1, row, np.ones((1, 6), np.int8))
    assert read(catalog, [1]).keys() == {1}
    assert read(catalog, [1], row, 6).keys() == {1}
    with catalog.batch() as batch:
        batch.activate(row)
    assert read(catalog, [1, 2]) == {}
    assert read(catalog, [1], row, 6).keys() == {1}
    with catalog.snapshot() as snapshot:
        assert snapshot.token_shape(1) is None
        assert snapshot.token_shape(row) == TokenShape(1, 1, 8, 6)


def test_tokens_of_another_recipe_are_dropped(catalog: Catalog) -> None:
    fill(catalog, range(1, 3))
    with catalog.batch() as batch:
        batch.set_token_shape(1, SHAPE)
    assert read(catalog, [1, 2]).keys() == {1, 2}
    changed = TokenShape(rows=1, columns=2, words=8, width=3, recipe=2)
    with catalog.batch() as batch:
        batch.set_token_shape(1, changed)
    assert read(catalog, [1, 2]) == {}
    with catalog.snapshot() as snapshot:
        assert snapshot.token_shape(1) == changed


def test_whether_tokens_are_wanted_is_remembered(catalog: Catalog) -> None:
    for wanted in (None, False, True):
        if wanted is not None:
            with catalog.batch() as batch:
                batch.want_tokens(wanted)
        with catalog.snapshot() as snapshot:
            assert snapshot.tokens_wanted == (wanted is not False)


def test_readers_map_the_file_into_memory_and_writers_do_not(catalog: Catalog) -> None:
    fill(catalog, range(1, 3))
    opened = Catalog.open(catalog.path)
    for one, mapped in ((opened, MAPPED_BYTES), (catalog, 0)):
        with one.snapshot() as snapshot:
            pragma = snapshot._connection.exec_driver_sql("PRAGMA mmap_size")
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
    connection = sqlite3.connect(catalog.path)
    connection.execute(f"UPDATE token SET {change} WHERE content_id = 3")
    connection.commit()
    connection.close()
    opened = Catalog.open(catalog.path)
    assert read(opened, [1, 2, 3, 4, 5]).keys() == {1, 2, 4, 5}
    with opened.snapshot() as snapshot:
        assert snapshot.token_of_content(3, 1, 3) is None
        damaged = list(snapshot.damaged_tokens(batch=2))
    if change != DAMAGE["count"]:  # 6 bytes as 4 tokens are no whole number each; as 3 they would be another width
        assert damaged == [(3, 1)]
    with opened.batch() as batch:
        batch.delete_tokens(damaged)
    with opened.snapshot() as snapshot:
        assert list(snapshot.damaged_tokens()) == []
    opened.close()


def test_salvage_keeps_tokens(catalog: Catalog) -> None:
    fill(catalog, range(1, 101))
    with catalog.batch() as batch:
        batch.want_tokens(False)
    catalog.close()
    result = salvage(catalog.path)
    assert (result.kept["token"], sum(result.lost.values())) == (100, 0)
    saved = Catalog.open(catalog.path)
    assert len(read(saved, list(range(1, 101)))) == 100
    with saved.snapshot() as snapshot:
        assert not snapshot.tokens_wanted
        assert snapshot.token_shape(1) == SHAPE
    saved.close()


def test_salvage_of_damaged_pages_moves_no_tokens_to_another_photograph(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        batch.set_token_shape(1, SHAPE)
        for seed in range(1, 301):
            add_with_tokens(batch, 1, f"/p/{seed:04}.jpg", seed, 400)
    catalog.close()
    data = bytearray(catalog.path.read_bytes())
    pages = len(data) // 4096
    for page in range(pages // 2, pages // 2 + 5):
        data[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    catalog.path.write_bytes(data)
    salvage(catalog.path)
    saved = Catalog.open(catalog.path)
    with saved.snapshot() as snapshot:
        assert snapshot.integrity() == []
        row, _ = snapshot.active_encoder() or (0, None)
        items = snapshot.items(list(range(1, 301)))
        found = snapshot.tokens_of(list(items), row, 3)
        assert len(found) > 250
        for number, tokens in found.items():
            np.testing.assert_array_equal(tokens, tokens_for(int(items[number].path[3:7]), 400))
    saved.close()


# -- a store of the first version ---------------------------------------------------------------------------


def first_version(path: Path) -> None:
    """A catalog as the first release made it, with rows in every table that an index run writes."""
    path.parent.mkdir()
    engine = connect(path, writable=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "SCHEMA_VERSION", 1)
        with transaction(engine, path, writing=True) as connection:
            migrations.migrate(connection, str(path))
    with transaction(engine, path, writing=True) as connection:
        # Without Batch.activate, which knows of the new table.
        Batch(connection).set_meta("encoder", str(Batch(connection).add_encoder(IDENTITY)))
    with transaction(engine, path, writing=True) as connection:
        batch = Batch(connection)
        batch.add_root("/p", ("*.tmp",))
        for seed in range(1, 40):
            add_photo(batch, 1, f"/p/{seed:04}.jpg", seed)
        text = batch.add_content(b"t" * 32, "text")
        batch.add_vector(text, 1, unit(99))
        file = batch.set_file(Candidate("/p/captions.jsonl", 1, 2), role="captions")
        batch.set_items(file, [("text", text, "/p/0001.jpg", "a caption")])
        batch.delete_items([5])
    engine.dispose()


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the tables of the first version, but the record of migrations."""
    connection = sqlite3.connect(path)
    names = ["meta", "encoder", "root", "content", "vector", "photo", "file", "item", "tombstone"]
    rows = {name: connection.execute(f"SELECT rowid, * FROM {name} ORDER BY rowid").fetchall() for name in names}
    connection.close()
    return rows


@pytest.mark.parametrize("opening", [Catalog.open, Catalog.create])
def test_a_store_of_the_first_version_is_brought_up_to_date(tmp_path: Path, opening: Callable[[Path], Catalog]) -> None:
    path = tmp_path / "old" / "catalog.sqlite"
    first_version(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert not connection.execute("SELECT * FROM sqlite_schema WHERE name = 'token'").fetchall()
    connection.close()
    before = dump(path)
    assert len(before["item"]) == 39
    assert len(before["tombstone"]) == 1

    opened = opening(path)
    with opened.snapshot() as snapshot:
        assert snapshot.integrity() == []
        assert snapshot.counts() | {"image": 38, "text": 1} == snapshot.counts()
        assert read(opened, list(range(1, 41))) == {}
        assert snapshot.count_without_tokens(1) == 39
        assert snapshot.tokens_wanted
        assert snapshot.token_shape(1) is None
        ((ids, vectors),) = snapshot.vectors("image", 1, 3)
        for number, vector in zip(ids.tolist(), vectors, strict=True):
            np.testing.assert_array_equal(vector, unit(number))
    assert dump(path) == before
    with opened.batch() as batch:
        batch.add_tokens(1, 1, tokens_for(1))
        names = batch.connection.exec_driver_sql("SELECT name FROM migration ORDER BY name").scalars().all()
        assert names == ["0001_first", "0002_tokens"]
        assert batch.connection.exec_driver_sql("PRAGMA user_version").scalar_one() == SCHEMA_VERSION
    assert read(opened, [1]).keys() == {1}
    opened.close()


def test_a_store_of_the_first_version_that_cannot_be_written_is_read_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "old" / "catalog.sqlite"
    first_version(path)
    before = path.read_bytes()
    monkeypatch.setattr("os.access", lambda _path, mode: mode == os.R_OK)
    opened = Catalog.open(path)
    for _ in range(2):
        with opened.snapshot() as snapshot:
            assert snapshot.counts()["image"] == 38
            assert len(snapshot.vectors_of([1, 2], 1, 3)) == 2
            assert snapshot.tokens_of([1, 2], 1, 3) == {}
            assert snapshot.count_without_tokens(1) == 39
            assert list(snapshot.damaged_tokens()) == []
            assert snapshot.integrity() == []
    with pytest.raises(StoreUnwritableError), opened.batch():
        pass
    assert [row.encoded for row in opened.files_below("/p", 1, tokens=True)] == [0] * 40
    opened.close()
    assert path.read_bytes() == before


def test_every_migration_has_its_stand_ins() -> None:
    """A later migration must say what a reader of an older store does without."""
    assert len(migrations.stand_ins(1)) >= SCHEMA_VERSION - 1
    assert migrations.stand_ins(SCHEMA_VERSION) == []


def test_a_migrated_store_has_the_schema_of_a_new_one(tmp_path: Path, catalog: Catalog) -> None:
    path = tmp_path / "old" / "catalog.sqlite"
    first_version(path)
    Catalog.open(path).close()
    catalog.close()
    schemas = []
    for one in (path, catalog.path):
        connection = sqlite3.connect(one)
        schemas.append(set(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")))
        connection.close()
    assert schemas[0] == schemas[1]
