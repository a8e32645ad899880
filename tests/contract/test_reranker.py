"""What holds for every reranker (`search.rerank.base.Reranker`)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from indexer.settings import models_folder
from indexer.types import Float32, Int8, Kind
from search.rerank.base import Candidates, EncodedQuery, Reranker, place_unscored
from search.rerank.fusion_reranker import FusionReranker
from search.rerank.reranker_files import CENTRES, load
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.colour_reranker import ColourReranker, write_fusion
from tests.fixtures.pictures import noise

RERANKERS = ("colours", "tiny fusion", "shipped fusion", "blip")
KINDS: tuple[Kind, ...] = ("text", "image")
COUNT = 12
TEXTS = ("a red car", "two dogs on the beach", "a cat")


@dataclass(frozen=True)
class Case:
    """A reranker, and items that it can score: `COUNT` images and as many texts, with vectors (COUNT, d).

    `passive`: queries of this kind it leaves to the first stage, whatever the candidates are.
    """

    reranker: Reranker
    regions: list[Int8]
    words: list[Int8]
    paths: list[str]
    vectors: Float32
    passive: Kind | None = None

    def query(self, kind: Kind, number: int = 0) -> EncodedQuery:
        tokens = (self.words if kind == "text" else self.regions)[number]
        text, image = (TEXTS[number % 3], None) if kind == "text" else (None, self.paths[number])
        return EncodedQuery(
            kind, self.vectors[number], tokens if self.reranker.needs_tokens else None, text=text, image=image
        )

    def candidates(self, kind: Kind, numbers: Sequence[int] = range(COUNT)) -> Candidates:
        """Of the other kind. A reranker by tokens may not look at anything else, nor another one at tokens."""
        similarities = np.array([0.4 - 0.01 * number for number in numbers], np.float32)
        if self.reranker.needs_tokens:
            tokens = self.regions if kind == "text" else self.words
            return Candidates(similarities, [tokens[number] for number in numbers], Untouched(), Untouched())
        texts = [None if kind == "text" else f"{TEXTS[number % 3]} {number}" for number in numbers]
        return Candidates(similarities, Untouched(), [self.paths[number] for number in numbers], texts)

    def without(self, candidates: Candidates, kind: Kind, place: int) -> Candidates:
        """Nothing is known of the one at `place`."""
        if self.reranker.needs_tokens:
            return replace(candidates, tokens=[*candidates.tokens[:place], None, *candidates.tokens[place + 1 :]])
        if kind == "text":
            return replace(candidates, paths=[*candidates.paths[:place], "/gone.png", *candidates.paths[place + 1 :]])
        return replace(candidates, texts=[*candidates.texts[:place], None, *candidates.texts[place + 1 :]])


class Untouched(Sequence):  # type: ignore[type-arg]
    """What a reranker has no business with."""

    def __getitem__(self, place: object) -> object:
        raise AssertionError("a reranker looks at what it does not need")

    def __len__(self) -> int:
        raise AssertionError("a reranker looks at what it does not need")


def tokens(rng: np.random.Generator, count: int, width: int) -> Int8:
    rows = rng.standard_normal((count, width))
    return np.rint(127 * rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.int8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures, `0.png` and so on."""
    folder = tmp_path_factory.mktemp("contract")
    for number in range(COUNT):
        noise(32, 32, seed=number).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module", params=RERANKERS)
