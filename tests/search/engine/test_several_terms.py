"""Queries of several terms, against their definition worked out over every vector."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import search
from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.catalog.vectors import Vectors
from indexer.errors import PathNotFoundError
from indexer.vectors.base import INDEX_TYPES, IndexType
from search.calibration.background import Sample
from search.engine.penalty import (
    BEYOND,
    FULL,
    MANY,
    MATCH_START,
    SIMILAR_LESS,
    START,
    STRENGTH,
    USUAL_BEST,
    Penalty,
    Standard,
    Unwanted,
)
from search.query.query import Query
from search.query.terms import Term, Words, extra_weights, texts_to_encode, wanted_text
from search.rerank.base import EncodedQuery
from tests.fixtures.colour_encoder import ColourEncoder, ColourTokenEncoder
from tests.fixtures.colour_reranker import ColourReranker, write_fusion
from tests.search.engine.test_engine import paint

COUNT = 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    paint(folder, COUNT)
    Image.new("RGB", (8, 8), (255, 0, 0)).save(folder / "one.png")
    return folder


@pytest.fixture(scope="module")
def library(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[search.Library]:
    with search.open(tmp_path_factory.mktemp("store"), encoder=ColourTokenEncoder(batch_size=64)) as opened:
        opened.index(folder)
        yield opened


def text(words: str, weight: float = 1.0) -> Term:
    return Term((Words(words),), weight=weight)


def image(path: Path, weight: float = 1.0) -> Term:
    return Term(image=str(path), weight=weight)


def asked(*terms: Term) -> Query:
    return Query(terms=terms)


def answers(library: search.Library, *terms: Term, k: int = 12) -> list[tuple[str, float]]:
    return [(hit.path, hit.score) for hit in library.query(asked(*terms), k=k, rerank=0)]


def every_vector(library: search.Library) -> tuple[list[str], np.ndarray]:
    """Paths, and (n, 4) float64."""
    paths, rows = [], []
    assert library._opened is not None
    with library._opened.store.catalog.snapshot() as snapshot:
        active = Encoders(snapshot).active()
        assert active is not None
        for ids, vectors in Vectors(snapshot).pages("image", active[0], 4):
            known = Items(snapshot).get(ids.tolist())
            paths += [known[number].path for number in ids.tolist()]
            rows.append(vectors.astype(np.float64))
    return paths, np.concatenate(rows)


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def of_text(words: str) -> np.ndarray:
    return ColourEncoder().encode_texts([words]).vectors[0].astype(np.float64)


def standard(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    near = vectors @ query
    return (near - near.mean()) / near.std()


def shown(vectors: np.ndarray, query: np.ndarray, unwanted: np.ndarray) -> np.ndarray:
    """As `search/engine/penalty.py` says it, where the sample is everything: of 201 the best 1 % are two."""
    x, y = standard(vectors, query), standard(vectors, unwanted)
    explained = max(0.0, np.corrcoef(x, y)[0, 1]) * len(x) / (len(x) + 10)
    return y - explained * x - START - max(0.0, np.sort(y)[-2:].mean() - USUAL_BEST)


def loss(vectors: np.ndarray, query: np.ndarray, clearly: np.ndarray, weight: float = 1.0) -> np.ndarray:
    """What is lost by what shows a term so `clearly`."""
    lost = weight * STRENGTH / 2 * np.log1p(np.exp(2 * clearly))
    room = np.maximum(standard(vectors, query) - FULL, 0)
    beyond = BEYOND * len(vectors) / (len(vectors) + MANY)
    return (vectors @ query).std() * np.where(lost > room, room + beyond * (lost - room), lost)


def assert_ranked(found: list[tuple[str, float]], paths: list[str], scores: np.ndarray) -> None:
    order = np.argsort(-scores, kind="stable")[: len(found)]
    np.testing.assert_allclose([score for _, score in found], scores[order], atol=1e-6)
    assert [path for path, _ in found] == [paths[place] for place in order]


def test_one_term_answers_as_ever(library: search.Library) -> None:
    plain = library.query("red", k=20)
    for term in (text("red"), text("red", 3.0)):
        again = library.query(asked(term), k=20)
        assert [(hit.id, hit.score, hit.estimate) for hit in again] == [
            (hit.id, hit.score, hit.estimate) for hit in plain
        ]


def test_texts_that_are_added_are_one_text(library: search.Library) -> None:
    assert answers(library, text("red"), text("green")) == answers(library, text("red green"))
    assert answers(library, text("red", 2.0), text("green", 2.0)) == answers(library, text("red green"))


def test_what_one_weighs_beyond_the_others_counts_besides(library: search.Library) -> None:
    paths, vectors = every_vector(library)
    query = unit(2 * of_text("red green") + 2 * of_text("red"))
    assert_ranked(answers(library, text("red", 3.0), text("green")), paths, vectors @ query)


def test_an_image_and_words_count_in_their_own_spreads(library: search.Library, folder: Path) -> None:
    paths, vectors = every_vector(library)
    red = unit(np.array([1.0, 0.0, 0.0, 1.0]))
    for weight in (1.0, 2.5):
        parts = [(of_text("blue"), weight), (red, 1.0)]
        query = unit(np.sum([share / (vectors @ part).std() * part for part, share in parts], axis=0))
        found = answers(library, image(folder / "one.png"), text("blue", weight))
        assert_ranked(found, paths, vectors @ query)


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_what_is_subtracted_pushes_down_what_shows_it(folder: Path, tmp_path: Path, index_type: IndexType) -> None:
    with search.open(tmp_path / "s", encoder=ColourEncoder(batch_size=64)) as library:
        library.index(folder, index_type=index_type)
        paths, vectors = every_vector(library) if library.status() else ([], np.empty(0))
        query, unwanted = of_text("red"), of_text("green")
        scores = vectors @ query - loss(vectors, query, shown(vectors, query, unwanted), 0.5)
        assert_ranked(answers(library, text("red"), text("green", -0.5)), paths, scores)
        results = library.query(asked(text("red"), text("green", -0.5)), k=12)
        assert results.work.rescored == COUNT + 1  # all that could take the place of others


def test_an_image_minus_a_word_and_words_minus_an_image(library: search.Library, folder: Path) -> None:
    paths, vectors = every_vector(library)
    red, blue = unit(np.array([1.0, 0.0, 0.0, 1.0])), of_text("blue")
    found = answers(library, image(folder / "one.png"), text("blue", -1.0))
    assert_ranked(found, paths, vectors @ red - loss(vectors, red, shown(vectors, red, blue)))
    white = of_text("white")
    found = answers(library, text("white"), image(folder / "one.png", -1.0))
    assert_ranked(found, paths, vectors @ white - loss(vectors, white, shown(vectors, white, red)))


def test_weights_that_are_subtracted_are_against_the_greatest(library: search.Library) -> None:
    one = answers(library, text("red"), text("white"), text("green", -1.0))
    assert one == answers(library, text("red", 4.0), text("white", 4.0), text("green", -4.0))


def test_the_image_that_was_added_is_marked_and_one_that_was_subtracted_is_not(
    library: search.Library, folder: Path
) -> None:
    def same(*terms: Term) -> list[str]:
        return [Path(hit.path).name for hit in library.query(asked(*terms), k=COUNT) if hit.same]

    assert same(image(folder / "one.png"), text("white")) == ["one.png"]
    assert same(text("white"), image(folder / "one.png", -1.0)) == []


@pytest.mark.parametrize("terms", [(text("red"), text("green", -1.0)), (text("red"), text("green"))])
def test_probabilities_are_estimated_and_rise_only_where_something_is_subtracted(
    library: search.Library, terms: tuple[Term, ...]
) -> None:
    results = library.query(asked(*terms), k=50)
    chances = [hit.estimate for hit in results]
    if all(term.weight > 0 for term in terms):
        assert chances == sorted(chances, reverse=True)
    assert chances[0] > chances[-1]
    assert not results.calibrated


def test_where_something_is_subtracted_no_word_stands_and_the_cut_holds(library: search.Library) -> None:
    found = library.query(asked(text("red"), text("dark", -1.0)), k=60)
    assert [(hit.probability, hit.match, hit.weak) for hit in found] == [(None, None, False)] * 60
    assert not found.nothing_matches
    assert not {"probability", "match", "weak"} & set(found.to_json()["hits"][0])
    estimates = [hit.estimate for hit in found if hit.estimate is not None]
    least = (estimates[0] + estimates[-1]) / 2
    assert len(estimates) == 60
    assert len(found.likely(least)) == sum(each >= least for each in estimates) < 60
    added = library.query(asked(text("red"), text("dark")), k=60)
    assert {hit.match for hit in added} <= {"strong", "fair", "weak"}


def test_cuts_go_by_what_is_wanted_alone_but_for_what_clearly_shows_the_rest(library: search.Library) -> None:
    query = asked(text("red"), text("dark", -1.0))
    alone = {hit.path: hit.estimate for hit in library.query(asked(text("red")), k=1_000)}
    found = library.query(query, k=1_000)
    assert {hit.path for hit in found} == alone.keys()
    kept = [hit for hit in found if hit.estimate == pytest.approx(alone[hit.path])]
    lessened = [hit for hit in found if hit not in kept]
    assert len(kept) > 20
    assert lessened
    for hit in lessened:
        assert hit.estimate < alone[hit.path]  # type: ignore[operator]
    least = max(hit.estimate for hit in found if hit.estimate is not None) * 0.9
    assert library.query(query, k=1_000, min_probability=least).hits == found.likely(least).hits
    by_name = library.query(query, k=1_000, sort="name", min_probability=least)
    assert {hit.path for hit in by_name} == {hit.path for hit in found.likely(least)}
    many = library.query_many([query, query], k=1_000)
    assert [[hit.estimate for hit in each] for each in many] == [[hit.estimate for hit in found]] * 2
    none = library.query(query, k=1_000, min_probability=1.0)
    assert not none
    assert none.absence.startswith("Nothing here matches well: by what is wanted alone the best hit is estimated at ")


def test_the_reranker_looks_for_what_is_subtracted_as_well(library: search.Library) -> None:
    """A match is the mean over words of the best region's cosine; a picture of one colour has one region four times."""
    paths, vectors = every_vector(library)
    query, unwanted = of_text("red"), of_text("green")

    def match(part: np.ndarray) -> np.ndarray:
        tokens, word = np.rint(vectors * 127), np.rint(part * 127)
        return tokens @ word / np.linalg.norm(tokens, axis=1) / np.linalg.norm(word)

    matches = match(unwanted)
    above = (matches - matches.mean()) / matches.std() - MATCH_START
    lost = loss(vectors, query, np.minimum(shown(vectors, query, unwanted) + SIMILAR_LESS, above))
    found = library.query(asked(text("red"), text("green", -1.0)), k=12, reranker=ColourReranker(), rerank=COUNT + 1)
    assert_ranked([(hit.path, hit.score) for hit in found], paths, vectors @ query + match(query) - lost)
    assert found.work.reranked == COUNT + 1


