"""The catalog: transactions, generations, removal, versions, and its errors."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from indexer.catalog.catalog import Catalog
from indexer.catalog.contents import Contents
from indexer.catalog.encoders import Encoders
from indexer.catalog.facts import Facts
from indexer.catalog.files import Files
from indexer.catalog.items import Items, Wanted
from indexer.catalog.known_files import files_below
from indexer.catalog.meta import Meta
from indexer.catalog.migrations.run import SCHEMA_VERSION
from indexer.catalog.sqlite import APPLICATION_ID, file_url
from indexer.catalog.texts import Texts
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors, spread
from indexer.errors import StoreDamagedError, StoreMissingError, StoreTooNewError, StoreUnwritableError
from tests.fixtures.catalog_rows import (
    IDENTITY,
    add_content,
    add_file,
    add_files,
    add_photo,
    add_photos,
    new_catalog,
    path_of,
    unit,
)
from tests.fixtures.damaged import salvage


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return new_catalog(tmp_path / "odd #? name.search" / "catalog.sqlite")


def test_a_batch_is_kept_whole_or_not_at_all(catalog: Catalog) -> None:
    with pytest.raises(RuntimeError), catalog.batch() as batch:
        add_photo(batch, 1, "/a.jpg", 1)
        raise RuntimeError("killed")
    with catalog.snapshot() as snapshot:
        assert Items(snapshot).count("image") == 0


def test_a_snapshot_does_not_see_later_batches(catalog: Catalog) -> None:
    writing = Catalog.create(catalog.url)  # of another process
    with catalog.snapshot() as before:
        first = before.generation
        with writing.batch() as batch:
            add_photo(batch, 1, "/a.jpg", 1)
        assert before.generation == first
        assert Items(before).count("image") == 0
    with catalog.snapshot() as after:
        assert after.generation == first + 1
        assert Items(after).count("image") == 1
    writing.close()


def test_a_snapshot_cannot_write(catalog: Catalog) -> None:
    with catalog.snapshot() as snapshot:
        before = snapshot.generation
        with pytest.raises(RuntimeError, match="snapshot"):
            Meta(snapshot).set("key", "value")
        with pytest.raises(RuntimeError, match="snapshot"):
            add_photo(snapshot, 1, "/a.jpg", 1)
    with catalog.snapshot() as snapshot:
        assert (Meta(snapshot).get("key"), Items(snapshot).total("image")) == (None, 0)
        assert snapshot.generation == before


def test_paths_keep_their_bytes(catalog: Catalog) -> None:
    odd = "/p/\udcff new\nline 🦆.jpg"
    with catalog.batch() as batch:
        add_photo(batch, 1, odd, 1)
    with catalog.snapshot() as snapshot:
        assert Items(snapshot).get([1])[1].path == odd
    assert [row.path for row in files_below(catalog, "/p", 1)] == [odd]


def test_a_query_by_ids_touches_only_those_rows(catalog: Catalog) -> None:
    fill(catalog, 200)
    statements: list[str] = []
    opened = Catalog.open(catalog.url)
    with opened.snapshot() as snapshot:
        raw = snapshot.connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.set_trace_callback(statements.append)
        assert len(Vectors(snapshot).of_items([3, 5], 1, 3).vectors) == len(Items(snapshot).get([3, 5])) == 2
        Items(snapshot).count("image")
        Files(snapshot).counts()
        raw.set_trace_callback(None)
        plans = ["\n".join(str(row[3]) for row in raw.execute(f"EXPLAIN QUERY PLAN {one}")) for one in statements]
    opened.close()
    for plan in plans[:2]:
        assert "SCAN" not in plan
        assert plan.startswith("SEARCH item USING INTEGER PRIMARY KEY")
    assert any("file_absent" in plan for plan in plans[2:])


def test_item_ids_are_never_used_again(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        add_photo(batch, 1, "/p/a.jpg", 1)
        add_photo(batch, 1, "/p/b.jpg", 2)
    with catalog.batch() as batch:
        assert Files(batch).forget("/p") == 2
    with catalog.batch() as batch:
        add_photo(batch, 1, "/p/c.jpg", 3)
    with catalog.snapshot() as snapshot:
        ((ids, vectors),) = Vectors(snapshot).pages("image", 1, 3)
        assert ids.tolist() == [3]
        np.testing.assert_array_equal(vectors[0], unit(3))


def test_copies_share_one_embedding(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        add_photo(batch, 1, "/p/a.jpg", 1)
        add_photo(batch, 1, "/p/copy.jpg", 1)
        assert batch.connection.exec_driver_sql("SELECT count(*) FROM vector").scalar_one() == 1
    with catalog.snapshot() as snapshot:
        assert Vectors(snapshot).count("image", 1) == 2


def test_what_an_older_index_misses(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        for number in range(1, 5):
            add_photo(batch, 1, f"/p/{number}.jpg", number)
    with catalog.snapshot() as snapshot:
        built = snapshot.generation
    with catalog.batch() as batch:
        Files(batch).forget("/p/1.jpg")
    with catalog.batch() as batch:
        Files(batch).mark_vanished([2])
    with catalog.batch() as batch:
        add_photo(batch, 1, "/p/3.jpg", 30)  # its content changed
        add_photo(batch, 1, "/p/5.jpg", 5)
    with catalog.snapshot() as snapshot:
        changes = Vectors(snapshot).changes_since("image", built, 1, 3)
        assert changes.exclude.tolist() == [1, 2, 3, 5]
        assert changes.ids.tolist() == [3, 5]
        np.testing.assert_array_equal(changes.vectors, np.stack([unit(30), unit(5)]))
        assert Items(snapshot).changed_count("image", built) == 4


def test_texts_keep_their_ids_when_the_file_that_holds_them_changes(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        contents = [add_content(batch, bytes([number]) * 32, "text") for number in range(3)]
        for some in (contents, contents[1:], contents):
            add_file(batch, "/p/c.jsonl", "captions", [("text", one, "/p/a.jpg", str(one)) for one in some])
    with catalog.snapshot() as snapshot:
        assert {row.text: number for number, row in Items(snapshot).get([1, 2, 3, 4]).items()} == {
            str(contents[0]): 4,
            str(contents[1]): 2,
            str(contents[2]): 3,
        }


def test_a_text_about_what_is_gone_is_found_and_one_about_what_is_left_out_is_not(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        ids = [add_photo(batch, 1, f"/p/{name}.jpg", at) for at, name in enumerate("ab")]
        told = [
            ("text", add_content(batch, bytes([at]) * 32, "text"), f"/p/{name}.jpg", name)
            for at, name in enumerate("ab")
        ]
        add_file(batch, "/p/captions.csv", "captions", told)
    with catalog.snapshot() as snapshot:
        before = snapshot.generation
        assert Texts(snapshot).telling_of_gone(0) == []
    for marked, left in ((Files.mark_vanished, {"a", "b"}), (Files.mark_ignored, {"b"})):
        with catalog.batch() as batch:
            marked(Files(batch), ids[:1])
        with catalog.snapshot() as snapshot:
            texts = {row.text for row in Items(snapshot).get([3, 4]).values()}
            assert texts == left
            assert Items(snapshot).count("text") == len(left)
            gone = ["/p/captions.csv"] if "a" in left else []
            assert Texts(snapshot).telling_of_gone(before) == gone == Texts(snapshot).tables_without_images()
            assert Texts(snapshot).telling_of_gone(snapshot.generation) == []


class FilesAgainstADictionary(RuleBasedStateMachine):
    """Add, change, vanish, return and forget in any order; the visible items are what a dictionary says."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = Path(tempfile.mkdtemp())
        self.catalog = new_catalog(self.folder / "catalog.sqlite")
        self.present: dict[str, int] = {}
        self.vanished: dict[str, int] = {}
        self.rows: dict[str, int] = {}

    @rule(name=st.sampled_from("abcd"), seed=st.integers(1, 6))
    def write(self, name: str, seed: int) -> None:
        path = f"/p/{name}"
        with self.catalog.batch() as batch:
            self.rows[path] = add_photo(batch, 1, path, seed)
        self.present[path] = seed
        self.vanished.pop(path, None)

    @rule(name=st.sampled_from("abcd"))
    def vanish(self, name: str) -> None:
        path = f"/p/{name}"
        if path in self.present:
            with self.catalog.batch() as batch:
                Files(batch).mark_vanished([self.rows[path]])
            self.vanished[path] = self.present.pop(path)

    @rule(name=st.sampled_from("abcd"))
    def come_back(self, name: str) -> None:
        path = f"/p/{name}"
        if path in self.vanished:
            with self.catalog.batch() as batch:
                Files(batch).mark_present([self.rows[path]])
            self.present[path] = self.vanished.pop(path)

    @rule(name=st.sampled_from("abcd"))
    def forget(self, name: str) -> None:
        path = f"/p/{name}"
        with self.catalog.batch() as batch:
            Files(batch).forget(path)
        self.present.pop(path, None)
        self.vanished.pop(path, None)

    @invariant()
    def visible_items_are_as_expected(self) -> None:
        with self.catalog.snapshot() as snapshot:
            found = {}
            for ids, vectors in Vectors(snapshot).pages("image", 1, 3, batch=2):
                rows = Items(snapshot).get(ids.tolist())
                found.update({rows[int(i)].path: vector.tobytes() for i, vector in zip(ids, vectors, strict=True)})
            assert found == {path: unit(seed).tobytes() for path, seed in self.present.items()}
            assert Vectors(snapshot).count("image", 1) == Items(snapshot).count("image") == len(found)
            assert snapshot.integrity() == []
            assert list(Vectors(snapshot).damaged()) == []

    def teardown(self) -> None:
        self.catalog.close()
        shutil.rmtree(self.folder)


