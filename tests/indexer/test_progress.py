"""Times that are left, as a person reads them."""

from __future__ import annotations

import pytest

from indexer.progress import span


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "5 s"),
        (5.1, "10 s"),
        (55, "55 s"),
        (56, "1 min"),
        (60, "1 min"),
        (61, "2 min"),
        (5_940, "99 min"),
        (7_800, "2 h 10 min"),
    ],
)
def test_spans(seconds: float, said: str) -> None:
    assert span(seconds) == said
