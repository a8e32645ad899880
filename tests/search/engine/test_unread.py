"""A query that the encoder cannot read gets no confident answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import search
from indexer.errors import EmptyQueryError
from indexer.images.sniff import IMAGE_SUFFIXES
from search.query.filter import Filter
from search.query.query import Query
from search.query.terms import Term, Words
from tests.fixtures.colour_encoder import COLOURS, ColourEncoder
from tests.search.engine.test_engine import paint


class Reader(ColourEncoder):
    """Reads the names of colours."""

    def unread(self, text: str) -> list[str]:
        return [word for word in text.split() if word not in COLOURS]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[search.Library]:
    folder = tmp_path_factory.mktemp("photos")
    paint(folder, 30)
    with search.open(tmp_path_factory.mktemp("store"), encoder=Reader(batch_size=64)) as opened:
        opened.index(folder)
        yield opened


def test_nothing_that_is_read_is_nothing_to_search_for(library: search.Library) -> None:
    with pytest.raises(
        EmptyQueryError, match="nothing to search for: the encoder colours does not know “собака”, “猫”"
    ):
        library.query("собака 猫")
    with pytest.raises(EmptyQueryError, match="and 2 more words"):
        library.query("а б в г д е ж")


def test_words_in_latin_letters_may_be_names_and_are_asked_for(library: search.Library) -> None:
    results = library.query("vespa", k=3)
    assert len(results) == 3
    assert {hit.probability for hit in results} == {None}
    known, guess = results.notes[:2]
    assert "does not know “vespa”" in known
    assert guess.startswith(
        "So these hits are guesses. For other languages than English encode anew with a model of many"
    )
    assert len(library.query("猫 vespa", k=3)) == 3


def test_words_beside_those_that_are_read_are_named_and_leave_no_probability(library: search.Library) -> None:
    results = library.query("red собака", k=5)
    assert [hit.path for hit in results] == [hit.path for hit in library.query("red", k=5)]
    assert {hit.probability for hit in results} == {None}
    assert not any(hit.weak for hit in results)
    assert not results.calibrated
    assert any("does not know “собака”" in note for note in results.notes)
    assert "probability" not in results.to_json()["hits"][0]
    assert len(library.query("red собака", k=5, min_probability=0.9)) == 5


def test_what_is_subtracted_and_not_read_is_named(library: search.Library) -> None:
    terms = (Term((Words("red"),)), Term((Words("猫"),), weight=-1.0))
    assert any("does not know “猫”" in note for note in library.query(Query(terms=terms)).notes)


def test_filters_and_images_answer_without_the_words(library: search.Library, tmp_path: Path) -> None:
    found = library.query(Query(text="собака", where=Filter(type="png")), k=5, sort="name")
    assert (len(found), found[0].probability) == (5, None)
    image = library.query("red", k=1)[0].path
    assert library.query(Query(terms=(Term((Words("猫"),)), Term(image=image))), k=3)[0].probability is None


def test_a_query_that_is_read_has_its_probabilities(library: search.Library) -> None:
    results = library.query("red")
    assert results[0].estimate is not None
    assert not any("does not know" in note for note in results.notes)


@pytest.mark.parametrize("text", ["re\u200bd", "\uff52\uff45\uff44", "\u202ared\u202c", "red\u00ad"])
def test_a_query_is_in_nfkc_and_without_format_characters(text: str) -> None:
    assert Query(text=text).text == "red"
    assert Query(text=text) == Query.parse(text)


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[search.Library]:
    folder = tmp_path_factory.mktemp("captioned")
    paint(folder, 12)
    first, second, *_ = sorted(path for path in folder.rglob("*") if path.suffix in IMAGE_SUFFIXES)
    first.with_suffix(".txt").write_text("собака на пляже", encoding="utf-8")
    second.rename(second.with_name(f"Kreuzberg_party{second.suffix}"))
    with search.open(tmp_path_factory.mktemp("store"), encoder=Reader(batch_size=64)) as opened:
        opened.index(folder)
        yield opened


@pytest.mark.parametrize(
    ("text", "name"), [("собака", ""), ("Kreuzberg", "Kreuzberg_party"), ("kreuzberg", "Kreuzberg_party")]
)
def test_of_words_that_are_not_read_only_those_who_have_them_are_found(
    captioned: search.Library, text: str, name: str
) -> None:
    found = captioned.query(text, by_words=True)
    assert len(found) == 1
    assert found[0].probability is None
    assert found[0].found_by in ("words", "both")
    assert name in found[0].path
    assert name or "собака на пляже" in Path(found[0].path).with_suffix(".txt").read_text(encoding="utf-8")


def test_beside_words_that_are_read_meaning_finds_as_ever(captioned: search.Library) -> None:
    found = captioned.query("red Kreuzberg", by_words=True)
    assert len(found) == 10
    assert "Kreuzberg_party" in "".join(hit.path for hit in found[:5] if hit.found_by != "meaning")


def test_what_nobody_says_and_the_encoder_cannot_read_is_nothing_to_search_for(captioned: search.Library) -> None:
    with pytest.raises(EmptyQueryError, match="nothing to search for"):
        captioned.query("猫", by_words=True)