FilesAgainstADictionary.TestCase.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
TestFilesAgainstADictionary = FilesAgainstADictionary.TestCase


# -- reads whose cost must not grow with the store ------------------------------------------------------------


def plans(catalog: Catalog, read: Callable[[Transaction], object]) -> list[str]:
    """How SQLite carries out each statement of a read."""
    statements: list[str] = []
    with catalog.snapshot() as snapshot:
        raw = snapshot.connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.set_trace_callback(statements.append)
        read(snapshot)
        raw.set_trace_callback(None)
        return ["\n".join(str(row[3]) for row in raw.execute(f"EXPLAIN QUERY PLAN {one}")) for one in statements]


def test_pages_of_vectors_follow_the_ids_without_sorting(catalog: Catalog) -> None:
    """By any other way each page costs a walk over all items, and all pages the square of them."""
    fill(catalog, 50)
    first, *_ = plans(catalog, lambda snapshot: list(Vectors(snapshot).pages("image", 1, 3, batch=20)))
    assert first.startswith("SEARCH item USING INTEGER PRIMARY KEY (rowid>?)")
    assert "TEMP B-TREE" not in first


def test_what_a_query_reads_at_its_start_walks_no_table(catalog: Catalog) -> None:
    fill(catalog, 200)

    def read(snapshot: Transaction) -> None:
        assert len(Vectors(snapshot).sample("image", 1, 3, 20)[1]) == 20
        assert len(Vectors(snapshot).changes_since("image", snapshot.generation - 1, 1, 3).ids) == 200
        assert Items(snapshot).total("image") == 200

    for plan in plans(catalog, read):
        assert "SCAN" not in plan.replace("SCAN tombstone", "")
        assert "item_change (kind=?)" not in plan