def test_an_image_less_a_word_is_looked_at_for_the_word(library: search.Library, folder: Path) -> None:
    """The reranker orders no images by an image; what is subtracted it looks for all the same."""
    paths, vectors = every_vector(library)
    red, unwanted = unit(np.array([1.0, 0.0, 0.0, 1.0])), of_text("green")
    reranker = ColourReranker()
    terms = (image(folder / "one.png"), text("green", -1.0))
    found = library.query(asked(*terms), k=12, reranker=reranker, rerank=COUNT + 1)
    assert (reranker.calls, found.work.reranked) == (1, COUNT + 1)
    assert [seen.text for seen, _ in reranker.seen] == ["green"]
    tokens, word = np.rint(vectors * 127), np.rint(unwanted * 127)
    matches = tokens @ word / np.linalg.norm(tokens, axis=1) / np.linalg.norm(word)
    above = (matches - matches.mean()) / matches.std() - MATCH_START
    lost = loss(vectors, red, np.minimum(shown(vectors, red, unwanted) + SIMILAR_LESS, above))
    assert_ranked([(hit.path, hit.score) for hit in found], paths, vectors @ red - lost)
    assert not found.calibrated


def test_an_image_less_a_word_without_region_tokens_says_so(folder: Path, tmp_path: Path) -> None:
    with search.open(tmp_path / "s", encoder=ColourEncoder(batch_size=64)) as plain:
        plain.index(folder)
        terms = (image(folder / "one.png"), text("green", -1.0))
        found = plain.query(asked(*terms), k=12, reranker=ColourReranker())
        assert any("has no region tokens" in note for note in found.notes)
        assert [(hit.path, hit.score) for hit in found] == answers(plain, *terms)


