"""Probabilities: fit, error and examples against plain implementations, and what must hold whatever comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

import search
from indexer.catalog.encoders import Encoders
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import EncoderId, Preprocessing
from indexer.errors import StoreUnwritableError, UsageError
from indexer.metrics import Float64, InnerProducts, Relevance
from indexer.types import Float32
from search.calibration import calibration_file
from search.calibration.background import BackgroundSamples
from search.calibration.calibration_file import Calibration, Entry, find_calibration, reranker_key
from search.calibration.curve import (
    FALLBACK,
    PRIOR_ITEMS,
    Background,
    ProbabilityCurve,
    TypicalBackground,
    describe,
    sigmoid,
)
from search.calibration.curve_fitting import cross_fitted, fit_logistic, fit_standardised
from search.calibration.examples import SHOWN, collect, list_first
from search.calibration.probability import hit_probabilities
from search.calibration.reliability import reliability
from search.ground_truth.extra_positives import MOST_OTHERS, OWN_SHARE, transposed, with_extra_positives
from search.ground_truth.ground_truth import GroundTruth
from search.rerank.base import EncodedQuery, is_familiar
from search.results import WEAK, Hit, Results
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.colour_reranker import ColourReranker
from tests.fixtures.paths import ROOT

FITTED = ProbabilityCurve(-2.0, (3.0, 1.2, 0.9), TypicalBackground(0.1, 0.05))
IDENTITY = EncoderId("colours", "w" * 64, 4, Preprocessing(8, 8, "squash", "bilinear", (0, 0, 0), (1, 1, 1)))


def unit(rng: np.random.Generator, *shape: int) -> Float32:
    vectors = rng.standard_normal(shape)
    rows: Float32 = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return rows


# -- the fit ------------------------------------------------------------------------------------------------


def drawn(seed: int, slopes: tuple[float, ...], rows: int = 400) -> tuple[Float64, Float64]:
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((rows, len(slopes)))
    labels = (rng.random(rows) < sigmoid(features @ np.array(slopes) - 0.5)).astype(np.float64)
    return features, labels


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("l2", [0.1, 1.0, 30.0])
def test_the_fit_is_that_of_scikit_learn(seed: int, l2: float) -> None:
    features, labels = drawn(seed, (1.5, 0.8, 0.4))
    theirs = LogisticRegression(C=1 / l2, tol=1e-10, max_iter=10_000).fit(features, labels)
    intercept, slopes = fit_logistic(features, labels, l2)
    assert (theirs.coef_ >= 0).all()  # else theirs is not the same problem
    np.testing.assert_allclose(slopes, theirs.coef_[0], atol=1e-4)
    assert intercept == pytest.approx(theirs.intercept_[0], abs=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_slopes_that_would_be_negative_are_zero_and_the_rest_is_best_without_them(seed: int) -> None:
    true = np.random.default_rng(seed + 100).uniform(-1.5, 1.5, 3)
    features, labels = drawn(seed, tuple(true))

    def loss(weights: Float64) -> float:
        logits = weights[0] + features @ weights[1:]
        return float(np.logaddexp(0, logits).sum() - labels @ logits + 0.5 * (weights[1:] ** 2).sum())

    bounds = [(None, None), (0, None), (0, None), (0, None)]
    theirs = minimize(loss, np.zeros(4), method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9})
    intercept, slopes = fit_logistic(features, labels)
    assert (slopes >= 0).all()
    assert loss(np.array([intercept, *slopes])) <= theirs.fun + 1e-6
    np.testing.assert_allclose([intercept, *slopes], theirs.x, atol=2e-3)


def test_a_fit_on_scaled_features_is_the_same_curve() -> None:
    features, labels = drawn(3, (1.0, 0.5))
    stretched = features * [100.0, 0.001] + [5.0, -3.0]
    one, other = (fit_standardised(each, labels) for each in (features, stretched))
    expected = sigmoid(one[0] + features @ one[1])
    np.testing.assert_allclose(sigmoid(other[0] + stretched @ other[1]), expected, atol=1e-7)


@pytest.mark.parametrize("labels", [[0.0, 0.0, 1.0, 1.0], [0.0] * 4, [1.0] * 4])
def test_separable_and_one_sided_data_give_a_finite_curve(labels: list[float]) -> None:
    features = np.array([[-2.0, 7.0], [-1.0, 7.0], [1.0, 7.0], [2.0, 7.0]])
    intercept, slopes = fit_standardised(features, np.array(labels))
    assert np.isfinite([intercept, *slopes]).all()
    chances = sigmoid(intercept + features @ slopes)
    assert ((chances > 0.5) == (np.array(labels) > 0)).all()


def test_cross_fitting_predicts_each_cluster_from_the_others() -> None:
    """Labels that are known by the cluster alone: a fit that had seen a row's own cluster would know them."""
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(100), 5)
    labels = np.repeat((rng.random(100) < 0.5).astype(np.float64), 5)
    memory = np.zeros((500, 20))
    memory[np.arange(500), clusters % 20] = 1.0
    chances = cross_fitted(memory[:, :3], labels, clusters)
    order = np.random.default_rng(0).permutation(100) % 5
    for fold in range(5):
        held = order[clusters] == fold
        intercept, slopes = fit_standardised(memory[~held, :3], labels[~held])
        np.testing.assert_allclose(chances[held], sigmoid(intercept + memory[held, :3] @ slopes))


