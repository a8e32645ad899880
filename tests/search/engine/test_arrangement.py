"""Answers that are cut by probability and then sorted, and copies as hits of their own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import search
from search.engine import arrangement
from search.query.query import Query
from search.results import WEAK
from tests.fixtures.colour_encoder import ColourEncoder

#: Names, colours, and the years of their dates: the reds match "red", the others do not.
PHOTOS = {
    "b.png": ((255, 0, 0), 2021),
    "a.png": ((250, 5, 5), 2019),
    "c.png": ((245, 0, 10), 2023),
    **{f"x{number:02}.png": ((0, 150 + number, 0), 2000 + number) for number in range(40)},
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[search.Library]:
    folder = tmp_path_factory.mktemp("sorted")
    (folder / "photos" / "copies").mkdir(parents=True)
    for name, (colour, year) in PHOTOS.items():
        path = folder / "photos" / name
        Image.new("RGB", (8, 8), colour).save(path)
        shutil.copy(path, folder / "photos" / "copies" / name)
        for each in (path, folder / "photos" / "copies" / name):
            os.utime(each, (0, (year - 1970) * 31_556_952 + 10_000_000))
    with search.open(folder / "store", encoder=ColourEncoder()) as opened:
        opened.index(folder / "photos")
        yield opened


def names(results: search.Results) -> list[str]:
    return [Path(hit.path).name for hit in results]


@pytest.mark.parametrize(
    ("sort", "wanted"),
    [
        ("date", ["a.png", "b.png", "c.png"]),
        ("-date", ["c.png", "b.png", "a.png"]),
        ("name", ["a.png", "b.png", "c.png"]),
        ("-name", ["c.png", "b.png", "a.png"]),
        ("score", ["b.png", "a.png", "c.png"]),
    ],
)
def test_what_survives_the_cut_is_sorted(library: search.Library, sort: str, wanted: list[str]) -> None:
    found = library.query("red", k=3, sort=sort)  # type: ignore[arg-type]
    assert names(found) == wanted
    assert names(library.query(Query(text="red", sort=sort), k=3)) == wanted  # type: ignore[arg-type]
    if sort == "score":
        assert (found.cut, found.matches) == (None, None)
        return
    assert found.cut is not None
    assert found.cut.least == WEAK
    assert all(hit.estimate is not None and hit.estimate >= WEAK for hit in found)
    assert found.cut.left_out == len(PHOTOS) - len(library.query("red", k=100, sort=sort))  # type: ignore[arg-type]


def test_the_first_by_date_is_so_among_all_that_survive_and_not_among_the_first_k(library: search.Library) -> None:
    assert names(library.query("red", k=1)) == ["b.png"]
    assert names(library.query("red", k=1, sort="date")) == ["a.png"]
    found = library.query("red", k=1, sort="-date")
    assert names(found) == ["c.png"]
    assert (found.matches, found.more_matches, found.rest) == (3, False, "1 of 3; `k=3` for all.")


def test_a_least_probability_takes_the_place_of_the_weak_mark(library: search.Library) -> None:
    everything = library.query("red", k=100, sort="date", min_probability=1e-9)
    assert len(everything) == len(PHOTOS)
    dates = [PHOTOS[name][1] for name in names(everything)]
    assert dates == sorted(dates)
    assert names(library.query(Query(text="red", sort="date", min_probability=0.0), k=100)) == names(everything)
    assert names(library.query("red", k=100, sort="date", min_probability=0.0)) == names(everything)
    assert names(library.query("red", k=100, sort="date", min_probability=None)) != names(everything)
    nothing = library.query("red", sort="date", min_probability=1.0)
    assert len(nothing) == 0
    assert nothing.cut is not None
    assert nothing.cut.left_out == len(PHOTOS)
    assert nothing.absence.startswith("Nothing here matches well: the best hit is a ")


def test_beyond_its_bound_a_sorted_answer_says_so(library: search.Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrangement, "POOL", 2)
    found = library.query("red", k=1, sort="-date")
    assert names(found) == ["b.png"]  # of the two most similar
    assert (found.matches, found.more_matches, found.rest) == (2, True, "1 of more than 2; `k=10` for more.")
    assert any("More than 2 are probable enough" in note for note in found.notes)
    monkeypatch.setattr(arrangement, "POOL", len(PHOTOS))
    found = library.query("red", k=1, sort="-date")
    assert (names(found), found.notes) == (["c.png"], ())


@pytest.mark.parametrize("first", [1, 2, 3, 4, 1_000])
@pytest.mark.parametrize("least", [None, 1e-9, 0.9])
def test_few_candidates_are_looked_at_first_and_the_answer_is_the_same(
    library: search.Library, monkeypatch: pytest.MonkeyPatch, first: int, least: float | None
) -> None:
    given = {"k": 2, "sort": "-date", **({} if least is None else {"min_probability": least})}
    wanted = library.query("red", **given)
    monkeypatch.setattr(arrangement, "FIRST", first)
    found = library.query("red", **given)
    assert (names(found), found.matches, found.more_matches) == (names(wanted), wanted.matches, wanted.more_matches)
    assert library.query_many(["red", "blue"], **given)[0].matches == wanted.matches
    surely = first > (wanted.matches or 0)
    assert (found.work.rescored < wanted.work.rescored) == (surely and first < len(PHOTOS))


def test_each_copy_is_a_hit_where_that_is_asked(library: search.Library) -> None:
    joined = library.query("red", k=3)
    assert [len(hit.also) for hit in joined] == [1, 1, 1]
    each = library.query("red", k=6, all_copies=True)
    assert names(each) == ["b.png", "b.png", "a.png", "a.png", "c.png", "c.png"]
    assert len({hit.path for hit in each}) == 6
    assert all(hit.also == () for hit in each)
    assert [hit.estimate for hit in each[::2]] == [hit.estimate for hit in joined]
    assert names(library.query("red", k=2, sort="-date", all_copies=True)) == ["c.png", "c.png"]
