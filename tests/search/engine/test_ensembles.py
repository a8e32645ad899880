"""Class names are asked for in an encoder's templates: in the engine, in many queries at once, and ahead of a query."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import search
from indexer.encoders.base import Encoded
from indexer.encoders.batches import encode_texts
from indexer.encoders.templates import captions_of, class_name_forms, ensemble
from indexer.types import Texts
from search.engine import ensembles as module
from search.engine.asked import ask
from search.engine.ensembles import Ensembles
from search.fast_start.prefetched_encoder import PrefetchedEncoder, encode_ahead
from search.query.class_names import class_names, subtracted_names
from search.query.query import Query
from search.query.terms import Term, Words, texts_to_encode
from tests.fixtures.colour_encoder import ColourEncoder, ColourTokenEncoder
from tests.fixtures.colour_reranker import ColourReranker
from tests.search.engine.test_engine import paint

#: The colour encoder takes "red" in the first for red, in the second for red and blue.
TEMPLATES = ("a {} thing", "a {} and blue thing")


class Asking(ColourTokenEncoder):
    """Notes what it is asked for."""

    templates = TEMPLATES

    def __init__(self) -> None:
        super().__init__(batch_size=64)
        self.asked: list[tuple[str, ...]] = []

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        self.asked.append(tuple(text for text in texts if text))
        return super().encode_texts(texts, tokens=tokens)


@pytest.fixture
def encoder() -> Asking:
    return Asking()


@pytest.fixture(scope="module")
def shared() -> Asking:
    return Asking()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, shared: Asking) -> Iterator[search.Library]:
    folder = tmp_path_factory.mktemp("photos")
    paint(folder, 30)
    with search.open(tmp_path_factory.mktemp("store"), encoder=shared) as opened:
        opened.index(folder)
        yield opened


def expected(name: str) -> np.ndarray:
    forms = [name, *(template.format(name) for template in TEMPLATES)]
    return ensemble(encode_texts(ColourEncoder(), forms).vectors)


def test_one_pass_for_all_forms_and_the_next_query_has_the_kept_ensemble(encoder: Asking) -> None:
    cache = Ensembles()
    first = cache.encode(encoder, ("red", "green"), ("red",), None, tokens=True)
    assert encoder.asked == [("red",), ("green",), ("a red thing", "a red and blue thing")]
    np.testing.assert_allclose(first.vectors[0], expected("red"), atol=1e-6)
    plain = encoder.encode_texts(["red", "green"], tokens=True)
    np.testing.assert_array_equal(first.vectors[1], plain.vectors[1])
    assert first.tokens is not None
    assert plain.tokens is not None
    assert [each.tolist() for each in first.tokens] == [each.tolist() for each in plain.tokens]
    again = cache.encode(encoder, ("red",), ("red",), None, tokens=False)
    assert encoder.asked[-1] == ("red",)
    np.testing.assert_array_equal(again.vectors[0], first.vectors[0])


def test_what_was_not_asked_for_long_is_forgotten(encoder: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 2)
    cache = Ensembles()
    for name in ("red", "green", "red", "blue", "red", "green"):
        cache.encode(encoder, (name,), (name,), None, tokens=False)
    assert [len(texts) for texts in encoder.asked] == [1, 2, 1, 2, 1, 1, 2, 1, 1, 2]


def test_no_templates_leave_the_bare_name(encoder: Asking) -> None:
    found = Ensembles().encode(encoder, ("red",), ("red",), False, tokens=False)
    np.testing.assert_array_equal(found.vectors, encoder.encode_texts(["red"]).vectors)
    assert encoder.asked == [("red",), ("red",)]


def similarity(library: search.Library, query: str | Query, templates: bool | None = None) -> dict[str, float]:
    found = library.query(query, k=30, rerank=0, templates=templates)
    return {hit.path: hit.similarity for hit in found}


def test_a_query_for_a_name_is_compared_with_the_ensemble(library: search.Library) -> None:
    items = list(library.items())
    vectors = dict(zip((item.path for item in items), library.vectors([item.id for item in items])[1], strict=True))
    found = similarity(library, "red")
    right = {path: float(vector @ expected("red")) for path, vector in vectors.items()}
    assert found == pytest.approx(right, abs=1e-5)
    bare = {path: float(vector @ ColourEncoder().encode_texts(["red"]).vectors[0]) for path, vector in vectors.items()}
    assert similarity(library, "red", templates=False) == pytest.approx(bare, abs=1e-5)
    assert similarity(library, Query.parse('"red"')) == pytest.approx(bare, abs=1e-5)
    assert found != pytest.approx(bare, abs=1e-3)


def test_what_is_no_name_is_asked_for_as_it_is(library: search.Library, shared: Asking) -> None:
    shared.asked.clear()
    library.query("a red thing on green", k=1, templates=True)
    assert shared.asked == [("a red thing on green",)]


def test_many_queries_go_through_the_encoder_together(library: search.Library, shared: Asking) -> None:
    names = ["blue", "white", "a red thing"]
    shared.asked.clear()
    many = library.query_many(names, k=5, rerank=0)
    assert len(shared.asked) == 1
    assert shared.asked[0] == (
        *names,
        "a blue thing",
        "a blue and blue thing",
        "a white thing",
        "a white and blue thing",
    )
    one = [library.query(name, k=5, rerank=0) for name in names]
    assert [[hit.path for hit in results] for results in many] == [[hit.path for hit in results] for results in one]
    shared.asked.clear()
    library.query_many(names, k=5, rerank=0, templates=False)
    assert shared.asked == [tuple(names)]


def test_an_encoder_that_knows_the_texts_of_a_query_knows_the_forms_of_its_name(encoder: Asking) -> None:
    for wish, asked in ((None, [1, 2]), (False, [1])):
        forms = class_name_forms(encoder, "red", wish)
        ahead = PrefetchedEncoder(encode_ahead(encoder, ("red",), forms), Path("nowhere"), None)
        encoder.asked.clear()
        assert ahead.templates == TEMPLATES
        found = Ensembles().encode(ahead, ("red",), ("red",), wish, tokens=True)
        right = Ensembles().encode(encoder, ("red",), ("red",), wish, tokens=True)
        np.testing.assert_array_equal(found.vectors, right.vectors)
        assert [len(texts) for texts in encoder.asked] == asked  # of `right` alone


def test_the_reranker_looks_for_what_a_caption_calls_a_name_that_is_subtracted(
    library: search.Library, shared: Asking
) -> None:
    """By its tokens; the similarity is that of the ensemble. Neither for phrases, nor where names are asked bare."""
    for words, templates, captions in (("green", None, 1), ("a green thing", None, 0), ("green", False, 0)):
        reranker = ColourReranker()
        shared.asked.clear()
        terms = (Term((Words("red thing on blue"),)), Term((Words(words),), weight=-1.0))
        library.query(Query(terms=terms), k=3, reranker=reranker, templates=templates)
        forms = tuple(template.format(words) for template in TEMPLATES)
        assert shared.asked == [("red thing on blue",), (words,), *[forms, ("a green",)] * captions]
        [unwanted] = [seen for seen, _ in reranker.seen if seen.text == words]
        assert unwanted.tokens is not None
        assert len(unwanted.tokens) == len(shared.words("a green" if captions else words))
        bare = ColourEncoder().encode_texts([words]).vectors[0]
        np.testing.assert_array_equal(unwanted.vector, expected(words) if captions else bare)


def test_captions_are_asked_for_once_in_many_queries_and_known_ahead(library: search.Library, shared: Asking) -> None:
    lines = ["a red thing -green", "a blue thing -green", '"a white thing" -"green"']
    queries = [Query.parse(line) for line in lines]
    shared.asked.clear()
    many = library.query_many(queries, k=5, reranker=ColourReranker())
    forms = ("a green thing", "a green and blue thing")
    assert shared.asked == [("a red thing", "green", "a blue thing", "a white thing", "a green", *forms)]
    one = [library.query(query, k=5, reranker=ColourReranker()) for query in queries]
    assert [[(hit.path, hit.score) for hit in found] for found in many] == [
        [(hit.path, hit.score) for hit in found] for found in one
    ]
    captions = captions_of(shared, ("green",), None)
    assert captions == {"green": "a green"}
    ahead = PrefetchedEncoder(encode_ahead(shared, ("red", "green", *captions.values())), Path("nowhere"), None)
    shared.asked.clear()
    ahead.encode_texts(["a green"], tokens=True)
    assert shared.asked == []
    assert captions_of(ColourEncoder(), ("green",), None) == captions_of(shared, ("green",), False) == {}


def test_punctuation_changes_no_answer(library: search.Library, shared: Asking) -> None:
    """Alone and in many, added and subtracted; what is encoded ahead is what is asked for."""

    def found(results: search.Results) -> list[tuple[str, float | None]]:
        return [(hit.path, hit.score) for hit in results]

    reranker = ColourReranker()
    typed = ["red", "red!", "#red", " red , ", "'red'", "(red)"]
    right = found(library.query("red", k=5, reranker=reranker))
    assert [found(library.query(text, k=5, reranker=reranker)) for text in typed] == [right] * len(typed)
    assert [found(each) for each in library.query_many(typed, k=5, reranker=reranker)] == [right] * len(typed)
    lines = [Query.parse(line) for line in ("red thing on blue -green", "red thing, on blue! -#green,")]
    plain, noisy = (found(library.query(line, k=5, reranker=reranker)) for line in lines)
    assert noisy == plain
    for line in (Query(text="#red!"), lines[1]):
        forms = tuple(form for name in class_names(line.terms) for form in class_name_forms(shared, name, None))
        captions = captions_of(shared, subtracted_names(line.terms), None).values()
        known = encode_ahead(shared, (*texts_to_encode(line.terms), *captions), forms)
        shared.asked.clear()
        ask(
            line,
            PrefetchedEncoder(known, Path("nowhere"), None),
            library._opened.store.catalog,
            Ensembles(),
            tokens=True,
        )
        assert shared.asked == []
