"""Encoders and rerankers of a program that break their protocol: a sentence, and a store in which nothing changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import search
from indexer.encoders.base import Encoded
from indexer.types import Float32, Int8, Kind
from search.rerank.base import Alignment, Candidates, EncodedQuery
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.colour_reranker import ColourReranker
from tests.fixtures.wrong_encoder import WRONG, WrongEncoder

COLOURS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `photos` of three pictures with a text each, and a store over it. Not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "photos").mkdir()
    for name in COLOURS:
        _add(folder / "photos", name)
    with search.open(folder / "s.search", encoder=ColourTokenEncoder()) as library:
        assert library.index(folder / "photos").encoded == 3
    return folder


def _add(photos: Path, name: str, colour: str | None = None) -> None:
    Image.new("RGB", (16, 16), colour or name).save(photos / f"{name}.png")
    (photos / f"{name}.txt").write_text(f"a {name} picture")


def answers(folder: Path) -> list[list[tuple[int, str, float]]]:
    """All that the store answers, under a right encoder."""
    with search.open(folder / "s.search", encoder=ColourTokenEncoder()) as library:
        return [
            [(hit.id, hit.path, hit.score) for hit in library.query(name, to="any", k=100, reranker=ColourReranker())]
            for name in COLOURS
        ]


@pytest.mark.parametrize("kind", ["image", "text"])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_encoder_makes_no_store(made: Path, tmp_path: Path, name: str, kind: Kind) -> None:
    change, said = WRONG[name]
    with pytest.raises(search.EncoderError, match=said) as refused:
        search.open(tmp_path / "s.search", encoder=WrongEncoder(change, kind)).index(made / "photos")
    assert "The encoder colours" in str(refused.value)
    assert not (tmp_path / "s.search").exists()


@pytest.mark.parametrize("kind", ["image", "text"])
@pytest.mark.parametrize("name", ["a row too few", "no numbers", "narrow tokens", "no tokens"])
def test_a_wrong_encoder_changes_nothing_in_a_store(made: Path, tmp_path: Path, name: str, kind: Kind) -> None:
    """It has the identity of the right one, so the store lets it in; nothing of its batch is kept."""
    photos = Path(shutil.copytree(made / "photos", tmp_path / "photos"))
    with search.open(tmp_path / "s.search", encoder=ColourTokenEncoder()) as library:
        library.index(photos)
    before = answers(tmp_path)
    for new in ("white", "black", "yellow"):
        _add(photos, new)
    with search.open(tmp_path / "s.search", encoder=WrongEncoder(WRONG[name][0], kind)) as library:
        with pytest.raises(search.EncoderError, match="The encoder colours"):
            library.index(photos)
        assert library.status().images == 3
        assert library.status().texts == 3
        assert library.check() == []
    assert answers(tmp_path) == before
    with search.open(tmp_path / "s.search", encoder=ColourTokenEncoder()) as library:
        assert library.index(photos).encoded == 3
        assert len(library.query("white", k=100)) == 6


@pytest.mark.parametrize("name", ["a row too few", "no numbers", "another type"])
def test_a_wrong_encoder_answers_no_query(made: Path, name: str) -> None:
    encoder = WrongEncoder(WRONG[name][0], "text")
    with search.open(made / "s.search", encoder=encoder) as library, pytest.raises(search.EncoderError):
        library.query("red")


def test_what_an_encoder_says_of_padding_is_nobodys_matter(made: Path, tmp_path: Path) -> None:
    """A batch is filled with black pictures and empty texts, of which an encoder may know nothing."""

    def without_padding(given: Encoded) -> Encoded:
        vectors = given.vectors.copy()
        vectors[3:] = np.nan
        return Encoded(vectors, given.tokens)

    with search.open(tmp_path / "s.search", encoder=WrongEncoder(without_padding, "image")) as library:
        assert library.index(made / "photos").encoded == 3


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("identity", None, "`identity` is None"),
        ("identity", replace(ColourTokenEncoder().identity, weights=""), "`weights`"),
        ("identity", replace(ColourTokenEncoder().identity, dimension=0), "0 as `identity.dimension`"),
        ("token_shape", (2, 2), "a tuple as `token_shape`"),
        ("batch_size", 0, "0 as `batch_size`"),
        ("text_batch_size", "8", "'8' as `text_batch_size`"),
    ],
)
def test_what_an_encoder_says_of_itself(made: Path, tmp_path: Path, field: str, value: Any, said: str) -> None:
    encoder = ColourTokenEncoder()
    setattr(encoder, field, value)
    with pytest.raises(search.EncoderError, match=said):
        search.open(tmp_path / "s.search", encoder=encoder).index(made / "photos")
    assert not (tmp_path / "s.search").exists()


class WrongReranker(ColourReranker):
    def __init__(self, scores: Callable[[Float32], Any] = lambda right: right, words: int = 0) -> None:
        super().__init__()
        self._scores, self._words = scores, words

    def score(self, query: EncodedQuery, candidates: Candidates) -> Float32:
        return self._scores(super().score(query, candidates))  # type: ignore[no-any-return]

    def explain(self, query: EncodedQuery, tokens: Int8) -> Alignment | None:
        found = super().explain(query, tokens)
        assert found is not None
        return Alignment(found.weights[self._words :], found.attention, found.similarities)


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (lambda right: right[:-1], r"an array \(2,\) float32 for 3 candidates; it has to be an array \(3,\) float32"),
        (lambda right: right.tolist(), "a list for 3 candidates"),
        (lambda right: None, "None for 3 candidates"),
        (lambda right: right[:, None], r"an array \(3, 1\)"),
        (lambda right: right.astype(np.int64), "int64"),
        (lambda right: right + np.float32("inf"), "infinite"),
        (lambda right: right.astype(np.float64) + 1e300, "infinite"),
    ],
)
def test_wrong_scores_of_a_reranker(made: Path, scores: Callable[[Float32], Any], said: str) -> None:
    library = search.open(made / "s.search", encoder=ColourTokenEncoder())
    with library, pytest.raises(search.EncoderError, match=f"The reranker colours gave .*{said}"):
        library.query("red", reranker=WrongReranker(scores))


def test_scores_in_double_precision_and_unknown_ones_are_taken(made: Path) -> None:
    with search.open(made / "s.search", encoder=ColourTokenEncoder()) as library:
        right = [hit.path for hit in library.query("red", reranker=ColourReranker())]
        double = WrongReranker(lambda scores: scores.astype(np.float64))
        assert [hit.path for hit in library.query("red", reranker=double)] == right
        unknown = WrongReranker(lambda scores: np.full_like(scores, np.nan))
        assert len(library.query("red", reranker=unknown)) == 3


def test_an_explanation_of_other_words(made: Path) -> None:
    with search.open(made / "s.search", encoder=ColourTokenEncoder()) as library:
        assert library.query("red car", reranker=WrongReranker(), explain=True)[0].explanation is not None
        with pytest.raises(search.EncoderError, match=r"an array \(1,\) float32 as the weights of 2 words"):
            library.query("red car", reranker=WrongReranker(words=1), explain=True)
