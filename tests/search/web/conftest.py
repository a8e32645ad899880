"""The application over small real stores, asked in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from search.library import Library
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.web import client_of


@pytest.fixture(scope="module")
def client(indexed: Path) -> Iterator[TestClient]:
    """Over the indexed photographs; the store is not changed."""
    with client_of(indexed) as found:
        yield found


@pytest.fixture
def own_client(store: Path) -> Iterator[TestClient]:
    """Over a copy of the store, which may be changed."""
    with client_of(store) as found:
        yield found


@pytest.fixture
def red(tmp_path: Path) -> Path:
    """`photos/red.png`, with a caption; `secret.png` beside the folder, which nobody has indexed."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (400, 300), "red").save(tmp_path / "photos" / "red.png")
    (tmp_path / "photos" / "red.txt").write_text("a red square")
    Image.new("RGB", (400, 300), "white").save(tmp_path / "secret.png")
    return tmp_path / "photos" / "red.png"


@pytest.fixture
def red_store(red: Path, tmp_path: Path) -> Path:
    """A store over it, in which it has the id 1."""
    with Library(tmp_path / "s", encoder=ColourEncoder()) as library:
        assert library.index(red.parent).encoded == 1
        assert [each.id for each in library.items()] == [1]
    return tmp_path / "s"