def case(request: pytest.FixtureRequest, folder: Path) -> Case:
    rng = np.random.default_rng(0)
    rows, columns, width, passive = 2, 2, 4, None
    vectors = tokens(rng, COUNT, 4).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    made: Reranker
    if request.param == "colours":
        made = ColourReranker()
    elif request.param == "tiny fusion":
        write_fusion(folder / "reranker", ColourTokenEncoder())
        made = FusionReranker(folder / "reranker")
    elif request.param == "shipped fusion":
        made = shipped = FusionReranker(models_folder() / "reranker")
        vectors = load(models_folder() / "reranker")[1][CENTRES][:COUNT]  # of texts that it trusts
        shape = shipped.description.tokens
        rows, columns, width = shape.rows, shape.columns, shape.width
        passive = None if shipped.description.image_weight else "image"
    else:
        from search.rerank.blip import BlipReranker
        from tests.fixtures.tiny_blip import make_model, save_tokenizer

        (folder / "blip").mkdir()
        save_tokenizer(folder / "blip")
        make_model().save_pretrained(folder / "blip")
        made = BlipReranker(str(folder / "blip"), "cpu")
    return Case(
        made,
        [tokens(rng, rows * columns, width) for _ in range(COUNT)],
        [tokens(rng, 1 + number % 5, width) for number in range(COUNT)],
        [str(folder / f"{number}.png") for number in range(COUNT)],
        vectors,
        passive,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_score_for_each_candidate(case: Case, kind: Kind) -> None:
    scores = case.reranker.score(case.query(kind), case.candidates(kind))
    assert (scores.shape, scores.dtype) == ((COUNT,), np.float32)
    assert np.isfinite(scores).all()
    differences = scores - case.candidates(kind).similarities
    assert (np.ptp(differences) > 1e-4) == (kind != case.passive)  # else it would not tell one from another
    assert case.reranker.name


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_scored_as_nothing(case: Case, kind: Kind) -> None:
    scores = case.reranker.score(case.query(kind), case.candidates(kind, []))
    assert (scores.shape, scores.dtype) == ((0,), np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_scored_is_not_a_number_and_changes_nothing_else(case: Case, kind: Kind) -> None:
    given = case.candidates(kind)
    whole = case.reranker.score(case.query(kind), given)
    scores = case.reranker.score(case.query(kind), case.without(given, kind, 3))
    if kind == case.passive:
        np.testing.assert_array_equal(scores, given.similarities)
        return
    assert np.flatnonzero(np.isnan(scores)).tolist() == [3]
    others = np.arange(COUNT) != 3
    np.testing.assert_allclose(scores[others], whole[others], atol=1e-4)
    assert np.isfinite(place_unscored(scores, given.similarities)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_query_without_tokens_scores_nothing_by_tokens(case: Case, kind: Kind) -> None:
    query = replace(case.query(kind), tokens=None)
    scores = case.reranker.score(query, case.candidates(kind))
    assert np.isnan(scores).all() == (case.reranker.needs_tokens and kind != case.passive)


@pytest.mark.parametrize("kind", KINDS)
def test_a_score_depends_on_the_query_and_its_candidate_alone(case: Case, kind: Kind) -> None:
    query = case.query(kind, 1)
    together = case.reranker.score(query, case.candidates(kind))
    alone = [case.reranker.score(query, case.candidates(kind, [number]))[0] for number in range(COUNT)]
    np.testing.assert_allclose(alone, together, atol=1e-4)
    backwards = case.reranker.score(query, case.candidates(kind, range(COUNT)[::-1]))
    np.testing.assert_allclose(backwards[::-1], together, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_similarity_is_joined(case: Case, kind: Kind) -> None:
    given = case.candidates(kind)
    nearer = replace(given, similarities=given.similarities + np.float32(0.25))
    gained = case.reranker.score(case.query(kind), nearer) - case.reranker.score(case.query(kind), given)
    np.testing.assert_allclose(gained, 0.25, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_twice_and_from_several_threads(case: Case, kind: Kind) -> None:
    queries = [case.query(kind, number) for number in range(4)]
    given = case.candidates(kind)
    one_by_one = [case.reranker.score(query, given) for query in queries]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda query: case.reranker.score(query, given), queries * 2))
    for scores, expected in zip(together, one_by_one * 2, strict=True):
        np.testing.assert_array_equal(scores, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_given_is_not_written_to(case: Case, kind: Kind) -> None:
    query, given = case.query(kind), case.candidates(kind)
    arrays = [query.vector, given.similarities]
    if case.reranker.needs_tokens:
        arrays += [query.tokens, *given.tokens]  # type: ignore[list-item]
    before = [array.copy() for array in arrays]
    case.reranker.score(query, given)[:] = 7  # what comes back belongs to the caller
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_an_explanation_shares_out_words_and_regions(case: Case) -> None:
    for number in range(4):
        query, regions = case.query("text", number), case.regions[number]
        before = regions.copy()
        found = case.reranker.explain(query, regions)
        if not case.reranker.needs_tokens:
            assert found is None
            continue
        assert found is not None
        assert query.tokens is not None
        words = len(query.tokens)
        assert found.weights.shape == found.similarities.shape == (words,)
        assert found.attention.ndim == 3
        assert found.attention.shape[0] == words
        assert found.attention[0].size == len(regions)
        for array in (found.weights, found.attention, found.similarities):
            assert array.dtype == np.float32
        np.testing.assert_allclose(found.weights.sum(), 1, atol=1e-5)
        np.testing.assert_allclose(found.attention.sum(axis=(1, 2)), 1, atol=1e-5)
        assert (found.weights >= 0).all()
        assert (found.attention >= 0).all()
        assert (np.abs(found.similarities) <= 1 + 1e-5).all()
        np.testing.assert_array_equal(regions, before)
        again = case.reranker.explain(query, regions)
        assert again is not None
        np.testing.assert_array_equal(again.attention, found.attention)
