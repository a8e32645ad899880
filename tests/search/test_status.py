"""What a store says of itself while another process writes into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import search
from tests.fixtures.colour_encoder import ColourEncoder


def test_a_file_that_goes_meanwhile_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer's note, SQLite's log, an index that is being built: there when the folder is listed, gone when asked."""
    store, photos = tmp_path / "s", tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (9, 9), "red").save(photos / "red.png")
    honest = os.walk

    def walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
        for above, folders, names in honest(folder):
            (store / "writer.pid").unlink(missing_ok=True)
            yield above, folders, names

    with search.open(store, encoder=ColourEncoder()) as library:
        library.index(photos)
        wanted = library.status().bytes
        assert wanted > (store / "catalog.sqlite").stat().st_size
        (store / "writer.pid").write_text("1" * 1000)
        assert library.status().bytes == wanted + 1000
        monkeypatch.setattr(os, "walk", walk)
        assert library.status().bytes == wanted
