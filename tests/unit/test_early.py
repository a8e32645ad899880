"""The encoder that a store's note names is loaded ahead, and used only when the catalog agrees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import search
from indexer.encoders.bundled import BundledEncoder
from indexer.notes import NOTE_NAME, note_encoder, noted_encoder
from search.early import EarlyThread
from tests.fixtures.colour_encoder import ColourEncoder


def test_the_note_is_of_the_encoder_that_answers(store: Path) -> None:
    noted = noted_encoder(store)
    assert noted is not None
    assert noted == BundledEncoder().identity
    early = EarlyThread(store, "a cat", None)
    found = early.get(noted)
    assert found is not None
    assert found.identity == noted


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"name": "bundled"}', "\0"])
def test_a_note_that_does_not_read_is_none(store: Path, content: str | None) -> None:
    (store / NOTE_NAME).unlink()
    if content is not None:
        (store / NOTE_NAME).write_text(content)
    assert noted_encoder(store) is None
    assert EarlyThread(store, "a cat", None).get(BundledEncoder().identity) is None
    done = subprocess.run(
        [sys.executable, "-m", "search", "query", "a cat", "-s", str(store), "-k", "1", "--paths"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().endswith("chelsea.png")


def test_a_note_of_another_encoder_changes_no_answer(store: Path, cli: object) -> None:
    right = search.open(store).query("a cat", k=3)
    note_encoder(store, ColourEncoder().identity)
    early = EarlyThread(store, "a cat", None)
    assert early.get(BundledEncoder().identity) is None
    from search.library import Library

    with Library(store, early=early) as library:
        assert [hit.path for hit in library.query("a cat", k=3)] == [hit.path for hit in right]


def test_the_next_run_mends_the_note(store: Path) -> None:
    (store / NOTE_NAME).write_text("{")
    with search.open(store) as library:
        library.index()
    assert noted_encoder(store) == BundledEncoder().identity


def test_a_folder_that_cannot_be_written_has_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    note_encoder(tmp_path / "file" / "store", BundledEncoder().identity)
    assert noted_encoder(tmp_path / "file" / "store") is None
