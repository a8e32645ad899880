"""The table of words follows the rows that it is derived from, finds any text, and is no way in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from indexer.catalog import derived, full_text, word_expressions
from indexer.catalog.catalog import Catalog
from indexer.catalog.criteria import Both, Criterion, No, Says
from indexer.catalog.files import Files
from indexer.catalog.items import Items
from indexer.catalog.moves import Moves
from indexer.catalog.photographs import Photographs
from indexer.catalog.selection import Selection
from indexer.catalog.transaction import Transaction
from indexer.catalog.words import DAMAGED, WordRow, Words
from indexer.errors import StoreDamagedError
from indexer.text import text_digest
from indexer.types import Metadata
from indexer.words import words
from tests.fixtures.catalog_rows import add_content, add_file, new_catalog, path_of
from tests.fixtures.damaged import run


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = new_catalog(tmp_path / "catalog.sqlite")
    yield made
    made.close()


def add(batch: Transaction, path: str, *, captions: tuple[str, ...] = (), keywords: tuple[str, ...] = ()) -> int:
    """A photograph at a path, of a content of its own; returns the row id of its file."""
    content = add_content(batch, path.encode().ljust(32, b"\0")[-32:], "image")
    Photographs(batch).save({content: Metadata(10, 20, "JPEG", captions=captions, keywords=keywords)})
    return add_file(batch, path, "image", [("image", content, None, None)], content)


def tell(batch: Transaction, path: str, about: dict[str, str]) -> int:
    """A file of captions, by the paths of their photographs."""
    items = [("text", add_content(batch, text_digest(said), "text"), where, said) for where, said in about.items()]
    return add_file(batch, path, "captions", items)


def found(catalog: Catalog, asked: str) -> list[str]:
    """The paths of the photographs that have a phrase."""
    with catalog.snapshot() as snapshot:
        tokens = [token for word in words(asked) for token in word]
        (ids,) = Words(snapshot).best([word_expressions.phrase(tokens)], 100)
        assert snapshot.left_out == set()
        rows = Items(snapshot).get(ids)
        return [rows[number].path for number in ids]


def kept(catalog: Catalog) -> list[WordRow]:
    with catalog.snapshot() as snapshot:
        assert Words(snapshot).are_right()
        return list(Words(snapshot).of_items(range(1, 100)).values())


def test_an_index_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path, catalog: Catalog) -> None:
    """Its rows were made by other rules: by whoever writes next they are made anew, of what the catalog knows."""
    with catalog.batch() as batch:
        add(batch, "/photos/1472053993_bed67a3ba7.jpg", captions=("A dog",))
    made = kept(catalog)
    run(
        tmp_path / "catalog.sqlite",
        "UPDATE meta SET value = '1' WHERE key = 'words'",
        "UPDATE word SET name = '1472053993 bed 67 a 3 ba 7 bed67a3ba7'",
    )
    assert found(catalog, "bed") == ["/photos/1472053993_bed67a3ba7.jpg"]
    catalog.close()
    again = Catalog.create(catalog.url)
    try:
        assert kept(again) == made
        assert found(again, "bed") == []
        assert found(again, "bed67a3ba7") == found(again, "dog") == ["/photos/1472053993_bed67a3ba7.jpg"]
    finally:
        again.close()


def test_what_is_said_of_a_photograph_is_found(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        add(batch, "/home/ann/Trips/Rome_2021/redCar.jpg", captions=("A café",), keywords=("New York", "night"))
        tell(batch, "/home/ann/Trips/Rome_2021/redCar.txt", {"/home/ann/Trips/Rome_2021/redCar.jpg": "two dogs"})
    assert kept(catalog) == [
        WordRow("a cafe ¦ two dogs", "new york ¦ night", "red car redcar", "ann ¦ trips ¦ rome 2021", "")
    ]
    for asked in ("CAFE", "two dogs", "new york", "car", "redcar", "rome 2021"):
        assert found(catalog, asked) == ["/home/ann/Trips/Rome_2021/redCar.jpg"]
    for asked in ("cafe two", "york night", "home", "jpg"):  # no phrase goes over the end of a text
        assert found(catalog, asked) == []


def test_a_place_is_found_by_the_names_of_city_region_and_country(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        content = add_content(batch, b"1" * 32, "image")
        Photographs(batch).save({content: Metadata(10, 20, "JPEG", latitude=38.7, longitude=-9.14)})
        add_file(batch, "/p/a.jpg", "image", [("image", content, None, None)], content)
        add(batch, "/p/b.jpg")
    for asked in ("Lisbon", "PORTUGAL"):
        assert found(catalog, asked) == ["/p/a.jpg"]
    with catalog.batch() as batch:
        Photographs(batch).save({content: Metadata(10, 20, "JPEG", latitude=48.85, longitude=2.35)})
    assert (found(catalog, "lisbon"), found(catalog, "paris")) == ([], ["/p/a.jpg"])
    assert len(kept(catalog)) == 2


def test_captions_that_change_go_or_vanish_change_the_rows_that_they_are_about(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        tell(batch, "/p/all.csv", {"/p/a.jpg": "first", "/p/b.jpg": "second"})  # before the photographs
    with catalog.batch() as batch:
        add(batch, "/p/a.jpg")
        add(batch, "/p/b.jpg")
    assert (found(catalog, "first"), found(catalog, "second")) == (["/p/a.jpg"], ["/p/b.jpg"])
    with catalog.batch() as batch:
        table = tell(batch, "/p/all.csv", {"/p/b.jpg": "first"})
    assert (found(catalog, "first"), found(catalog, "second")) == (["/p/b.jpg"], [])
    with catalog.batch() as batch:
        Files(batch).mark_vanished([table])
    assert found(catalog, "first") == []
    with catalog.batch() as batch:
        Files(batch).mark_present([table])
    assert found(catalog, "first") == ["/p/b.jpg"]
    with catalog.batch() as batch:
        Files(batch).delete([table])
    assert found(catalog, "first") == []
    assert len(kept(catalog)) == 2


def test_rows_go_and_move_with_their_photographs(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        gone = add(batch, "/p/old/sunset.jpg")
        add(batch, "/p/old/beach.jpg")
    with catalog.batch() as batch:
        Files(batch).delete([gone])
        Moves(batch).move("/p/old", "/p/summer")
    assert found(catalog, "sunset") == []
    assert found(catalog, "summer") == ["/p/summer/beach.jpg"]
    assert found(catalog, "old") == []
    assert len(kept(catalog)) == 1


def test_what_a_photograph_says_anew_takes_the_place_of_what_it_said(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        add(batch, "/p/a.jpg", keywords=("before",))
    with catalog.batch() as batch:
        (content,) = [number for _, _, number in Files(batch).holding(range(1, 10))]
        Photographs(batch).save({content: Metadata(10, 20, "JPEG", keywords=("after",))})
    assert (found(catalog, "before"), found(catalog, "after")) == ([], ["/p/a.jpg"])


def test_of_words_that_went_nothing_is_left(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        for number in range(50):
            add(batch, f"/p/{number}.jpg", keywords=(f"common{number}",))
        gone = add(batch, "/p/secretname.jpg", captions=("xylophonist",))
    with catalog.batch() as batch:
        Files(batch).delete([gone])
        Words(batch).forget_deleted()
    catalog.compact()
    held = path_of(catalog).read_bytes()
    assert b"xylophonist" not in held
    assert b"secretname" not in held
    assert found(catalog, "common7") == ["/p/7.jpg"]


def selected(catalog: Catalog, criterion: Criterion) -> list[str]:
    with catalog.snapshot() as snapshot:
        rows = Items(snapshot).get(Selection(snapshot).ids(criterion, "image").tolist())
        return [os.path.basename(rows[number].path) for number in sorted(rows)]


def test_filters_by_words_of_texts_and_of_one_keyword(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        add(batch, "/p/a.jpg", captions=("An invoice of ACME",), keywords=("New York", "tax"))
        add(batch, "/p/b.jpg", keywords=("york", "new hat", "東京タワー"))
        add(batch, "/p/invoice.jpg")
    for asked, names in {
        "acme INVOICE": ["a.jpg"],  # all words, in any order, not of names of files
        "tax of": ["a.jpg"],  # in any of its texts
        "new york": ["a.jpg", "b.jpg"],
        "タワー": ["b.jpg"],
        "invoice car": [],
        "🐈": [],
    }.items():
        assert selected(catalog, Says.in_texts(asked)) == names
    for asked, names in {"new york": ["a.jpg"], "york": ["a.jpg", "b.jpg"], "acme": [], "京タ": ["b.jpg"]}.items():
        assert selected(catalog, Says.in_keyword(asked)) == names
    assert selected(catalog, No(Says.in_texts("york"))) == ["invoice.jpg"]
    assert selected(catalog, Both((Says.in_texts("york"), No(Says.in_keyword("tax"))))) == ["b.jpg"]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(said=st.text(max_size=60))
def test_no_text_of_a_filter_is_a_way_in(catalog: Catalog, said: str) -> None:
    with catalog.batch() as batch:
        add(batch, "/p/a.jpg", captions=("zebra",), keywords=("okapi",))  # the same one each time
    for criterion, one in ((Says.in_texts(said), {"zebra", "okapi"}), (Says.in_keyword(said), {"okapi"})):
        fits = bool(words(said)) and {token for word in words(said) for token in word} <= one
        assert selected(catalog, criterion) == (["a.jpg"] if fits else [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(said=st.text(min_size=1, max_size=60))
def test_any_text_is_found_by_itself_and_is_no_way_in(catalog: Catalog, said: str) -> None:
    tokens = [token for word in words(said) for token in word]
    with catalog.batch() as batch:
        batch.connection.execute(text("DELETE FROM word"))
        batch.connection.execute(full_text.WRITE, [
            {"id": 7, "captions": " ".join(tokens), "keywords": "", "name": "", "folders": "", "place": ""}
        ])  # fmt: skip
        asked = word_expressions.phrase(tokens)
        assert Words(batch).best([asked], 9) == [[7] if tokens else []]
        assert Words(batch).counts([asked], 9) == [bool(tokens)]
        Words(batch).best(
            [word_expressions.phrase([said])], 9
        )  # no token of ours ends the statement, or means anything
        assert batch.left_out == set()


#: Statements that damage the table, and whether a query of it sees that.
DAMAGES = {
    "emptied index": ("UPDATE word_data SET block = x'00000004' WHERE id > 10", False),
    "broken index": ("UPDATE word_data SET block = x'0000ffff' WHERE id > 10", True),
    "no index": ("DELETE FROM word_data", True),
    "no settings": ("DROP TABLE word_config", True),
    "no rows": ("DELETE FROM word_content", False),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_table_breaks_nothing_and_is_made_anew(catalog: Catalog, damage: str) -> None:
    statement, is_seen = DAMAGES[damage]
    path = path_of(catalog)
    with catalog.batch() as batch:
        add(batch, "/p/church.jpg")
    catalog.close()
    run(path, statement)
    with catalog.snapshot() as snapshot:
        Words(snapshot).best([word_expressions.phrase(["church"])], 9)
        assert (DAMAGED in snapshot.left_out) == is_seen
        assert not Words(snapshot).of_items([1]) or not is_seen
        assert not Words(snapshot).are_right()
    with catalog.batch() as batch:
        derived.make_words(batch)
    assert found(catalog, "church") == ["/p/church.jpg"]
    assert len(kept(catalog)) == 1


def test_a_table_that_is_made_otherwise_is_not_opened(catalog: Catalog) -> None:
    path = path_of(catalog)
    catalog.close()
    run(path, "DROP TABLE word", "CREATE VIRTUAL TABLE word USING fts5(captions)")
    with pytest.raises(StoreDamagedError, match="a table 'word' that this program does not make"):
        Catalog.open(catalog.url)
