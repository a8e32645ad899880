"""Numbers and nouns."""

from __future__ import annotations

import pytest

from indexer.counted import counted


@pytest.mark.parametrize(("count", "said"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (12_000, "12,000 files")])
def test_one_is_one(count: int, said: str) -> None:
    assert counted(count, "file") == said
