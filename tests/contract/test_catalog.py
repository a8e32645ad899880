"""What every database in which a catalog can lie does alike."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, delete

from indexer.catalog.catalog import Catalog
from indexer.catalog.completeness import Completeness
from indexer.catalog.criteria import Criterion, NameMatches
from indexer.catalog.encoders import Encoders
from indexer.catalog.facts import Facts
from indexer.catalog.items import Items
from indexer.catalog.known_files import files_below
from indexer.catalog.meta import Meta
from indexer.catalog.migrations.run import SCHEMA_VERSION, version
from indexer.catalog.rows import Rows
from indexer.catalog.schema import item, metadata
from indexer.catalog.selection import Selection
from indexer.catalog.shared_statement import SharedStatement
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.catalog.word_expressions import (
    Expression,
    Phrase,
    beginning,
    conjunction,
    disjunction,
    phrase,
    within,
)
from indexer.catalog.words import Words
from indexer.encoders.base import EncoderId, Preprocessing
from indexer.errors import StoreBusyError
from indexer.vectors.backends.pgvector.table import enter_state
from tests.fixtures.catalog_rows import IDENTITY, add_photo, add_photos, new_catalog, unit
from tests.fixtures.postgres_server import PostgresServer
from tests.indexer.catalog.test_selection import Photo, collections, criteria, fill, holds

SAID = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)


@pytest.fixture
def catalog(each_database: str, tmp_path: Path) -> Iterator[Catalog]:
    made = new_catalog(tmp_path / "catalog.sqlite")
    yield made
    made.close()


# -- transactions ---------------------------------------------------------------------------------------------


def test_a_batch_is_kept_whole_or_not_at_all(catalog: Catalog) -> None:
    with pytest.raises(RuntimeError), catalog.batch() as batch:
        add_photo(batch, 1, "/a.jpg", 1)
        raise RuntimeError("killed")
    with catalog.snapshot() as snapshot:
        assert Items(snapshot).count("image") == 0
        with pytest.raises(RuntimeError, match="snapshot"):
            Meta(snapshot).set("key", "value")


def test_a_snapshot_does_not_see_later_batches(catalog: Catalog) -> None:
    other = Catalog.create(catalog.url)
    with catalog.snapshot() as before:
        first = before.generation
        with other.batch() as batch:
            add_photo(batch, 1, "/a.jpg", 1)
        assert (before.generation, Items(before).count("image")) == (first, 0)
    with catalog.snapshot() as after:
        assert (after.generation, Items(after).count("image")) == (first + 1, 1)
    other.close()


def test_one_writes_at_a_time(catalog: Catalog) -> None:
    began = threading.Event()
    numbers: list[int] = []

    def write() -> None:
        began.set()
        with catalog.batch() as batch:
            numbers.append(batch.generation)

    other = threading.Thread(target=write)
    with catalog.batch() as batch:
        other.start()
        began.wait()
        first = batch.generation
        assert not numbers
    other.join()
    assert numbers == [first + 1]


def test_ids_are_never_used_again(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        add_photos(batch, 1, {"/a.jpg": 1, "/b.jpg": 2})
        highest = Items(batch).newest()
        Items(batch).delete([highest])
    with catalog.batch() as batch:
        add_photo(batch, 1, "/c.jpg", 3)
        assert Items(batch).newest() > highest


def test_it_is_found_again_as_it_was_left(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        add_photos(batch, 1, {"/p/a.jpg": 1, "/p/b.jpg": 2})
    opened = Catalog.open(catalog.url)
    with opened.snapshot() as snapshot:
        assert version(snapshot.connection, opened._database) == SCHEMA_VERSION
        assert Encoders(snapshot).required() == (1, IDENTITY)
        found = Vectors(snapshot).of_items(sorted(Items(snapshot).newer(0)), 1, 3)
        assert [vector.tolist() for _, vector in sorted(found.vectors.items())] == [unit(1).tolist(), unit(2).tolist()]
        assert opened._database.lacking(snapshot.connection, metadata.sorted_tables) is None
        assert not Rows(snapshot).damaged()
        assert not Completeness(snapshot).gaps()
        assert not Facts(snapshot).wrong()
        assert Words(snapshot).are_right()
        assert not snapshot.integrity()
    assert opened.live_bytes() > 0
    assert opened.compact()
    opened.close()


def test_what_hangs_on_a_row_goes_with_it(catalog: Catalog) -> None:
    other = EncoderId("other", "1" * 64, 3, Preprocessing(1, 1, "squash", "bilinear", (0, 0, 0), (1, 1, 1)))
    with catalog.batch() as batch:
        add_photo(batch, 1, "/a.jpg", 1)
        row = Encoders(batch).add(other)
        Vectors(batch).add(row, {1: unit(5)})
        Encoders(batch).delete(row)
        assert Vectors(batch).of_contents([1], row, 3) == {}
        assert len(Words(batch).of_items([1])) == 0  # derived when it ends
    with catalog.batch() as batch:
        assert list(Words(batch).of_items(Items(batch).newer(0))) == Items(batch).newer(0) != []
        batch.write(delete(item))
        assert Words(batch).counts([phrase(["caption"])], 10) == [0]
        assert not Facts(batch).wrong()


def test_names_and_texts_keep_what_is_in_them(catalog: Catalog) -> None:
    odd = "/p/\udcff new\nline 🦆.jpg"
    with catalog.batch() as batch:
        add_photo(batch, 1, odd, 1)
        Meta(batch).set("key", "'; DROP TABLE item; -- \\ % 🦆 \u0301")
    with catalog.snapshot() as snapshot:
        assert Items(snapshot).get(Items(snapshot).newer(0)).popitem()[1].path == odd
        assert Meta(snapshot).get("key") == "'; DROP TABLE item; -- \\ % 🦆 \u0301"
    assert [row.path for row in files_below(catalog, "/p", 1)] == [odd]


def test_names_are_ordered_by_their_code_points(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        add_photos(batch, 1, {f"/p/{name}.jpg": at for at, name in enumerate(("b", "_", "a c", "ab", "ж", "a-d"), 1)})
    with catalog.snapshot() as snapshot:
        page = Selection(snapshot).page(None, "image", "name", None, 10)
        assert [each.key for each in page] == ["_.jpg", "a c.jpg", "a-d.jpg", "ab.jpg", "b.jpg", "ж.jpg"]


@pytest.mark.parametrize("pattern", ["a%b*", "a_b*", "a!b*", "a[b]*", "a\\b*", "a?b*"])
def test_a_pattern_means_what_it_says(catalog: Catalog, pattern: str) -> None:
    names = ("a%b", "a_b", "a!b", "a[b]", "a\\b", "axb", "axxb")
    with catalog.batch() as batch:
        add_photos(batch, 1, {f"/p/{name}.jpg": at for at, name in enumerate(names, 1)})
    with catalog.snapshot() as snapshot:
        found = Items(snapshot).paths(Selection(snapshot).ids(NameMatches(pattern), "image"))
    of_one = {"a%b", "a_b", "a!b", "a[b]", "a\\b", "axb"} if "?" in pattern else {pattern[:-1]}
    assert set(found.values()) == {f"/p/{name}.jpg" for name in of_one}


@settings(max_examples=4, deadline=None, suppress_health_check=SAID)
@given(collection=collections, asked=st.lists(criteria, min_size=8, max_size=8))
def test_a_selection_is_what_plain_python_selects(
    catalog: Catalog, collection: list[Photo], asked: list[Criterion]
) -> None:
    """Here, and where an index in the same database asks the catalog's statement (hidden ones are its to leave out)."""
    fill(catalog, collection)
    with catalog.snapshot() as snapshot:
        for photo in collection:
            photo.ids["target"] = photo.ids["image"]
        there = [photo for photo in collection if not photo.hidden]
        every = [photo.ids["image"] for photo in collection]
        for criterion in asked:
            found = Selection(snapshot).ids(criterion, "image")
            assert sorted(found.tolist()) == sorted(each.ids["image"] for each in there if holds(criterion, each))
            shared = Selection(snapshot).shared(criterion, "image")
            if catalog.url.drivername.startswith("postgresql"):
                assert shared is not None
                fits = Selection(snapshot).among(criterion, "image", every).tolist()
                assert sorted(asked_elsewhere(catalog.url, shared)) == sorted(fits)
            else:
                assert shared is None


