"""The hint in a store is a guess: whatever stands there, it is taken or passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.encoder_hint import HINT_NAME, read_encoder_hint, write_encoder_hint
from tests.fixtures.catalog_rows import IDENTITY


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b"{}",
        b'{"name": 1}',
        b"[" * 50_000,
        b'{"a":' * 15_000,
        b"\xff\xfe",
        b"\0" * 300_000,
        b'{"name": "x", "weights": "0", "dimension": 3, "preprocessing": 5}',
        b'{"name": "x", "weights": "0", "dimension": 3, "preprocessing": {"mean": 1, "std": 2}}',
    ],
)
def test_what_is_no_hint_is_passed_over_and_replaced(tmp_path: Path, said: bytes) -> None:
    (tmp_path / HINT_NAME).write_bytes(said)
    assert read_encoder_hint(tmp_path) is None
    write_encoder_hint(tmp_path, IDENTITY)
    assert read_encoder_hint(tmp_path) == IDENTITY
    assert [path.name for path in tmp_path.iterdir()] == [HINT_NAME]


def test_a_hint_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / HINT_NAME).mkdir()
    write_encoder_hint(tmp_path, IDENTITY)
    assert read_encoder_hint(tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == [HINT_NAME]