def test_an_image_less_a_word_is_looked_at_by_default(folder: Path, tmp_path: Path) -> None:
    """The reranker of the store is loaded for what is subtracted alone."""
    with search.open(tmp_path / "s", encoder=ColourTokenEncoder(batch_size=64)) as own:
        own.index(folder)
        write_fusion(tmp_path / "s" / "reranker", ColourTokenEncoder())
        less = own.query(asked(image(folder / "one.png"), text("green", -1.0)), k=3)
        assert less.work.reranked == 100
        assert own.query(asked(image(folder / "one.png")), k=3).work.reranked == 0
        assert own.query(asked(image(folder / "one.png"), text("green", -1.0)), k=3, to="text").work.reranked == 0


def test_images_less_images_are_not_looked_at(library: search.Library, folder: Path) -> None:
    reranker = ColourReranker()
    found = library.query(asked(image(folder / "one.png"), image(folder / "0-0003.png", -1.0)), k=12, reranker=reranker)
    assert (reranker.calls, found.work.reranked) == (0, 0)


def test_words_and_an_image_together_are_not_reranked(library: search.Library, folder: Path) -> None:
    reranker = ColourReranker()
    results = library.query(asked(text("blue"), image(folder / "one.png")), reranker=reranker, explain=True)
    assert reranker.calls == 0
    assert any("can be explained" in note for note in results.notes)


