"""Queries of filters alone: what matches, in an order, without scores and without an encoder."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

import search
from search.console import answer_text
from search.engine import listing
from search.query.query import Query
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourEncoder

#: Names, years of their files, widths.
PHOTOS = {"b.png": (2021, 30), "a.png": (2019, 10), "c.jpg": (2023, 20)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("listed")
    (folder / "photos" / "copies").mkdir(parents=True)
    for name, (year, width) in PHOTOS.items():
        path = folder / "photos" / name
        Image.effect_noise((width, 20), width).convert("RGB").save(path)
        os.utime(path, (0, (year - 1970) * 31_556_952 + 10_000_000))
    shutil.copy2(folder / "photos" / "b.png", folder / "photos" / "copies" / "b.png")
    (folder / "photos" / "captions.csv").write_text("image,caption\na.png,an old one\nc.jpg,a new one\n")
    with search.open(folder / "store", encoder=ColourEncoder()) as library:
        library.index(folder / "photos")
    return folder


@pytest.fixture(scope="module")
def library(folder: Path) -> Iterator[search.Library]:
    with search.open(folder / "store") as opened:  # no encoder: none is needed, and this one could not be found
        yield opened


def names(results: search.Results) -> list[str]:
    return [Path(hit.path).name for hit in results]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("year:2000..2100", ["c.jpg", "b.png", "a.png"]),
        ("year:2000..2100 sort:date", ["a.png", "b.png", "c.jpg"]),
        ("year:2000..2100 sort:-name", ["c.jpg", "b.png", "a.png"]),
        ("year:2000..2100 sort:score", ["c.jpg", "b.png", "a.png"]),
        ("sort:name", ["a.png", "b.png", "c.jpg"]),
        ("type:png", ["b.png", "a.png"]),
        ("-type:png", ["c.jpg"]),
        ("path:copies", ["b.png"]),
        ("year:2020..2030 width:<25", ["c.jpg"]),
    ],
)
def test_what_matches_is_listed_in_its_order(library: search.Library, line: str, wanted: list[str]) -> None:
    found = library.query(Query.parse(line))
    assert names(found) == wanted
    assert names(library.query(Query.parse(line), k=1)) == names(found)[:1]
    assert all((hit.score, hit.similarity, hit.probability, hit.weak) == (None, None, None, False) for hit in found)
    assert not found.calibrated


def test_sizes_are_an_order(library: search.Library) -> None:
    sizes = [os.path.getsize(hit.path) for hit in library.query(Query.parse("sort:size"))]
    assert (len(sizes), sizes) == (3, sorted(sizes))
    falling = [os.path.getsize(hit.path) for hit in library.query(Query.parse("sort:-size"))]
    assert falling == sizes[::-1]


def test_what_filters_cannot_find_because_it_was_lost_is_told(folder: Path, tmp_path: Path) -> None:
    store = shutil.copytree(folder / "store", tmp_path / "store")
    with closing(sqlite3.connect(store / "catalog.sqlite")) as connection, connection:
        connection.execute("DELETE FROM fact WHERE name = 'a.png'")
    said = "The catalog is damaged: at least one item cannot be read, and so not be found; `repair()` mends it."
    with search.open(store, encoder=ColourEncoder()) as opened:
        listed = opened.query(Query.parse("type:png"))
        assert (names(listed), said in listed.notes) == (["b.png"], True)
        assert said in opened.query(Query.parse("red type:png")).notes
        assert said not in opened.query("red").notes
        opened.repair()
        listed = opened.query(Query.parse("type:png"))
        assert (names(listed), listed.notes) == (["b.png", "a.png"], ())


def test_copies_are_one_hit_or_each(library: search.Library) -> None:
    (hit,) = library.query(Query.parse("name:b.png"))
    assert len(hit.also) == 1
    each = library.query(Query.parse("name:b.png"), all_copies=True)
    assert [hit.also for hit in each] == [(), ()]
    assert len({hit.path for hit in each}) == 2


def test_captions_are_listed_by_their_photographs(library: search.Library) -> None:
    found = library.query(Query.parse("year:2000.. to:text"))
    assert [hit.text for hit in found] == ["a new one", "an old one"]
    both = library.query(Query.parse("year:2000.. to:any sort:date"))
    assert [(hit.kind, Path(hit.path).name) for hit in both] == [
        ("image", "a.png"),
        ("text", "a.png"),
        ("image", "b.png"),
        ("image", "c.jpg"),
        ("text", "c.jpg"),
    ]


@pytest.mark.parametrize(
    ("line", "all_copies", "matches"),
    [
        ("year:2000..2100", False, 3),
        ("year:2000..2100", True, 4),
        ("type:png", False, 2),
        ("name:b.png", False, 1),
        ("sort:name", False, 3),
        ("year:2000..2100 to:text", False, 2),
        ("year:2000..2100 to:any", False, 5),
        ("year:2000..2100 to:any", True, 6),
        ("width:<25", False, 2),
        ("camera:pixel", False, 0),
    ],
)
def test_all_that_match_are_counted(library: search.Library, line: str, all_copies: bool, matches: int) -> None:
    for k in (1, matches or 1, matches + 1):
        found = library.query(Query.parse(line), k=k, all_copies=all_copies)
        assert (len(found), found.matches, found.more_matches) == (min(k, matches), matches, False)
        assert found.to_json()["matches"] == matches
        assert found.rest == (f"1 of {matches}; `k={matches}` for all." if k == 1 < matches else None)


def test_the_count_has_a_bound(library: search.Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "COUNTED", (2, 1))
    everything = Query.parse("year:2000..2100")
    found = library.query(everything, k=1)
    assert (found.matches, found.more_matches, found.rest) == (2, True, "1 of more than 2; `k=10` for more.")
    assert {"matches": 2, "more_matches": True}.items() <= found.to_json().items()
    assert (library.query(everything, k=3).matches, library.query(everything, k=3).more_matches) == (3, False)
    monkeypatch.setattr(listing, "LARGE", 3)
    assert (library.query(everything, k=1).matches, library.query(everything, k=1).more_matches) == (1, True)


def test_a_ranking_counts_nothing(folder: Path) -> None:
    with search.open(folder / "store", encoder=ColourEncoder()) as library:
        found = library.query(Query.parse("red type:png"), k=1)
        assert (found.matches, found.rest) == (None, None)
        assert "matches" not in found.to_json()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("camera:pixel", "Nothing here was taken with a camera whose name holds pixel."),
        ("in:1990 type:png", "Nothing here has a date that matches in:1990."),
        ("near:48.85,2.35,5 type:png", "Nothing here was taken near 48.85,2.35 (within 5 km)."),
        ("type:png (has:gps | type:gif)", "Nothing here matches has:gps | type:gif."),
        ("type:jpeg width:30", "Nothing here matches all of these filters at once, though each of them alone matches"),
    ],
)
def test_nothing_has_a_reason(library: search.Library, line: str, said: str) -> None:
    found = library.query(Query.parse(line))
    assert len(found) == 0
    assert found.absence.startswith(said)


def test_words_that_filters_leave_nothing_for_have_the_same_reason(folder: Path) -> None:
    with search.open(folder / "store", encoder=ColourEncoder()) as library:
        found = library.query(Query.parse("red camera:pixel sort:date"))
        assert (len(found), found.absence) == (0, "Nothing here was taken with a camera whose name holds pixel.")
        assert library.query(Query.parse("red type:png")).reason is None


def test_the_command_lists(cli: Cli, folder: Path) -> None:
    store = folder / "store"
    shown = cli("query", "year:2000..2100", "sort:date", "-s", store)
    assert (shown.code, shown.err) == (0, "")
    lines = shown.out.splitlines()
    assert [line.split()[-1].rpartition("/")[2].rstrip(")") for line in lines[:1]] == ["a.png"]
    assert "%" not in shown.out
    by_options = cli("query", "--year", "2000..2100", "--sort", "date", "-s", store)
    assert by_options.out == shown.out
    assert cli("query", "--type", "png", "--paths", "-s", store).out.count("\n") == 2
    found = cli("query", "type:png", "--json", "-s", store)
    assert '"score"' not in found.out
    nothing = cli("query", "type:gif", "-s", store)
    assert (nothing.code, nothing.out) == (1, "Nothing here matches type:gif.\n")
    quiet = cli("query", "type:gif", "--paths", "-s", store)
    assert (quiet.code, quiet.out, quiet.err) == (1, "", "search: Nothing here matches type:gif.\n")
    noted = cli("query", "type:png min:50%", "-s", store)
    assert noted.out.startswith("Note: min: leaves nothing out here")
    page = cli("query", "type:png", "-k", 1, "-s", store, "--sheet", folder / "sheet.html")
    assert page.code == 0
    assert "%</span>" not in (folder / "sheet.html").read_text()
    assert "<p>1 of 2 hits</p>" in (folder / "sheet.html").read_text()


def test_the_command_says_how_many_there_are(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = folder / "store"
    assert cli("query", "type:png", "-k", 1, "-s", store).out.splitlines()[1:] == ["1 of 2; -k 2 for all."]
    assert json.loads(cli("query", "type:png", "-k", 1, "--json", "-s", store).out)["matches"] == 2
    paths = cli("query", "type:png", "-k", 1, "--paths", "-s", store)
    assert (paths.out.count("\n"), paths.err) == (1, "")  # so many were asked for
    monkeypatch.setattr(answer_text, "LISTED", 1)
    paths = cli("query", "type:png", "--paths", "-s", store)
    assert (paths.code, paths.out.count("\n"), paths.err) == (0, 1, "search: 1 of 2; -k 2 for all.\n")


def test_a_copy_that_a_filter_leaves_out_takes_no_place(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        Image.new("RGB", (16, 16), (255, 0, 0)).save(tmp_path / "photos" / folder / "red.png")
    with search.open(tmp_path / "store", encoder=ColourEncoder()) as library:
        library.index(tmp_path / "photos")
        (tmp_path / "photos" / "a" / "red.png").unlink()
        in_a = search.Filter(path=tmp_path / "photos" / "a")
        for hits in (library.query("red", where=in_a), library.query(search.Query(where=in_a))):
            assert [(hit.path, hit.missing) for hit in hits] == [(str(tmp_path / "photos" / "a" / "red.png"), True)]
        [hit] = library.query("red", k=1)
        assert hit.path == str(tmp_path / "photos" / "b" / "red.png")


def test_a_filter_that_selects_a_copy_alone_finds_it_under_its_own_path(folder: Path) -> None:
    copy, original = str(folder / "photos" / "copies" / "b.png"), str(folder / "photos" / "b.png")
    only = search.Filter(path=folder / "photos" / "copies")
    with search.open(folder / "store", encoder=ColourEncoder()) as library:
        answers = [
            library.query(Query(where=only)),
            library.query(Query(where=only), sort="name"),
            library.query("red", where=only),
            library.query("red", where=only, sort="-date", min_probability=1e-12),
        ]
        assert [[(hit.path, hit.also) for hit in found] for found in answers] == [[(copy, (original,))]] * 4
        each = library.query("red", where=only, all_copies=True)
        assert [(hit.path, hit.also) for hit in each] == [(copy, ())]
        assert [item.path for item in library.items(where=only)] == [copy]
        pages, cursor = [], None
        while not pages or cursor is not None:
            page = library.page(where=search.Filter(name="b.png"), sort="-date", limit=1, cursor=cursor)
            pages += [item.path for item in page.items]
            cursor = page.cursor
        assert sorted(pages) == sorted([copy, original])  # of a page each file is an item
