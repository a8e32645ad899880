"""A query that the encoder cannot read gets no confident answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import search
from indexer.errors import EmptyQueryError
from indexer.images.sniff import IMAGE_SUFFIXES
from search.fast_start.prefetched_encoder import PrefetchedEncoder, encode_ahead
from search.query.filter import Filter
from search.query.query import Query
from search.query.terms import Term, Words
from tests.fixtures.colour_encoder import COLOURS, ColourEncoder
from tests.search.engine.test_engine import paint


class Reader(ColourEncoder):
    """Reads the names of colours, and knows slips of some."""

    def suggested(self, word: str) -> str | None:
        return {"gren": "green", "bleu": "blue"}.get(word.lower())

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
        "So these hits are guesses. For other languages than English a model of many languages has to be downloaded"
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


def test_a_slip_is_asked_about_before_other_languages_are(library: search.Library) -> None:
    known, guess = library.query("gren", k=3).notes[:2]
    assert known == "The encoder does not know “gren”, so no hit has a probability; did you mean “green”?"
    assert guess == "So these hits are guesses."
    one, *others = library.query("red gren", k=3).notes
    assert one == known
    assert not any("guesses" in note for note in others)
    both = library.query("gren vespa bleu", k=3).notes
    assert both[0].endswith("did you mean “green” by “gren”, “blue” by “bleu”?")
    assert "a model of many languages has to be downloaded: `list_encoders()` names one" in both[1]


@pytest.mark.parametrize(
    "line",
    ["vespa bokeh", "eine gren vespa bokeh", "im vespa el bokeh", "un gren", "red: vespa, bokeh", "gren am green"],
)
def test_several_words_in_a_row_are_another_language_rather_than_slips(library: search.Library, line: str) -> None:
    known, guess = library.query(line, k=3).notes[:2]
    assert known.endswith("so no hit has a probability; if this is another language, ask in English.")
    assert "did you mean" not in known
    assert guess.startswith("So these hits are guesses. For other languages")


@pytest.mark.parametrize(
    "line",
    ["vespa green bokeh", "gren bleu", "vespa and bokeh", "red green blue vespa bokeh", "i am gren", "10 am gren"],
)
def test_other_lines_are_english_with_words_that_are_not_known(library: search.Library, line: str) -> None:
    assert not any("another language" in note for note in library.query(line, k=3).notes)


def test_a_least_probability_that_leaves_nothing_out_is_told(library: search.Library) -> None:
    [note] = library.query("red gren", k=3, min_probability=0.9).notes
    assert "so no hit has a probability and `min_probability=0.9` leaves nothing out; did you mean" in note


def test_what_something_here_is_called_is_no_slip(captioned: search.Library, tmp_path: Path) -> None:
    assert "did you mean “blue”?" in captioned.query("bleu", k=1).notes[0]
    paint(tmp_path / "photos", 2)
    one = next(path for path in (tmp_path / "photos").rglob("*") if path.suffix in IMAGE_SUFFIXES)
    one.rename(one.with_name(f"Bleu_party{one.suffix}"))
    with search.open(tmp_path / "store", encoder=Reader(batch_size=64)) as opened:
        opened.index(tmp_path / "photos")
        [hit] = (results := opened.query("bleu", by_words=True))
        assert "Bleu_party" in hit.path
        assert results.notes[0].endswith("check the spelling, or ask in other words.")


def test_what_is_known_ahead_names_the_same(library: search.Library) -> None:
    reader = Reader(batch_size=64)
    known = encode_ahead(reader, ("red gren",))
    ahead = PrefetchedEncoder(known, Path("nowhere"), None)
    assert ahead.suggested("gren") == "green"
    assert ahead.suggested("red") is None
    lines = ["red gren", "red", "bleu"]
    assert [each.notes for each in library.query_many(lines)] == [library.query(line).notes for line in lines]