def test_whether_facts_are_missing_is_looked_up_by_ids_in_a_large_collection(catalog: Catalog) -> None:
    """By the index of kinds it took 140 ms of each query with a filter, of 1,000,000."""
    fill(catalog, 200)
    (found,) = [plan for plan in plans(catalog, lambda snapshot: Facts(snapshot).lacking(0)) if "fact" in plan]
    assert found.startswith("SEARCH item USING INTEGER PRIMARY KEY (rowid=?)")


@given(st.integers(0, 2_000), st.integers(0, 300))
def test_numbers_are_spread_over_the_whole_range(highest: int, count: int) -> None:
    drawn = spread(highest, count)
    assert len(drawn) == len(set(drawn.tolist())) == min(count, highest)
    assert drawn.tolist() == sorted(drawn.tolist())
    for position, number in enumerate(drawn.tolist()):
        assert highest * position // len(drawn) < number <= highest * (position + 1) // len(drawn)


@pytest.mark.parametrize("texts", [0, 1, 5, 100])  # for each photograph: the last is where photographs are sparse
def test_a_sample_is_of_one_kind_and_knows_no_rhythm(catalog: Catalog, texts: int) -> None:
    with catalog.batch() as batch:
        contents = [add_content(batch, bytes([number]) * 32, "image") for number in range(100)]
        Vectors(batch).add(1, {content: unit(content) for content in contents})
        text = add_content(batch, b"t" * 32, "text")
        Vectors(batch).add(1, {text: unit(1_000)})
        for number, content in enumerate(contents):
            about: list[Wanted] = [("text", text, f"/p/{number:03}", str(one)) for one in range(texts)]
            add_file(batch, f"/p/{number:03}", "image", [("image", content, None, None), *about], content)
    everything = [unit(content).tobytes() for content in contents]
    with catalog.snapshot() as snapshot:
        total, vectors = Vectors(snapshot).sample("image", 1, 3, 40)
        positions = [everything.index(vector.tobytes()) for vector in vectors]
        assert total == Items(snapshot).total("image") == 100
        assert 20 <= len(set(positions)) == len(positions) <= 40
        assert (min(positions) < 20) & (max(positions) >= 80)
        np.testing.assert_array_equal(Vectors(snapshot).sample("image", 1, 3, 40)[1], vectors)
        assert Items(snapshot).total("text") == 100 * texts


