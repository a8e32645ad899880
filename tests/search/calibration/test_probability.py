"""The probability of each hit of a query."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import search
from indexer.catalog.encoders import Encoders
from indexer.catalog.vectors import Vectors
from indexer.errors import UsageError
from search.calibration import calibration_file
from search.calibration.background import BackgroundSamples
from search.calibration.calibration_file import Calibration, Entry, reranker_key
from search.calibration.curve import (
    FALLBACK,
    STANDING,
    Background,
    ProbabilityCurve,
    Slopes,
    TypicalBackground,
)
from search.calibration.probability import hit_probabilities, never_rising
from search.query.query_form import QueryForm, form_of
from search.results import STRONG, WEAK, Hit, Results
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.colour_reranker import ColourReranker

FITTED = ProbabilityCurve(-2.0, Slopes(3.0, 0.0, 1.2, 0.9), TypicalBackground(0.1, 0.05))


def some(*, reranker: str | None = None) -> Calibration:
    return Calibration("w" * 64, (Entry("text", "image", reranker, FITTED, {"queries": 7}, 0.01, "sentence"),))


def test_hits_of_an_unknown_reranker_have_the_probability_of_their_similarities() -> None:
    background = Background(0.1, 0.1, 1_000, 1_000)
    scores, similarities = [9.0, 8.0], [0.3, 0.5]
    key = reranker_key(ColourReranker())
    assert (key, reranker_key(None)) == ("colours", None)
    plain = hit_probabilities(some(), "text", "image", None, similarities, similarities, background)
    assert hit_probabilities(some(), "text", "image", key, scores, similarities, background) == plain
    assert plain.fitted
    known = hit_probabilities(some(reranker=key), "text", "image", key, scores, similarities, background)
    assert known.probabilities == tuple(FITTED.probabilities(np.array(scores), background).tolist())
    assert not hit_probabilities(some(), "image", "image", None, similarities, similarities, background).fitted


@pytest.fixture
def library(tmp_path: Path) -> search.Library:
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(60):
        colour = tuple(int(part) for part in rng.integers(0, 256, 3))
        Image.new("RGB", (8, 8), colour).save(tmp_path / "photos" / f"{number:02}.png")
    opened = search.open(tmp_path / "s", encoder=ColourEncoder(batch_size=64))
    opened.index(tmp_path / "photos")
    return opened


def test_a_hits_probability_is_the_curve_over_the_whole_collection(library: search.Library, tmp_path: Path) -> None:
    entry = Entry("text", "image", None, FITTED, form="short")
    with library:
        before = library.query("red", k=5)
        calibration_file.write(
            library.folder / calibration_file.NAME, Calibration(ColourEncoder().identity.weights, (entry,))
        )
        found = library.query("red", k=5)  # the file is seen although the library was open
        everything = np.array([hit.similarity for hit in library.query("red", k=60)])
        only = library.query(tmp_path / "photos" / "00.png", k=5)
    background = Background.of(everything, 60)
    expected = FITTED.probabilities(everything[:5], background)
    assert [hit.probability for hit in found] == pytest.approx(expected.tolist(), rel=1e-4)
    assert (found.calibrated, before.calibrated, only.calibrated) == (True, False, False)
    assert [hit.id for hit in found] == [hit.id for hit in before]
    guessed = STANDING.probabilities(everything[:5], background)
    assert [hit.guess for hit in before] == pytest.approx(guessed.tolist(), rel=1e-4)
    assert found.to_json()["hits"][0]["probability"] == pytest.approx(expected[0], abs=1e-4)


def test_short_queries_and_sentences_have_curves_of_their_own() -> None:
    background, scores = Background(0.1, 0.05, 400, 400), np.array([0.4, 0.2, 0.1])
    short = replace(FITTED, intercept=-4.0)
    both = Calibration("w" * 64, (*some().entries, Entry("text", "image", None, short, form="short")))
    for form, curve in (("sentence", FITTED), ("short", short)):
        of_form: QueryForm = form  # type: ignore[assignment]
        found = hit_probabilities(both, "text", "image", None, scores, scores, background, form=of_form)
        assert found.fitted
        assert found.probabilities == tuple(curve.probabilities(scores, background).tolist())
    found = hit_probabilities(some(), "text", "image", None, scores, scores, background, form="short")
    assert not found.fitted
    assert found.probabilities == pytest.approx(FALLBACK.probabilities(scores, background).tolist())


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("dog", "short"),
        ("a photo of the red fire truck", "short"),
        ("someone riding a horse", "short"),
        ("a man rides a brown horse", "sentence"),
        ("", "short"),
    ],
)
def test_a_short_query_has_three_content_words_at_most(text: str, form: str) -> None:
    assert form_of(text) == form


def test_where_nothing_was_fitted_a_hit_has_a_word(library: search.Library) -> None:
    with library:
        found = library.query("red", k=60)
    assert not found.calibrated
    for hit, said in zip(found, found.to_json()["hits"], strict=True):
        assert hit.probability is None
        assert hit.guess is not None
        word = "weak" if hit.guess < WEAK else "fair" if hit.guess < STRONG else "strong"
        assert said["match"] == hit.match == word
        assert "probability" not in said
        assert said.get("weak", False) == (hit.match == "weak")
    guesses = (0.0, WEAK, STRONG - 0.01, STRONG, 1.0)
    words = [Hit(1, "image", "a", 0.1, 0.1, None, guess=guess).match for guess in guesses]
    assert words == ["weak", "fair", "fair", "strong", "strong"]
    assert Hit(1, "image", "a", 0.1, 0.1, 0.01, guess=0.9).match is None


def test_one_photograph_alone_has_a_probability(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "one.png")
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(tmp_path / "one.png")
        for to in ("image", "any"):
            (hit,) = library.query("red", to=to)  # type: ignore[arg-type]
            assert 0 <= hit.estimate < WEAK


def test_a_least_probability_cuts_and_says_so(library: search.Library) -> None:
    with library:
        everything = library.query("red", k=60)
        least = everything[10].estimate
        found = library.query("red", k=60, min_probability=least)
        none = library.query("red", k=60, min_probability=1.0)
        for wrong in (-0.1, 1.5, float("nan")):
            with pytest.raises(UsageError, match="from 0 to 1"):
                library.query("red", min_probability=wrong)
    assert [hit.id for hit in found] == [hit.id for hit in everything if hit.estimate >= least]
    assert found.cut is not None
    assert found.cut.left_out == 60 - len(found)
    assert not none
    assert none.absence == (
        f"Nothing here matches well: the best hit is a {everything[0].match} match, and `min_probability=1` leaves it "
        "out; a lower one shows more."
    )


@pytest.mark.parametrize(
    ("best", "least", "said"),
    [(0.03, 0.3, "3 %"), (0.0004, 0.3, "0.04 %"), (0.2999, 0.3, "29.99 %"), (1e-9, 0.5, "below 0.0001 %")],
)
def test_the_best_probability_is_said_with_the_digits_that_it_takes(best: float, least: float, said: str) -> None:
    results = Results("q", (Hit(1, "image", "a", 0.1, 0.1, best),), calibrated=True).likely(least)
    assert f"probability {said}, and `min_probability={least:g}` leaves" in results.absence
    assert Results("q").likely(0.5).absence == "Nothing found."


def test_the_background_is_taken_from_all_items_or_a_fixed_spread_of_them(library: search.Library) -> None:
    with library:
        library.query("red")
        assert library._opened is not None
        with library._opened.store.catalog.snapshot() as snapshot:
            active = Encoders(snapshot).active()
            assert active is not None
            everything = {
                vector.tobytes() for _, some in Vectors(snapshot).pages("image", active[0], 4) for vector in some
            }
            items, vectors = Vectors(snapshot).sample("image", active[0], 4, 1_000)
            assert (items, {vector.tobytes() for vector in vectors}) == (60, everything)
            items, vectors = Vectors(snapshot).sample("image", active[0], 4, 20)
            assert items == 60
            assert 10 <= len(vectors) <= 20
            assert {vector.tobytes() for vector in vectors} <= everything
            np.testing.assert_array_equal(Vectors(snapshot).sample("image", active[0], 4, 20)[1], vectors)
            samples = BackgroundSamples()
            held = samples.of(snapshot, "image", active[0], 4)
            assert samples.of(snapshot, "image", active[0], 4) is held
            assert samples.of(snapshot, "text", active[0], 4).items == 0


def test_neighbours_whose_probabilities_would_rise_share_their_mean() -> None:
    assert never_rising([0.5, 0.3, 0.1]) == [0.5, 0.3, 0.1]
    assert never_rising([0.5, 0.1, 0.2, 0.05]) == pytest.approx([0.5, 0.15, 0.15, 0.05])
    assert never_rising([0.1, 0.2, 0.6]) == pytest.approx([0.3, 0.3, 0.3])
    assert never_rising([]) == []


def test_what_is_there_only_because_so_many_are_wanted_changes_no_other() -> None:
    first = [0.5, 0.1, 0.2]
    assert never_rising([*first, 0.9, 0.05, 0.1], [True] * 3 + [False] * 3) == pytest.approx(
        [0.5, 0.15, 0.15, 0.15, 0.05, 0.05]
    )
    between = never_rising([0.5, 0.3, 0.1, 0.2], [True, False, True, True])
    assert between == pytest.approx([0.5, 0.3, 0.15, 0.15])
    assert never_rising([0.2], [False]) == [0.2]


@given(st.lists(st.floats(0, 1), max_size=30), st.integers(0, 30))
def test_whatever_number_is_asked_for_each_has_the_same(chances: list[float], settled: int) -> None:
    whole = never_rising(chances, [place < settled for place in range(len(chances))])
    assert whole == sorted(whole, reverse=True)
    for count in range(settled, len(chances)):
        assert never_rising(chances[:count], [place < settled for place in range(count)]) == whole[:count]


@given(st.lists(st.floats(0, 1), max_size=30))
def test_they_never_rise_and_keep_their_sum(chances: list[float]) -> None:
    found = never_rising(chances)
    assert found == sorted(found, reverse=True)
    assert sum(found) == pytest.approx(sum(chances))
    assert never_rising(found) == found
