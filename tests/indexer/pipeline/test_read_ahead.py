"""Files read in threads come in their order, and a fault of one is that file's."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from indexer.errors import StoreDamagedError
from indexer.pipeline.read_ahead import read_ahead
from indexer.pipeline.values import Failed
from indexer.types import Candidate

FILES = [Candidate(f"/{number}", number, 0) for number in range(40)]


def test_in_their_order_however_long_each_takes() -> None:
    def read(candidate: Candidate) -> int:
        time.sleep(0.002 * (candidate.size % 3))
        return candidate.size

    assert list(read_ahead(FILES, read, workers=4, ahead=10)) == list(range(40))


def test_no_more_are_under_way_than_asked_for() -> None:
    taken = 0

    def candidates() -> Iterator[Candidate]:
        nonlocal taken
        for each in FILES:
            taken += 1
            yield each

    found = read_ahead(candidates(), lambda candidate: candidate.size, workers=2, ahead=5)
    for number, _ in enumerate(found, 1):
        assert taken <= number + 5


def test_what_stumbles_is_one_failure() -> None:
    def read(candidate: Candidate) -> int:
        if candidate.size == 3:
            raise MemoryError
        if candidate.size == 5:
            raise ZeroDivisionError("a slip")
        return candidate.size

    found = list(read_ahead(FILES, read, workers=3, ahead=8))
    failed = {at: each.reason for at, each in enumerate(found) if isinstance(each, Failed)}
    assert failed.keys() == {3, 5}
    assert failed[3] == "it needs more memory than there is"
    assert "ZeroDivisionError: a slip" in failed[5]


def test_what_is_no_file_s_fault_ends_it_and_its_threads() -> None:
    def read(candidate: Candidate) -> int:
        if candidate.size == 4:
            raise StoreDamagedError("gone")
        return candidate.size

    before = threading.active_count()
    with pytest.raises(StoreDamagedError, match="gone"):
        list(read_ahead(FILES, read, workers=3, ahead=8))
    assert threading.active_count() == before