@pytest.mark.parametrize("copies", [1, 2, 7])  # of every other photograph
def test_a_sample_counts_copies_once(catalog: Catalog, copies: int) -> None:
    with catalog.batch() as batch:
        contents = Contents(batch).add({number.to_bytes(32, "big"): "image" for number in range(1, 401)}).values()
        Vectors(batch).add(1, {content: unit(content) for content in contents})
        named = {f"/p/{at:03}-{copy}": at for at in contents for copy in range(copies if at % 2 else 1)}
        add_files(batch, named)
    with catalog.snapshot() as snapshot:
        assert Items(snapshot).total("image") == 200 * (copies + 1)
        number, vectors = Vectors(snapshot).sample("image", 1, 3, 100)
        assert len({vector.tobytes() for vector in vectors}) == len(vectors) <= 100
        assert (number == 400) if copies == 1 else (abs(number - 400) < 80)
        assert Vectors(snapshot).sample("image", 1, 3, 10_000)[0] == 400


def test_texts_that_lack_a_vector_are_listed_once_and_in_order(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        contents = [add_content(batch, bytes([number]) * 32, "text") for number in range(6)]
        Vectors(batch).add(1, {contents[2]: unit(2), contents[5]: unit(5)})
        for path in ("/p/b.jsonl", "/p/a.jsonl"):
            add_file(batch, path, "captions", [("text", one, None, str(one)) for one in reversed(contents)])
    with catalog.snapshot() as snapshot:
        missing = Texts(snapshot).to_encode(1, tokens=False)
        assert missing.tolist() == [contents[number] for number in (0, 1, 3, 4)]
        assert Texts(snapshot).of_contents(missing) == [str(content) for content in missing]
        assert Texts(snapshot).to_encode(1, tokens=True).tolist() == contents
        assert Texts(snapshot).of_contents([10**6]) == []


def test_a_store_that_kept_no_number_of_items_counts_them(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        add_photo(batch, 1, "/a.jpg", 1)
        add_photo(batch, 1, "/b.jpg", 2)
        batch.connection.exec_driver_sql("DELETE FROM meta WHERE key LIKE 'items:%'")
    with catalog.snapshot() as snapshot:
        assert Items(snapshot).total("image") == 2
    with catalog.batch() as batch:
        Files(batch).forget("/a.jpg")
        add_photo(batch, 1, "/c.jpg", 3)
        add_photo(batch, 1, "/d.jpg", 4)
    with catalog.snapshot() as snapshot:
        assert Meta(snapshot).get("items:image") == "3"


# -- versions and errors ------------------------------------------------------------------------------------


def test_a_missing_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreMissingError, match=r"`index\(FOLDER\)`"):
        Catalog.open(file_url(tmp_path / "none" / "catalog.sqlite"))


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(catalog: Catalog) -> None:
    catalog.close()
    with sqlite3.connect(path_of(catalog)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = path_of(catalog).read_bytes()
    for opening in (Catalog.open, Catalog.create):
        with pytest.raises(StoreTooNewError, match="newer version"):
            opening(catalog.url)
    assert path_of(catalog).read_bytes() == before


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StoreDamagedError, match="another program"):
        Catalog.create(file_url(path))


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_called_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreDamagedError):
        Catalog.open(file_url(path))