def test_several_texts_are_explained_as_the_one_that_they_are(library: search.Library) -> None:
    results = library.query(
        asked(text("red"), text("green"), text("blue", -1.0)), reranker=ColourReranker(), explain=True
    )
    explanation = results[0].explanation
    assert explanation is not None
    assert [word.word for word in explanation.words] == ["red", "green"]


def test_an_image_of_several_that_is_not_there_is_named(library: search.Library, folder: Path) -> None:
    with pytest.raises(PathNotFoundError, match=r"gone\.png is not there"):
        library.query(asked(text("red"), image(folder / "gone.png", -1.0)))


def test_a_text_that_is_cut_is_told_whichever_term_it_is(library: search.Library) -> None:
    long = " ".join(["green"] * 40)
    for terms in ((text("red"), text(long, -1.0)), (text("red"), text(long))):
        notes = library.query(asked(*terms)).notes
        assert any("only its first 32 of 4" in note for note in notes)


def test_each_text_is_encoded_once(folder: Path, tmp_path: Path) -> None:
    """In a pass of its own: one has the same bits in every query."""
    batches: list[list[str]] = []

    class Counting(ColourEncoder):
        def encode_texts(self, texts, *, tokens=False):  # type: ignore[no-untyped-def]
            batches.append(list(texts))
            return super().encode_texts(texts, tokens=tokens)

    with search.open(tmp_path / "s", encoder=Counting()) as library:
        library.index(folder)
        batches.clear()
        library.query(asked(text("red", 2.0), text("green"), text("blue", -1.0), text("white", -1.0)))
    assert batches == [["red green"], ["red"], ["blue"], ["white"]]


def term(x: float, y: float) -> tuple[Standard, EncodedQuery, Standard]:
    """What is wanted goes along the first axis, what is not along the second; `x`, `y`: their spreads."""
    first, second = np.eye(2, dtype=np.float32)
    return Standard(first, 0.0, x), EncodedQuery("text", second, None, text="cat"), Standard(second, 0.0, y)


def sample(*rows: tuple[float, float]) -> Sample:
    return Sample(np.array(rows, np.float64).reshape(-1, 2), len(rows))


def test_nothing_stands_out_where_all_are_alike() -> None:
    wanted, query, standard = term(1.0, 0.0)
    penalty = Penalty(wanted, [Unwanted.of(query, 1.0, standard, wanted, sample((1, 0.5), (0, 0.5)))], 2)
    assert penalty.of(np.array([[0.2, 0.5], [0.9, 0.5]], np.float32)).tolist() == [0.0, 0.0]


def test_the_loss_is_that_of_a_probability() -> None:
    """STRENGTH / 2 * -ln(1 - p), p = 1 / (1 + exp(-2 e)); a term of half the weight costs half."""
    _, query, standard = term(1.0, 1.0)
    for weight in (1.0, 0.5):
        one = Unwanted(query, standard, explained=0.0, best=USUAL_BEST, weight=weight)
        for y in (-2.0, START, 1.0, 4.0):
            chance = 1 / (1 + np.exp(-2 * (y - START)))
            [lost] = one.loss(one.shown(np.array([[0.0, y]]), np.zeros(1)))
            assert lost == pytest.approx(-weight * STRENGTH / 2 * np.log(1 - chance))


