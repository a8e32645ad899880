"""A store of a stranger names an encoder that is not here: whatever is done with it, nobody asks the hub."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import search
from search.fast_start.prefetch import prefetch_texts
from search.library import Library
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.recording_hub import recording_hub

NAME = "open_clip:hf-hub:evil/x"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    with recording_hub(monkeypatch, tmp_path / "cache") as requests:
        yield requests


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (16, 16), "red").save(tmp_path / "photos" / "red.png")
    (tmp_path / "pairs.jsonl").write_text(json.dumps({"image": "photos/red.png", "caption": "red"}) + "\n")
    encoder = ColourEncoder()
    encoder.identity = replace(encoder.identity, name=NAME)
    with Library(tmp_path / "s", encoder=encoder) as library:
        library.index(tmp_path / "photos")
    return tmp_path / "s"


@pytest.mark.parametrize(
    "work",
    [
        lambda library, pairs: library.query("red"),
        lambda library, pairs: library.query(pairs.parent / "photos" / "red.png"),
        lambda library, pairs: library.index(),
        lambda library, pairs: library.evaluate(pairs),
        lambda library, pairs: library.calibrate(pairs),
        lambda library, pairs: library.train_reranker(pairs),
    ],
    ids=["query", "query-image", "index", "evaluate", "calibrate", "train"],
)
def test_no_work_on_it_asks_the_hub(store: Path, asked: list[str], work: Callable[[Library, Path], object]) -> None:
    with search.open(store) as library, pytest.raises(search.EncoderUnavailableError, match="nothing is fetched"):
        work(library, store.parent / "pairs.jsonl")
    assert asked == []


def test_what_needs_no_encoder_works(store: Path, asked: list[str]) -> None:
    with search.open(store) as library:
        assert library.status().images == 1
        assert library.check() == []
        assert library.forget(store.parent / "photos" / "red.png").files == 1
    assert asked == []


def test_a_command_says_how_it_is_fetched(store: Path, asked: list[str], cli: Cli) -> None:
    for command in (("query", "red"), ("index",), ("eval", store.parent / "pairs.jsonl")):
        answer = cli(*command, "-s", store)
        assert answer.code == 2
        assert f"`search query ... --encoder {NAME} --store {store}` fetches it" in answer.err
    assert asked == []


def test_the_process_that_encodes_ahead_asks_nobody(store: Path, asked: list[str]) -> None:
    """It follows the hint in the store, before the catalog is open."""
    ahead = prefetch_texts(store, ("red",), None)
    identity = replace(ColourEncoder().identity, name=NAME)
    assert ahead is None or ahead.get(identity) is None
    assert asked == []
