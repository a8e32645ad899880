"""Words of a query find photographs by what is said of them, beside what these show."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import search
from indexer.catalog.words import WordRow
from indexer.vectors.base import SearchParameters
from search.engine.asked_words import AskedWords
from search.query.content_words import ContentWord
from search.results import Results
from tests.fixtures.colour_encoder import ColourEncoder, ColourTokenEncoder
from tests.fixtures.colour_reranker import ColourReranker

#: Of every query the reddest comes first by meaning: 00.png.
SHADES = 40


def ask(library: search.Library, *asked: Any, by_words: bool = True, **more: Any) -> search.Results:
    """By words, too."""
    return library.query(*asked, by_words=by_words, **more)


def paint(folder: Path) -> None:
    folder.mkdir()
    for number in range(SHADES):
        Image.new("RGB", (8, 8), (255 - 5 * number, 5 * number, 60)).save(folder / f"{number:02}.png")


def tell(folder: Path) -> None:
    """What is said of some: by a file beside, by names."""
    (folder / "30.txt").write_text("A café by the church")
    (folder / "31.txt").write_text("the church")
    (folder / "03.txt").write_text("東京タワーの夜")
    os.rename(folder / "35.png", folder / "old_harbour.png")
    os.rename(folder / "36.png", folder / "1472053993_bed67a3ba7.png")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[search.Library]:
    folder = tmp_path_factory.mktemp("words")
    paint(folder / "photos")
    tell(folder / "photos")
    with search.open(folder / "s", encoder=ColourEncoder(batch_size=64)) as opened:
        opened.index(folder / "photos")
        yield opened


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[search.Library]:
    """The same photographs, of which nothing is said."""
    folder = tmp_path_factory.mktemp("silent")
    paint(folder / "photos")
    with search.open(folder / "s", encoder=ColourEncoder(batch_size=64)) as opened:
        opened.index(folder / "photos")
        yield opened


@pytest.mark.parametrize("asked", ["summer 2019", "SUMMER 2019", "Summer 2019"])
def test_of_a_query_that_is_the_name_of_a_folder_the_filter_is_told(tmp_path: Path, asked: str) -> None:
    paint(tmp_path / "photos")
    for folder in ("Summer 2019", "what is red", "summer 2019 in town"):
        (tmp_path / "photos" / folder).mkdir()
    for number in range(9):
        os.rename(tmp_path / "photos" / f"{30 - number}.png", tmp_path / "photos" / "Summer 2019" / f"{number}.png")
    for number in (4, 5):
        os.rename(tmp_path / "photos" / f"0{number}.png", tmp_path / "photos" / "summer 2019 in town" / f"{number}.png")
    with search.open(tmp_path / "s", encoder=ColourEncoder(batch_size=64)) as library:
        library.index(tmp_path / "photos")
        said = 'is the name of a folder; `path:"Summer 2019"` lists the photographs in it.'
        assert ask(library, asked, k=1).notes == (f"“Summer 2019” {said}",)
        assert len(library.query(search.Query.parse('path:"Summer 2019"'), k=50)) == 9
        for other in ("summer", "summer 2019 red", "2019"):
            assert not ask(library, other, k=1).notes
        assert not ask(library, asked, k=1, by_words=False).notes


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[search.Library]:
    """230 photographs. Of 120 to 229 something is said, the same of each; the later, the redder, and all are less red
    than those of which nothing is said."""
    folder = tmp_path_factory.mktemp("wide")
    (folder / "photos").mkdir()
    for number in range(230):
        colour = (255 - number, number, 60) if number < 120 else (number - 110, 130, 60)
        Image.new("RGB", (8, 8), colour).save(folder / "photos" / f"{number:03}.png")
    said = [{"image": f"{number:03}.png", "caption": "a church, a harbour at night"} for number in range(120, 230)]
    (folder / "photos" / "captions.jsonl").write_text("\n".join(map(json.dumps, said)))
    with search.open(folder / "s", encoder=ColourEncoder(batch_size=64)) as opened:
        opened.index(folder / "photos")
        yield opened


def names(found: Results) -> list[str]:
    return [Path(hit.path).stem for hit in found]


def test_words_bring_what_meaning_alone_does_not(library: search.Library, silent: search.Library) -> None:
    before, found = ask(silent, "church", k=5), ask(library, "church", k=5)
    assert not {"30", "31"} & set(names(before))
    assert {"30", "31"} <= set(names(found))
    assert {Path(hit.path).stem: hit.found_by for hit in found} == {
        name: "words" if name in ("30", "31") else "meaning" for name in names(found)
    }
    wide = ask(library, "church", k=40)
    assert {Path(hit.path).stem for hit in wide if hit.found_by == "both"} == {"30", "31"}
    assert found.to_json()["hits"][0]["found_by"] == found[0].found_by


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("CAFE", "30"),
        ("a photo of the Café", "30"),
        ("タワー", "03"),
        ('"harbour"', "old_harbour"),
        ("old_harbour.png?", "old_harbour"),
        ("1472053993_bed67a3ba7.png", "1472053993_bed67a3ba7"),
        ("bed67a3ba7", "1472053993_bed67a3ba7"),
        ("bed67a", "1472053993_bed67a3ba7"),
    ],
)
def test_all_that_is_said_is_found_folded(library: search.Library, asked: str, first: str) -> None:
    found = ask(library, search.Query.parse(asked), k=3)
    assert first in names(found)
    assert found[names(found).index(first)].found_by in ("words", "both")


@pytest.mark.parametrize(
    "asked", ["a bed", "ba", "red", "the red of it", "a photo of red", "🐈 red", "(red", 'red"', "red OR NOT *"]
)
def test_where_no_word_is_said_of_anything_the_answer_is_that_of_meaning(
    library: search.Library, silent: search.Library, asked: str
) -> None:
    found, alone = ask(library, asked, k=SHADES), ask(silent, asked, k=SHADES)
    assert [hit.score for hit in found] == [hit.similarity for hit in found]
    assert {hit.found_by for hit in found} == {"meaning"}
    assert [hit.estimate for hit in found] == pytest.approx([hit.estimate for hit in alone])
    assert [hit.score for hit in found] == pytest.approx([hit.score for hit in alone])


def test_answers_may_be_by_meaning_alone(library: search.Library, silent: search.Library) -> None:
    found, alone = ask(library, "church", k=SHADES, by_words=False), ask(silent, "church", k=SHADES)
    assert {hit.found_by for hit in found} == {"meaning"}
    assert [hit.score for hit in found] == [hit.similarity for hit in alone]
    assert [hit.estimate for hit in found] == pytest.approx([hit.estimate for hit in alone])
    (many,) = library.query_many(["church"], k=5, by_words=True)
    assert {hit.found_by for hit in many} == {"meaning", "words"}
    (many,) = library.query_many(["church"], k=5, by_words=False)
    assert {hit.found_by for hit in many} == {"meaning"}


def test_filters_keep_out_what_words_would_bring(library: search.Library) -> None:
    where = search.Filter(text="café")
    assert names(ask(library, "church", k=SHADES, where=where)) == ["30"]
    where = search.Filter(name="3")
    assert set(names(ask(library, "church", k=3, where=where))) >= {"30", "31"}
    assert "30" not in names(ask(library, search.Query.parse("church -text:café"), k=SHADES))


@pytest.mark.parametrize(("named", "lifted"), [(range(4, 6), True), (range(30, 32), False)])
def test_names_of_folders_count_where_photographs_show_what_they_say(
    tmp_path: Path, named: range, lifted: bool
) -> None:
    photos = tmp_path / "photos"
    (photos / "red").mkdir(parents=True)
    for number in range(SHADES):
        reddish = (255 - 9 * number, 20, 60) if number < 2 else (130 - 5 * number, 100 + number, 60)
        colour = reddish if number < 6 else (0, 255 - number, 4 * number)
        Image.new("RGB", (8, 8), colour).save(photos / ("red" if number in named else "") / f"{number:02}.png")
    with search.open(tmp_path / "s", encoder=ColourEncoder(batch_size=64)) as library:
        library.index(photos)
        meaning, both = (names(ask(library, "red", k=6, by_words=given)) for given in (False, True))
        exact = names(ask(library, search.Query.parse('"red"'), k=6))
    in_it = [f"{number:02}" for number in named]
    assert meaning == ["00", "01", "02", "03", "04", "05"]
    assert both == (["00", "01", "04", "05", "02", "03"] if lifted else meaning)  # never over what is red for sure
    assert set(exact[:3]) >= set(in_it)  # in quotation marks words mean names, too


def test_words_of_several_terms_count_together(library: search.Library) -> None:
    together = names(ask(library, search.Query.parse("church + café"), k=5))
    assert together.index("30") < together.index("31")


def test_what_is_said_of_a_photograph_and_was_subtracted_puts_it_behind_all_others(library: search.Library) -> None:
    for k in (SHADES, 3):
        found = ask(library, search.Query.parse("church -café"), k=k)
        assert found[0].found_by in ("words", "both")
        assert names(found)[0] == "31"
        assert "30" not in names(found)[:-1]
        assert len(found) == k
    last = ask(library, search.Query.parse("church -café"), k=SHADES)[-1]
    assert (Path(last.path).stem, last.estimate) == ("30", 0.0)
    only_some = ask(library, search.Query.parse('church -"café by night"'), k=SHADES)
    assert "30" in names(only_some)[:2]
    named = ask(library, search.Query.parse("red -harbour"), k=SHADES)  # a name may say anything
    assert {hit.found_by for hit in named} == {"meaning"}


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[search.Library]:
    """Photographs under the names that cameras gave them."""
    folder = tmp_path_factory.mktemp("camera")
    paint(folder / "photos")
    for number, name in enumerate(
        ("IMG_20200504_101112", "IMG20200617", "P1010042", "IMG_20190101_000000", "2021-05-04 Bahn")
    ):
        os.rename(folder / "photos" / f"{30 + number}.png", folder / "photos" / f"{name}.png")
    (folder / "photos" / "05.txt").write_text("an F160 IMG 2020")
    with search.open(folder / "s", encoder=ColourEncoder(batch_size=64)) as opened:
        opened.index(folder / "photos")
        yield opened


@pytest.mark.parametrize(
    ("asked", "brought"),
    [
        ("IMG_2020", {"IMG_20200504_101112", "IMG20200617", "05"}),
        ("img2020", {"IMG_20200504_101112", "IMG20200617"}),
        ("img_202005", {"IMG_20200504_101112"}),
        ("IMG_20200504_1011.png", {"IMG_20200504_101112"}),
        ("P1010", {"P1010042"}),
        ("2021-05-04", {"2021-05-04 Bahn"}),
        ("2021-05-05", set()),
        ("IMG_2021", set()),
        ("F16 plane", set()),
    ],
)
def test_the_beginning_of_a_name_finds_it(camera: search.Library, asked: str, brought: set[str]) -> None:
    found = ask(camera, asked, k=SHADES)
    assert {Path(hit.path).stem for hit in found if hit.found_by != "meaning"} == brought


def test_a_whole_date_finds_the_name_that_begins_with_it_first(camera: search.Library) -> None:
    for line in ("2021-05-04", "red 2021-05-04"):
        assert names(ask(camera, search.Query.parse(line), k=3))[0] == "2021-05-04 Bahn", line


def test_a_filter_by_name_takes_the_beginning_of_one(camera: search.Library) -> None:
    found = names(ask(camera, search.Query.parse("name:IMG_2020"), k=SHADES))
    assert found == ["IMG_20200504_101112"]


def test_phrases_in_quotation_marks_stand_as_they_are(library: search.Library) -> None:
    assert "30" in names(ask(library, search.Query.parse('"by the church"'), k=3))
    found = ask(library, search.Query.parse('"church the"'), k=SHADES)
    assert {hit.found_by for hit in found} == {"meaning"}


def test_the_first_hits_do_not_depend_on_how_many_are_asked_for(library: search.Library) -> None:
    every = names(ask(library, "red church café harbour", k=SHADES))
    for k in (1, 2, 5, 17):
        assert names(ask(library, "red church café harbour", k=k)) == every[:k]


@settings(max_examples=40, deadline=None)
@given(asked=st.lists(st.sampled_from(["red", "church", "café", "harbour", "by", "タワー", "02", "-", '"the'])))
def test_hits_are_ordered_and_probabilities_never_rise(library: search.Library, asked: list[str]) -> None:
    found = ask(library, " ".join(["green", *asked]), k=SHADES)
    order = [(-hit.score, hit.id) for hit in found if hit.score is not None]
    assert order == sorted(order)
    assert len(order) == SHADES == len(set(names(found)))
    chances = [hit.estimate for hit in found if hit.estimate is not None]
    assert chances == sorted(chances, reverse=True)
    assert all(0 <= chance <= 1 for chance in chances)


def test_what_is_kept_out_words_do_not_bring(library: search.Library) -> None:
    church = {Path(hit.path).stem: hit.id for hit in ask(library, "church", k=SHADES)}
    without = SearchParameters(exclude=np.array([church["31"]], np.int64))
    assert "31" not in names(ask(library, "church", k=SHADES, parameters=without))
    only = SearchParameters(only=np.array([church["31"], church["02"]], np.int64))
    assert sorted(names(ask(library, "church café", k=SHADES, parameters=only))) == ["02", "31"]


def test_texts_and_images_that_ask_are_answered_by_meaning(library: search.Library) -> None:
    assert {hit.found_by for hit in ask(library, "church", to="text")} == {"meaning"}
    image = Path(ask(library, "red", k=1)[0].path)
    assert {hit.found_by for hit in ask(library, image, k=5)} == {"meaning"}


def test_candidates_that_words_bring_are_reranked_like_the_others(tmp_path: Path) -> None:
    paint(tmp_path / "photos")
    tell(tmp_path / "photos")
    with search.open(tmp_path / "s", encoder=ColourTokenEncoder(batch_size=64)) as library:
        library.index(tmp_path / "photos")
        found = ask(library, "red church", k=SHADES, reranker=ColourReranker())
        few = ask(library, "church", k=3, rerank=2, reranker=ColourReranker())
    assert {hit.found_by for hit in found} == {"both", "meaning"}
    assert len(found) == SHADES
    assert "words" in {hit.found_by for hit in few}


def test_a_copy_speaks_for_the_photograph(tmp_path: Path) -> None:
    paint(tmp_path / "photos")
    (tmp_path / "photos" / "the zebra.png").write_bytes((tmp_path / "photos" / "33.png").read_bytes())
    with search.open(tmp_path / "s", encoder=ColourEncoder(batch_size=64)) as library:
        library.index(tmp_path / "photos")
        found = ask(library, "zebra", k=SHADES)
        assert len(found) == SHADES
        (hit,) = [hit for hit in found if hit.found_by != "meaning"]
        assert {Path(path).stem for path in (hit.path, *hit.also)} == {"33", "the zebra"}
        (tmp_path / "photos" / "the zebra.png").unlink()
        library.index()
        assert {hit.found_by for hit in ask(library, "zebra", k=SHADES)} == {"meaning"}


def test_damaged_words_leave_the_answer_of_meaning_with_a_note(tmp_path: Path) -> None:
    paint(tmp_path / "photos")
    tell(tmp_path / "photos")
    with search.open(tmp_path / "s", encoder=ColourEncoder(batch_size=64)) as library:
        library.index(tmp_path / "photos")
        library.close()
        with closing(sqlite3.connect(tmp_path / "s" / "catalog.sqlite")) as connection:
            connection.execute("UPDATE word_data SET block = x'0000ffff' WHERE id > 10")
            connection.commit()
        found = ask(library, "church", k=5)
        assert {hit.found_by for hit in found} == {"meaning"}
        assert [note for note in found.notes if "`repair()`" in note]
        assert "words" in {finding.part for finding in library.check()}
        library.repair()
        assert ask(library, "church", k=5).notes == ()
        assert "words" in {hit.found_by for hit in ask(library, "church", k=5)}


@pytest.mark.parametrize(("count", "lowers"), [(1, False), (3, False), (4, True)])
def test_a_caption_that_has_few_of_many_words_says_what_a_picture_is_not(count: int, lowers: bool) -> None:
    asked = [ContentWord((word,)) for word in ("player", "baseball", "night", "rain")[:count]]
    words = AskedWords({asked[0]: 2.0}, dict.fromkeys(asked, 0) | {asked[0]: 1}, 2.0 * (count - 1))
    (match,) = words.matches([7, 8], {7: WordRow("a soccer player", "", "", "", "")}).values()
    assert (match.captioned, match.said) == (lowers, 1 / count)


@pytest.mark.parametrize(
    ("row", "said", "named"),
    [
        (WordRow("an old harbour", "", "", "", ""), 1.0, 0.0),
        (WordRow("", "", "old harbour", "2020", ""), 0.0, 1.0),
        (WordRow("it is old", "harbour", "", "", ""), 0.0, 0.0),  # in two columns
        (WordRow("", "", "old", "harbour", ""), 0.0, 0.0),
        (WordRow("", "old", "", "", "harbour"), 0.0, 0.0),  # with an empty one between them
        (WordRow("an old harbours", "", "", "", ""), 0.0, 0.0),
    ],
)
def test_a_phrase_is_said_in_one_column(row: WordRow, said: float, named: float) -> None:
    phrase = ContentWord(("old", "harbour"))
    found = AskedWords({phrase: 2.0}, {phrase: 1}, 0.0).matches([7], {7: row})
    assert [(match.said, match.named) for match in found.values()] == ([(said, named)] if said or named else [])


@pytest.mark.parametrize(
    ("asked", "brought"),
    [
        ("red church", range(200, 230)),  # the thirty that are the most like it
        ("red church harbour", range(200, 230)),
        ("red church harbour night", range(210, 220)),  # the ten, of the first hundred by their words
        ('red church harbour "night"', range(200, 230)),  # means names
    ],
)
def test_a_sentence_brings_fewer_photographs_than_a_few_words(wide: search.Library, asked: str, brought: range) -> None:
    found = ask(wide, search.Query.parse(asked), k=230)
    assert {Path(hit.path).stem for hit in found if hit.found_by != "meaning"} == {f"{each:03}" for each in brought}
    assert len(found) == 230
    first = names(ask(wide, search.Query.parse(asked), k=7))
    assert first == names(found)[:7]


def test_of_a_sentence_those_are_looked_at_that_may_be_found(wide: search.Library) -> None:
    ids = {Path(hit.path).stem: hit.id for hit in ask(wide, "red", k=230)}
    within = SearchParameters(exclude=np.array([ids[f"{number:03}"] for number in range(150, 220)], np.int64))
    found = ask(wide, "red church harbour night", k=230, parameters=within)
    brought = {Path(hit.path).stem for hit in found if hit.found_by != "meaning"}
    assert brought == {f"{number:03}" for number in range(220, 230)}