def test_what_the_wanted_says_of_a_term_is_no_sign_of_it() -> None:
    """Everything that looks like a car looks as much like a truck: a car loses no more than what is half a car."""
    wanted, query, standard = term(1.0, 1.0)
    together = sample(*[(x, x) for x in np.linspace(-1.7, 1.7, 2_001)])
    one = Unwanted.of(query, 1.0, standard, wanted, together)
    assert one.explained == pytest.approx(0.96, abs=0.02)
    half, car, truck = one.shown(np.array([[1.5, 1.5], [3.0, 3.0], [3.0, 5.0]]), np.array([1.5, 3.0, 3.0]))
    assert car == pytest.approx(half, abs=0.15)
    assert truck == pytest.approx(car + 2.0)


def test_what_goes_the_other_way_explains_nothing() -> None:
    wanted, query, standard = term(1.0, 1.0)
    opposite = sample(*[(x, -x) for x in np.linspace(-1.7, 1.7, 2_001)])
    assert Unwanted.of(query, 1.0, standard, wanted, opposite).explained == 0.0
    assert Unwanted.of(query, 1.0, standard, wanted, sample()).explained == 0.0


def test_a_rare_thing_has_to_stand_out_further() -> None:
    """One in a hundred lies at 5 spreads, so that the loss begins 2 spreads later than that of a frequent thing."""
    wanted, query, standard = term(1.0, 1.0)
    rare = sample(*[(0.0, 5.0 if number % 100 == 0 else 0.0) for number in range(1_000)])
    one = Unwanted.of(query, 1.0, standard, wanted, rare)
    assert one.best == pytest.approx(5.0)
    lost = one.loss(one.shown(np.array([[0.0, 1.0], [0.0, 5.0]]), np.zeros(2)))
    begins = START + 2
    np.testing.assert_allclose(lost, STRENGTH / 2 * np.log1p(np.exp(2 * (np.array([1.0, 5.0]) - begins))))
    frequent = Unwanted(query, standard, 0.0, USUAL_BEST, 1.0)
    np.testing.assert_allclose(lost, frequent.loss(frequent.shown(np.array([[0.0, -1.0], [0.0, 3.0]]), np.zeros(2))))


@pytest.mark.parametrize(("items", "share"), [(MANY, 0.5), (MANY // 4, 0.2), (9, 0.2)])
def test_what_shows_both_stays_before_what_shows_neither_where_it_shows_little(items: int, share: float) -> None:
    """The loss counts whole down to FULL spreads above the mean, and by BEYOND after that; in small collections by
    less."""
    wanted, query, standard = term(0.1, 1.0)
    one = Unwanted(query, standard, explained=0.0, best=USUAL_BEST, weight=1.0)
    whole = float(one.loss(one.shown(np.array([[0.3, 1.0]]), np.zeros(1)))[0])
    assert 3.0 < whole < 20.0
    lost = Penalty(wanted, [one], items).of(np.array([[0.3, 1.0], [-0.1, 1.0], [2.0, 1.0]], np.float32))
    beyond = share * BEYOND
    np.testing.assert_allclose(
        lost, 0.1 * np.array([3.0 - FULL + beyond * (whole - 3.0 + FULL), beyond * whole, whole]), rtol=1e-6
    )


def test_texts_of_terms() -> None:
    terms = (text("dog", 3.0), text("water"), text("cat", -1.0), text("dog", 2.0), Term(image="/a.png"))
    assert wanted_text(terms) == "dog water dog"
    assert extra_weights(terms) == {"dog": 3.0}
    assert texts_to_encode(terms) == ("dog water dog", "dog", "cat")
    assert texts_to_encode((Term(image="/a.png"),)) == ()


@pytest.mark.parametrize("least", [0.0, 0.5])
def test_hits_are_cut_by_probability_as_ever(library: search.Library, least: float) -> None:
    results = library.query(asked(text("red"), text("green", -1.0)), k=30, min_probability=least)
    assert all(hit.estimate >= least for hit in results)
