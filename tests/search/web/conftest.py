"""The application over a small real store, asked in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

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