# -- reliability --------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]) | st.floats(0, 1), st.booleans()), min_size=1)
)
def test_the_calibration_error_is_that_of_a_loop(rows: list[tuple[float, bool]]) -> None:
    said = np.array([row[0] for row in rows])
    right = np.array([float(row[1]) for row in rows])
    found = reliability(said, right)
    total, left = 0.0, sorted(rows)
    for one in found.bins:  # each bin is the next run of the sorted hits, and takes all that are equal to its last
        mine, left = left[: one.count], left[one.count :]
        assert (one.low, one.high) == (mine[0][0], mine[-1][0])
        assert not left or left[0][0] > one.high
        gap = abs(sum(p for p, _ in mine) / one.count - sum(y for _, y in mine) / one.count)
        total += gap * one.count / len(rows)
    assert left == []
    assert found.ece == pytest.approx(total, abs=1e-12)
    assert found.hits == len(rows)
    shuffled = np.random.default_rng(0).permutation(len(rows))
    again = reliability(said[shuffled], right[shuffled])
    assert again.ece == pytest.approx(found.ece, abs=1e-12)
    assert [one.count for one in again.bins] == [one.count for one in found.bins]


def test_bins_hold_equally_many_hits() -> None:
    found = reliability(np.linspace(0, 1, 1_500), np.zeros(1_500))
    assert [one.count for one in found.bins] == [100] * 15
    assert found.ece == pytest.approx(0.5)


def test_probabilities_that_are_true_have_no_error() -> None:
    rng = np.random.default_rng(0)
    said = rng.random(200_000)
    assert reliability(said, (rng.random(200_000) < said).astype(np.float64)).ece < 0.01


# -- the curve ----------------------------------------------------------------------------------------------

finite = st.floats(allow_nan=False, allow_infinity=False)
cosines = st.floats(-1, 1)
curves = st.sampled_from([FALLBACK, FITTED, ProbabilityCurve(0.0, (0.0, 0.0, 0.0), TypicalBackground(0.0, 0.0))])


@settings(max_examples=300)
@given(
    curves, st.lists(finite | cosines, min_size=1, max_size=20), st.lists(cosines, max_size=30), st.integers(0, 10**9)
)
def test_a_probability_is_one_and_never_falls_as_the_score_grows(
    curve: ProbabilityCurve, scores: list[float], sample: list[float], items: int
) -> None:
    background = Background.of(np.array(sample, np.float32), items)
    chances = curve.probabilities(np.sort(np.array(scores)), background)
    assert np.isfinite(chances).all()
    assert ((chances >= 0) & (chances <= 1)).all()
    assert (np.diff(chances) >= 0).all()


@pytest.mark.parametrize("curve", [FALLBACK, FITTED])
@pytest.mark.parametrize(
    "background",
    [
        Background.of(np.zeros(0, np.float32), 0),
        Background.of(np.array([0.3], np.float32), 1),
        Background(0.2, 0.0, 50, 50),
    ],
)
def test_one_item_none_and_no_spread_at_all(curve: ProbabilityCurve, background: Background) -> None:
    chances = curve.probabilities(np.array([-1.0, 0.3, 1.0, 1e300]), background)
    assert np.isfinite(chances).all()
    assert (np.diff(chances) >= 0).all()
    if curve is FALLBACK:  # nothing to compare with, so nothing is claimed
        assert (chances < WEAK).all()


@pytest.mark.parametrize("curve", [FALLBACK, FITTED])
def test_the_same_standing_among_more_items_is_less_probable(curve: ProbabilityCurve) -> None:
    few, many = (float(curve.probabilities(np.array([0.5]), Background(0.1, 0.1, 1_000, n))[0]) for n in (100, 10_000))
    assert 0 < many < few < 1
    odds = (few / (1 - few)) / (many / (1 - many))
    assert odds == pytest.approx(100 ** curve.slopes[2])


