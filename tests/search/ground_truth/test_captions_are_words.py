"""Captions are words, whatever they look like: what measures and learns does not read the query language."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import search
from indexer.encoders.base import Encoded
from indexer.progress import Silent
from indexer.store import Store
from indexer.types import Texts
from search.query import parser
from search.query.punctuation import without_punctuation
from search.rerank.training_data import prepare
from tests.fixtures.colour_encoder import COLOURS, ColourTokenEncoder

PHOTOGRAPHS = 150  # enough for each call
CAPTIONS = [f"{colour} car -truck in:2021 {number}" for number in range(PHOTOGRAPHS // 5) for colour in COLOURS]


class Listening(ColourTokenEncoder):
    """Keeps what it is asked with."""

    def __init__(self) -> None:
        super().__init__(words=16)
        self.asked: set[str] = set()

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        self.asked.update(texts)
        return super().encode_texts(texts, tokens=tokens)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store `s` of photographs in `photos`, and a table of their captions beside these."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "photos").mkdir()
    lines = []
    for number, caption in enumerate(CAPTIONS):
        red, green, blue = (int(200 * part) for part in COLOURS[caption.split()[0]])
        name = f"{number}.png"
        Image.new("RGB", (8, 8), (red, green, blue + number // 5)).save(folder / "photos" / name)
        lines.append(json.dumps({"image": name, "caption": caption}))
    (folder / "pairs.jsonl").write_text("\n".join(lines))
    with search.open(folder / "s", encoder=Listening()) as library:
        library.index(folder / "photos")
    return folder


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listening]:
    """Where nothing may be parsed; afterwards it has been asked with each caption as it stands, and no part of one."""

    def refuse(*_: object) -> None:
        raise AssertionError("a caption was read as a line")

    monkeypatch.setattr(parser, "parse", refuse)
    listening = Listening()
    yield listening
    asked = {text for text in listening.asked if "car" in text or "truck" in text}
    assert set(CAPTIONS) <= asked <= {*CAPTIONS, *map(without_punctuation, CAPTIONS)}


def test_an_evaluation(indexed: Path, encoder: Listening) -> None:
    settings = search.EvaluationSettings(images=str(indexed / "photos"), cutoffs=(1,), rerank=0)
    with search.open(indexed / "s", encoder=encoder) as library:
        assert library.evaluate(indexed / "pairs.jsonl", settings=settings)


def test_a_calibration(indexed: Path, encoder: Listening) -> None:
    settings = search.CalibrationSettings(images=str(indexed / "photos"), rerank=0)
    with search.open(indexed / "s", encoder=encoder) as library:
        found = library.calibrate(indexed / "pairs.jsonl", out=indexed / "calibration.json", settings=settings)
    assert found.texts == PHOTOGRAPHS


def test_what_a_reranker_learns_from(indexed: Path, encoder: Listening) -> None:
    store = Store.open(indexed / "s")
    try:
        table, photos = str(indexed / "pairs.jsonl"), str(indexed / "photos")
        prepare(table, photos, store, encoder, indexed / "work", Silent())
    finally:
        store.close()
