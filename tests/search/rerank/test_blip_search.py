"""A search with BLIP as the second stage: no tokens, the pictures themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import search
from search.rerank.base import Candidates, EncodedQuery
from search.rerank.blip import BlipReranker
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.pictures import noise
from tests.fixtures.tiny_blip import make_model, save_tokenizer


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blip")
    save_tokenizer(folder)
    make_model().save_pretrained(folder)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[search.Library]:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(6):
        noise(40, 30, seed=number).save(photos / f"{number}.png")
        (photos / f"{number}.txt").write_text(("a red car", "two dogs", "a cat on the beach")[number % 3])
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as opened:
        opened.index(photos)
        yield opened


def test_pictures_and_captions_come_in_the_order_of_blip(library: search.Library, blip: Path, tmp_path: Path) -> None:
    spec = f"blip:{blip}"
    for query, to in (("a red car", "image"), (tmp_path / "photos" / "1.png", "text")):
        first = library.query(query, to=to, rerank=0, by_words=False)  # type: ignore[arg-type]
        found = library.query(query, to=to, reranker=spec, by_words=False)  # type: ignore[arg-type]
        candidates = Candidates(
            np.array([hit.score for hit in first], np.float32),
            [None] * len(first),
            [hit.path for hit in first],
            [hit.text for hit in first],
        )
        vector = np.zeros(4, np.float32)
        encoded = (
            EncodedQuery("text", vector, None, text=str(query))
            if to == "image"
            else EncodedQuery("image", vector, None, image=str(query))
        )
        scores = BlipReranker(str(blip), "cpu").score(encoded, candidates)
        expected = sorted(zip(-scores, (hit.id for hit in first), strict=True))
        assert [hit.id for hit in found] == [number for _, number in expected]
        assert [hit.score for hit in found] == pytest.approx([-score for score, _ in expected], abs=1e-4)
        assert found.work.reranked == len(first) == 6
        assert found.notes == ()


def test_a_picture_that_is_gone_keeps_its_place_and_is_mentioned(
    library: search.Library, blip: Path, tmp_path: Path
) -> None:
    (tmp_path / "photos" / "2.png").unlink()
    found = library.query("a red car", reranker=f"blip:{blip}", explain=True)
    assert len(found) == 6
    assert found.work.reranked == 5
    assert any(note.startswith("1 of 6 candidates could not be scored by blip:") for note in found.notes)
    assert any("cannot say which words met which regions" in note for note in found.notes)
