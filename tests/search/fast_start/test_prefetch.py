"""The encoder that a store's note names is loaded ahead, and used only when the catalog agrees."""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import search
from indexer.encoder_hint import HINT_NAME, read_encoder_hint, write_encoder_hint
from indexer.encoders.bundled import BundledEncoder
from search.fast_start.prefetch import EarlyThread, _noted, early_indexer
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourEncoder


def test_the_note_is_of_the_encoder_that_answers(store: Path) -> None:
    noted = read_encoder_hint(store)
    assert noted is not None
    assert noted == BundledEncoder().identity
    early = EarlyThread(partial(_noted, store, "a cat", None))
    found = early.get(noted)
    assert found is not None
    assert found.identity == noted


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"name": "bundled"}', "\0"])
def test_a_note_that_does_not_read_is_none(store: Path, content: str | None) -> None:
    (store / HINT_NAME).unlink()
    if content is not None:
        (store / HINT_NAME).write_text(content)
    assert read_encoder_hint(store) is None
    assert EarlyThread(partial(_noted, store, "a cat", None)).get(BundledEncoder().identity) is None
    done = subprocess.run(
        [sys.executable, "-m", "search", "query", "a cat", "-s", str(store), "-k", "1", "--paths"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().endswith("chelsea.png")


def test_a_note_of_another_encoder_changes_no_answer(store: Path, cli: object) -> None:
    right = search.open(store).query("a cat", k=3)
    write_encoder_hint(store, ColourEncoder().identity)
    early = EarlyThread(partial(_noted, store, "a cat", None))
    assert early.get(BundledEncoder().identity) is None
    from search.library import Library

    with Library(store, early=early) as library:
        assert [hit.path for hit in library.query("a cat", k=3)] == [hit.path for hit in right]


def test_the_next_run_mends_the_note(store: Path) -> None:
    (store / HINT_NAME).write_text("{")
    with search.open(store) as library:
        library.index()
    assert read_encoder_hint(store) == BundledEncoder().identity


def test_a_folder_that_cannot_be_written_has_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    write_encoder_hint(tmp_path / "file" / "store", BundledEncoder().identity)
    assert read_encoder_hint(tmp_path / "file" / "store") is None


def test_the_encoder_of_a_new_store_comes_with_its_image_tower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    early = early_indexer(tmp_path / "new", None, None)
    assert early is not None
    found = early.get(None)
    assert isinstance(found, BundledEncoder)
    for thread in threading.enumerate():
        if thread.name == "early-encoder":
            thread.join()
    monkeypatch.setattr("indexer.encoders.runtime.Graph", None)  # nothing is left to load
    wanted = found.identity.preprocessing
    assert found.encode_images(np.zeros((2, wanted.height, wanted.width, 3), np.uint8)).vectors.shape[0] == 2


def test_a_store_that_is_there_may_need_no_encoder(store: Path) -> None:
    assert early_indexer(store, None, None) is None


def test_what_a_note_says_is_not_for_a_new_store(store: Path) -> None:
    assert EarlyThread(partial(_noted, store, "a cat", None)).get(None) is None


def test_an_encoder_that_does_not_load_is_reported_in_the_ordinary_way(tmp_path: Path, cli: Cli) -> None:
    early = early_indexer(tmp_path / "new", "bundeld", None)
    assert early is not None
    assert early.get(None) is None
    answer = cli("index", tmp_path, "-s", tmp_path / "new", "--encoder", "bundeld")
    assert answer.code == 2
    assert answer.err.startswith("search: There is no encoder 'bundeld'")
    assert not (tmp_path / "new").exists()


def test_a_store_that_was_made_meanwhile_keeps_its_encoder(store: Path, tmp_path: Path) -> None:
    early = early_indexer(tmp_path / "new", None, None)
    assert early is not None
    assert early.get(ColourEncoder().identity) is None