def asked_elsewhere(url: URL, shared: SharedStatement) -> list[int]:
    """What another connection gets for a statement."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(url.render_as_string()) as connection, connection.transaction():
        enter_state(connection, psycopg.sql, shared)
        return [number for (number,) in connection.execute(shared.text, shared.values)]


def test_a_shared_statement_is_asked_of_the_same_state(postgres_server: PostgresServer) -> None:
    url = postgres_server.new_database()
    catalog = Catalog.create(url)
    with catalog.batch() as batch:
        add_photos(batch, Encoders(batch).add(IDENTITY), {"/1.jpg": 1, "/2.jpg": 2})
    with catalog.snapshot() as snapshot:
        right = sorted(Selection(snapshot).ids(NameMatches("*"), "image").tolist())
        shared = Selection(snapshot).shared(NameMatches("*"), "image")
        other = Catalog.create(url)
        with other.batch() as batch:
            Items(batch).delete(right[:1])
        other.close()
        assert shared is not None
        assert sorted(asked_elsewhere(url, shared)) == right
    catalog.close()


# -- words ----------------------------------------------------------------------------------------------------

_TOKEN = st.sampled_from(["sea", "seal", "a", "sun", "犬", "o'b", "été", "¦"])
_COLUMN = st.lists(_TOKEN, max_size=9).map(" ".join)
_ROW = st.fixed_dictionaries(dict.fromkeys(("captions", "keywords", "name", "folders", "place"), _COLUMN))
_PHRASE = st.lists(_TOKEN, min_size=1, max_size=3).flatmap(
    lambda tokens: st.sampled_from([phrase(tokens), beginning(tokens)])
)
_COLUMNS = st.sampled_from([("captions", "keywords"), ("keywords",), ("name", "folders")])


def _wider(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(some.map(conjunction), some.map(disjunction), st.builds(within, _COLUMNS, inner))


#: What queries ask: one of several words, each as it stands or in names.
_ANY = st.lists(st.one_of(_PHRASE, st.builds(within, _COLUMNS, _PHRASE)), min_size=1, max_size=4).map(disjunction)


@pytest.fixture(scope="module")
def both(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Catalog]]:
    """Catalogs of 12 photographs each, in SQLite and in PostgreSQL."""
    first = new_catalog(tmp_path_factory.mktemp("words") / "catalog.sqlite")
    second = Catalog.create(postgres_server.new_database())
    for catalog in (first, second):
        with catalog.batch() as batch:
            Encoders(batch).activate(Encoders(batch).add(IDENTITY))
            add_photos(batch, 1, {f"/{number}.jpg": number for number in range(1, 13)})
    yield [first, second]
    first.close()
    second.close()


def _found(batch: Transaction, rows: list[dict[str, str]], asked: list[Expression]) -> tuple[object, ...]:
    """What a table of these rows finds, in the batch that is given up then."""
    Words(batch).clear()
    batch.words.write(batch.connection, [{"id": number, **row} for number, row in enumerate(rows, 1)])
    words = Words(batch)
    kept = {number: tuple(row) for number, row in words.of_items(range(1, 13)).items()}
    vocabulary = batch.words.vocabulary(batch.connection)
    assert vocabulary is not None
    return kept, words.counts(asked, 3), words.newest(asked, 5), words.best(asked, 5), dict(vocabulary)


@settings(max_examples=30, deadline=None, suppress_health_check=SAID)
@given(rows=st.lists(_ROW, min_size=1, max_size=12), asked=st.lists(_ANY, min_size=1, max_size=4))
def test_words_are_found_in_the_same_order(
    both: list[Catalog], rows: list[dict[str, str]], asked: list[Expression]
) -> None:
    found = []
    for catalog in both:
        with pytest.raises(KeyError), catalog.batch() as batch:
            found.append(_found(batch, rows, asked))
            raise KeyError
    assert found[0] == found[1]


@settings(max_examples=20, deadline=None, suppress_health_check=SAID)
@given(
    rows=st.lists(_ROW, min_size=1, max_size=12),
    asked=st.lists(st.recursive(_PHRASE, _wider, max_leaves=5), min_size=1, max_size=4),
)
def test_any_expression_finds_the_same(
    both: list[Catalog], rows: list[dict[str, str]], asked: list[Expression]
) -> None:
    found = []
    for catalog in both:
        with pytest.raises(KeyError), catalog.batch() as batch:
            kept, counts, newest, _, _ = _found(batch, rows, asked)
            found.append((kept, counts, newest))
            raise KeyError
    assert found[0] == found[1]


@settings(max_examples=20, deadline=None, suppress_health_check=SAID)
@given(said=st.text(max_size=40))
def test_no_text_is_a_way_in(both: list[Catalog], said: str) -> None:
    asked: list[Expression] = [Phrase((said,)), Phrase((said,), begins=True)]
    with both[1].snapshot() as snapshot:
        assert len(Words(snapshot).best(asked, 9)) == 2
        assert len(Words(snapshot).counts(asked, 9)) == 2


# -- several runs ---------------------------------------------------------------------------------------------


def test_one_run_writes_at_a_time_whichever_machine_it_is_on(postgres_server: PostgresServer) -> None:
    address = postgres_server.new_database()
    first, second = Catalog.create(address), Catalog.create(address)
    said = r"Another process at 127\.0\.0\.1 is writing"
    with first.only_writer(), pytest.raises(StoreBusyError, match=said), second.only_writer():
        pytest.fail("two at once")
    with second.only_writer():
        pass
    first.close()
    second.close()