def test_a_small_sample_is_joined_with_typical_similarities() -> None:
    """As if PRIOR_ITEMS similarities of the typical mean and spread had been in the sample."""
    own = np.array([0.5, 0.1, 0.2])
    typical = TypicalBackground(0.15, 0.07)
    prior = np.array([0.15 - 0.07, 0.15 + 0.07] * (PRIOR_ITEMS // 2))
    together = np.concatenate([own, prior])
    features = describe(np.array([0.4]), Background.of(own, 3), typical)
    assert features[0].tolist() == pytest.approx([0.4, (0.4 - together.mean()) / together.std(), -np.log(3)])
    alone = describe(np.array([0.4]), Background.of(own, 3), None)
    assert alone[0, 1] == pytest.approx((0.4 - own.mean()) / own.std())


# -- examples -----------------------------------------------------------------------------------------------


def test_examples_are_the_first_hits_with_and_without_the_right_answers() -> None:
    rng = np.random.default_rng(0)
    queries, candidates = unit(rng, 12, 6), unit(rng, 40, 6)
    pairs = [(q, c) for q in range(12) for c in rng.choice(40, 1 + q % 3, replace=False).tolist()]
    relevance = Relevance.of_pairs(np.array([q for q, _ in pairs]), np.array([c for _, c in pairs]), 12)
    listing = list_first(InnerProducts(queries, candidates), 12, 20)
    found = collect(listing, queries, candidates, relevance, np.arange(40), parts=(1,))
    rows = []
    for query in range(12):
        near = [float(np.float32(queries[query].astype(float) @ each.astype(float))) for each in candidates]
        right = {c for q, c in pairs if q == query}
        for there in (range(40), [c for c in range(40) if c not in right]):
            order = sorted(there, key=lambda c: (-near[c], c))[:SHOWN]
            all_near = np.array([near[c] for c in there])
            for place, c in enumerate(order):
                rows.append((query, place, c, float(c in right), near[c], all_near.mean(), all_near.std(), len(there)))
    backgrounds = found.backgrounds
    columns = (found.queries, found.places, found.found, found.right, found.scores)
    for position, column in enumerate((*columns, backgrounds.mean, backgrounds.spread, backgrounds.items)):
        np.testing.assert_allclose(column, [row[position] for row in rows], atol=1e-6)
    assert (found.backgrounds.sampled == found.backgrounds.items).all()


def test_a_cut_collection_keeps_groups_together_and_asks_each_query_once() -> None:
    rng = np.random.default_rng(1)
    queries, candidates = unit(rng, 30, 6), unit(rng, 120, 6)
    groups = np.repeat(np.arange(30), 4)
    relevance = Relevance.of_pairs(np.repeat(np.arange(30), 4), np.arange(120), 30)
    listing = list_first(InnerProducts(queries, candidates), 30, 120)
    whole = collect(listing, queries, candidates, relevance, groups, parts=(1,))
    both = collect(listing, queries, candidates, relevance, groups, parts=(1, 4, 16))  # a sixteenth would be too few
    cut = slice(len(whole), None)
    assert sorted(set(both.queries[cut].tolist())) == list(range(30))
    present = (both.places[cut] == 0) & (both.backgrounds.items[cut] % 4 == 0)
    assert both.backgrounds.items[cut].min() + 4 >= 24
    assert both.backgrounds.items[cut].max() <= 32
    assert present.sum() == 60  # all four of a group stay, so both numbers of items are multiples of four
    assert both.right[cut].sum() >= whole.right.sum()  # fewer rivals


def truth_of(texts: int, pairs: list[tuple[int, int]], images: int, kind: str = "captions") -> GroundTruth:
    at = np.array(pairs, np.int64)
    names = tuple(f"t{number}" for number in range(texts))
    paths = tuple(f"{number}.jpg" for number in range(images))
    empty = np.zeros((images, 4), np.float32)
    return GroundTruth(kind, paths, np.arange(images), empty, names, at[:, 0], at[:, 1], ())  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_what_a_text_describes_beyond_its_pairs_is_that_of_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centres = unit(rng, 12, 8)
    pairs = [(3 * image + number, image) for image in range(40) for number in range(3)] + [(0, 7), (5, 7)]
    scenes = centres[rng.integers(0, 12, 40)]
    texts = np.array([scenes[text // 3] + 0.25 * rng.standard_normal(8) for text in range(120)])
    texts = (texts / np.linalg.norm(texts, axis=1, keepdims=True)).astype(np.float32)
    truth = truth_of(120, pairs, 40)
    near = np.full((120, 40), -1.0)
    for text in range(120):
        for other, image in pairs:
            if other != text:
                near[text, image] = max(near[text, image], float(texts[text] @ texts[other]))
    mine = {text: {image for other, image in pairs if other == text} for text in range(120)}
    own = [max(near[text, image] for image in mine[text]) for text in range(120)]
    others = [near[text, image] for text in range(120) for image in range(40) if image not in mine[text]]
    threshold = max(np.quantile(own, OWN_SHARE), np.quantile(others, 1 - MOST_OTHERS))
    expected = [sorted(mine[t] | {i for i in range(40) if near[t, i] >= threshold - 1e-6}) for t in range(120)]
    found = with_extra_positives(truth, texts)
    assert [found.of(text).tolist() for text in range(120)] == expected
    assert sum(map(len, expected)) > len(pairs)
    back = transposed(found, 40)
    assert [back.of(i).tolist() for i in range(40)] == [[t for t in range(120) if i in expected[t]] for i in range(40)]


def test_labels_and_lonely_captions_describe_no_more_than_their_pairs() -> None:
    texts = np.tile(unit(np.random.default_rng(0), 1, 4), (6, 1))  # all alike
    for truth in (
        truth_of(6, [(i, i) for i in range(6)], 6),
        truth_of(6, [(i % 6, i) for i in range(12)], 12, "labels"),
    ):
        assert with_extra_positives(truth, texts).items.tolist() == truth.images_of_texts().items.tolist()


# -- files --------------------------------------------------------------------------------------------------


def some(weights: str = IDENTITY.weights, reranker: str | None = None) -> Calibration:
    return Calibration(weights, (Entry("text", reranker, FITTED, {"queries": 7}, 0.01),))


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / calibration_file.NAME
    calibration = Calibration("w", (*some().entries, Entry("image", "abc", replace(FITTED, intercept=1.5), {}, 0.0)))
    calibration_file.write(path, calibration)
    assert calibration_file.read(path) == calibration
    assert calibration_file.read(tmp_path / "none.json") is None
    fields = json.loads(path.read_text())
    assert fields["models"][0]["coefficients"] == {"score": 3.0, "standard": 1.2, "items": 0.9}
    with pytest.raises(StoreUnwritableError, match="--out"):
        calibration_file.write(tmp_path / "none" / calibration_file.NAME, calibration)


def _set(name: str, value: object) -> Callable[[dict[str, object]], object]:
    return lambda fields: fields.__setitem__(name, value)


@pytest.mark.parametrize(
    "change",
    [
        _set("format", 2),
        _set("features", ["score"]),
        _set("models", 3),
        _set("models", [{"asks": "sound"}]),
        lambda fields: fields.pop("encoder"),
        lambda fields: fields["models"][0].pop("coefficients"),  # type: ignore[attr-defined]
        lambda fields: fields["models"][0]["coefficients"].__setitem__("score", -1.0),  # type: ignore[attr-defined]
        lambda fields: fields["models"][0].__setitem__("intercept", float("nan")),  # type: ignore[attr-defined]
        lambda fields: fields["models"][0]["null"].__setitem__("spread", "wide"),  # type: ignore[attr-defined]
    ],
)
def test_a_damaged_calibration_is_a_note_and_the_fallback(
    tmp_path: Path, change: Callable[[dict[str, object]], object]
) -> None:
    path = tmp_path / calibration_file.NAME
    calibration_file.write(path, some())
    assert find_calibration(tmp_path, IDENTITY).curve("text", "image", None) == FITTED
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))
    found = find_calibration(tmp_path, IDENTITY)
    assert found.curve("text", "image", None) == FALLBACK
    (note,) = found.notes
    assert "search calibrate" in note
    assert str(path) in note


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"{", b"[" * 100_000, b'"' + b"x" * 2_000_000])
def test_a_file_that_is_no_calibration_is_a_note(tmp_path: Path, content: bytes) -> None:
    (tmp_path / calibration_file.NAME).write_bytes(content)
    assert len(find_calibration(tmp_path, IDENTITY).notes) == 1


def test_a_calibration_belongs_to_one_encoder_one_reranker_and_one_direction(tmp_path: Path) -> None:
    calibration_file.write(tmp_path / calibration_file.NAME, some("other"))
    found = find_calibration(tmp_path, IDENTITY)
    assert (found.entries, len(found.notes)) == ((), 1)
    calibration_file.write(tmp_path / calibration_file.NAME, some(reranker="abc"))
    found = find_calibration(tmp_path, IDENTITY)
    assert found.notes == ()
    assert found.curve("text", "image", "abc") == FITTED
    assert found.curve("text", "image", None) == found.curve("image", "text", "abc") == FALLBACK
    assert found.curve("text", "text", "abc") == FALLBACK


def test_the_stores_own_comes_before_what_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.calibration.calibration_file.models_folder", lambda: tmp_path / "models")
    store, shipped = tmp_path / "s", tmp_path / "models" / "bundled"
    store.mkdir()
    shipped.mkdir(parents=True)
    other = replace(FITTED, intercept=-9.0)
    calibration_file.write(
        shipped / calibration_file.NAME,
        Calibration(IDENTITY.weights, (Entry("text", None, other), Entry("image", None, other))),
    )
    calibration_file.write(store / calibration_file.NAME, some())
    found = find_calibration(store, IDENTITY)
    assert found.curve("text", "image", None) == FITTED
    assert found.curve("image", "text", None) == other


def test_what_ships_can_be_read() -> None:
    models = ROOT / "data" / "models"
    for path in models.glob(f"*/{calibration_file.NAME}"):
        found = calibration_file.read(path)
        assert found is not None
        assert found.entries


# -- hits ---------------------------------------------------------------------------------------------------


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
    entry = Entry("text", None, FITTED)
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
    guessed = FALLBACK.probabilities(everything[:5], background)
    assert [hit.probability for hit in before] == pytest.approx(guessed.tolist(), rel=1e-4)
    assert found.to_json()["hits"][0]["probability"] == pytest.approx(expected[0], abs=1e-4)


class OfAnotherKind(ColourReranker):
    """Knows that no query is like the texts that it learned from."""

    def trust(self, vector: Float32) -> float:
        return 0.1


def test_a_query_of_another_kind_has_the_probability_of_the_background_alone() -> None:
    background, similarities, scores = Background(0.1, 0.05, 400, 400), [0.4, 0.2, 0.1], [0.9, 0.5, 0.2]
    key = reranker_key(ColourReranker())
    found = hit_probabilities(
        some(reranker=key), "text", "image", key, scores, similarities, background, familiar=False
    )
    assert not found.fitted
    assert found.probabilities == pytest.approx(FALLBACK.probabilities(np.array(similarities), background).tolist())
    vector = np.array([1, 0, 0, 0], np.float32)
    for reranker, familiar in ((OfAnotherKind(), False), (ColourReranker(), True), (None, True)):
        assert is_familiar(reranker, EncodedQuery("text", vector, None)) is familiar
        assert is_familiar(reranker, EncodedQuery("image", vector, None))


def test_one_photograph_alone_has_a_probability(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "one.png")
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(tmp_path / "one.png")
        for to in ("image", "any"):
            (hit,) = library.query("red", to=to)  # type: ignore[arg-type]
            assert 0 <= hit.probability < WEAK


def test_a_least_probability_cuts_and_says_so(library: search.Library) -> None:
    with library:
        everything = library.query("red", k=60)
        least = everything[10].probability
        found = library.query("red", k=60, min_probability=least)
        none = library.query("red", k=60, min_probability=1.0)
        for wrong in (-0.1, 1.5, float("nan")):
            with pytest.raises(UsageError, match="from 0 to 1"):
                library.query("red", min_probability=wrong)
    assert [hit.id for hit in found] == [hit.id for hit in everything if hit.probability >= least]
    assert found.cut is not None
    assert found.cut.left_out == 60 - len(found)
    assert not none
    assert none.absence.startswith("Nothing here matches well: the best hit has probability 0.")


@pytest.mark.parametrize(
    ("best", "least", "said"),
    [(0.03, 0.3, "0.03"), (0.0004, 0.3, "0.0004"), (0.2999, 0.3, "0.2999"), (1e-9, 0.5, "0.000000")],
)
def test_the_best_probability_is_said_with_the_digits_that_it_takes(best: float, least: float, said: str) -> None:
    results = Results("q", (Hit(1, "image", "a", 0.1, 0.1, best),)).likely(least)
    assert f"probability {said} (--min-probability {least:g})" in results.absence
    assert Results("q").likely(0.5).absence == "Nothing found."


def test_the_background_is_taken_from_all_items_or_a_fixed_spread_of_them(library: search.Library) -> None:
    with library:
        library.query("red")
        assert library._opened is not None
        with library._opened[0].catalog.snapshot() as snapshot:
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
