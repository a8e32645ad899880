"""A library that stays open goes over to the encoder that its store goes over to, where it was told none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import search
from indexer.encoders.base import Encoder
from indexer.encoders.registry import open_encoder
from search.loaded_models import MOST_RERANKERS, LoadedModels
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.colour_reranker import ColourReranker


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of the bundled encoder over two photographs."""
    (tmp_path / "photos").mkdir()
    for name in ("red", "blue"):
        Image.new("RGB", (16, 16), name).save(tmp_path / "photos" / f"{name}.png")
    with search.open(tmp_path / "s") as library:
        library.index(tmp_path / "photos")
    return tmp_path / "s"


def encode_anew(store: Path, encoder: str | Encoder) -> None:
    with search.open(store, encoder=encoder) as other:
        assert other.index(reencode=True).replaced is not None


def test_it_loads_the_new_one(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def loading(folder: Path, stored: Any, asked: str | None, *more: Any, **named: Any) -> Encoder:
        found = asked is None and stored.name == "colours"
        return ColourEncoder() if found else open_encoder(folder, stored, asked, *more, **named)

    with search.open(store) as library:
        assert len(library.query("red", rerank=0)) == 2
        encode_anew(store, ColourEncoder())
        with pytest.raises(search.EncoderError, match="made with the encoder 'colours' of a program"):
            library.query("red", rerank=0)
        monkeypatch.setattr("search.loaded_models.open_encoder", loading)
        found = library.query("red", rerank=0)
        assert [Path(hit.path).name for hit in found] == ["red.png", "blue.png"]
        assert found[0].similarity is not None
        assert found[0].similarity > 0.9  # as that encoder has it; the bundled one gives some 0.2
        encode_anew(store, "bundled")
        again = library.query("red", rerank=0)[0]
        assert again.similarity is not None
        assert again.similarity < 0.5


def test_one_that_was_named_stays(store: Path) -> None:
    with search.open(store, encoder="bundled") as library:
        assert len(library.query("red", rerank=0)) == 2
        encode_anew(store, ColourEncoder())
        with pytest.raises(search.EncoderMismatchError, match="made with the encoder colours, not bundled"):
            library.query("red", rerank=0)


def test_of_rerankers_that_were_named_the_last_ones_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str | None] = []

    def load(asked: str | None, *_more: object) -> ColourReranker:
        loaded.append(asked)
        return ColourReranker()

    monkeypatch.setattr("search.rerank.registry.load_reranker", load)
    models = LoadedModels(tmp_path, ColourEncoder(), None)
    for name in ("a", "b", "c", "d", "a", "e", "a"):  # "b" goes for "e"
        models.reranker(str(tmp_path / name), ColourEncoder())
    assert len(loaded) == 5
    models.reranker(str(tmp_path / "b"), ColourEncoder())
    assert len(loaded) == 6
    assert len(models._rerankers) == MOST_RERANKERS
