"""The encoder of a store is read once for each state of its catalog, and anew when another took its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from indexer.catalog.encoders import Encoders
from indexer.encoders.base import EncoderId
from indexer.errors import StoreMissingError
from indexer.store import Store
from search.engine.active_encoder import ActiveEncoder
from tests.fixtures.catalog_rows import IDENTITY

ONE, OTHER = IDENTITY, replace(IDENTITY, name="other", weights="1" * 64)


def _activate(store: Store, identity: EncoderId) -> None:
    with store.catalog.batch() as batch:
        encoders = Encoders(batch)
        encoders.activate(encoders.add(identity))


def test_it_is_read_once_for_each_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    active = Encoders.active
    monkeypatch.setattr(Encoders, "active", lambda part: (reads.append(1), active(part))[1])
    store = Store.create(tmp_path / "store")
    try:
        known = ActiveEncoder(store)
        assert known.now() is None
        with store.catalog.snapshot() as snapshot, pytest.raises(StoreMissingError, match="This index is empty"):
            known.required(snapshot)
        _activate(store, ONE)
        reads.clear()
        assert known.now() == known.now() == ONE
        with store.catalog.snapshot() as snapshot:
            assert known.required(snapshot) == active(Encoders(snapshot))
        assert len(reads) == 1
        _activate(store, OTHER)
        assert known.now() == OTHER
        assert len(reads) == 2
    finally:
        store.close()
