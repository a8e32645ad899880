"""Indexes of words: whether they are right, judged by FTS5's own check."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from indexer.catalog.transaction import Transaction
from indexer.errors import StoreUnwritableError
from indexer.store import Store


def is_right(store: Store, judge: Callable[[Transaction], bool]) -> bool:
    """What `judge` says; True where the disk has no room for it: to look through such an index takes some."""
    with suppress(StoreUnwritableError), store.catalog.snapshot() as snapshot:
        return judge(snapshot)
    return True