def test_a_full_disk_is_said_and_nothing_is_lost(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        add_photo(batch, 1, "/p/a.jpg", 1)
        pages = batch.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        batch.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")  # SQLite's own full disk
    with pytest.raises(StoreUnwritableError, match="full"), catalog.batch() as batch:
        batch.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        for number in range(2, 1000):
            add_photo(batch, 1, f"/p/{number}.jpg", number)
    with catalog.snapshot() as snapshot:
        assert Items(snapshot).count("image") == 1
        assert snapshot.integrity() == []


def test_migrations_leave_their_records(catalog: Catalog) -> None:
    catalog.close()
    connection = sqlite3.connect(path_of(catalog))
    assert connection.execute("SELECT count(*) FROM migration").fetchone() == (SCHEMA_VERSION,)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


# -- damage -------------------------------------------------------------------------------------------------


def fill(catalog: Catalog, count: int) -> None:
    with catalog.batch() as batch:
        add_photos(batch, 1, {f"/p/{number:05}.jpg": number for number in range(1, count + 1)})
    catalog.close()


def test_salvage_of_a_healthy_catalog_loses_nothing(catalog: Catalog) -> None:
    fill(catalog, 100)
    result = salvage(path_of(catalog))
    assert sum(result.lost.values()) == 0
    assert len(list(path_of(catalog).parent.glob("catalog.sqlite.damaged-*"))) == 1
    saved = Catalog.open(catalog.url)
    with saved.snapshot() as snapshot:
        assert Items(snapshot).count("image") == 100
        assert snapshot.integrity() == []
        assert Encoders(snapshot).active() == (1, IDENTITY)
    saved.close()


def test_salvage_of_damaged_pages_keeps_most_and_says_what_is_lost(catalog: Catalog) -> None:
    fill(catalog, 700)
    data = bytearray(path_of(catalog).read_bytes())
    leaves = [
        page for page in range(len(data) // 4096) if data[page * 4096] == 13
    ]  # of tables; no page is above others
    middle = len(leaves) // 3
    for page in leaves[middle : middle + 3]:
        data[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    path_of(catalog).write_bytes(data)
    result = salvage(path_of(catalog))
    saved = Catalog.open(catalog.url)
    with saved.snapshot() as snapshot:
        assert snapshot.integrity() == []
        assert Items(snapshot).count("image") > 350
        row, identity = Encoders(snapshot).active() or (0, None)
        assert identity == IDENTITY
        for ids, vectors in Vectors(snapshot).pages("image", row, 3):
            paths = Items(snapshot).get(ids.tolist())
            for number, vector in zip(ids, vectors, strict=True):  # no embedding moved to another photograph
                seed = int(paths[int(number)].path[3:8])
                assert vector.tobytes() == unit(seed).tobytes()
    saved.close()
    assert sum(result.kept.values()) > 1500


def test_an_embedding_whose_bytes_changed_is_found(catalog: Catalog) -> None:
    fill(catalog, 5)
    connection = sqlite3.connect(path_of(catalog))
    connection.execute("UPDATE vector SET data = zeroblob(12) WHERE content_id = 3")
    connection.commit()
    connection.close()
    opened = Catalog.open(catalog.url)
    with opened.snapshot() as snapshot:
        assert list(Vectors(snapshot).damaged(batch=2)) == [(3, 1)]
    opened.close()
