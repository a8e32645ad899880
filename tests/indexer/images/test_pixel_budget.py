"""Huge pictures are decoded one after the other, small ones beside each other."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.images.pixel_budget import PixelBudget


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_never_more_than_the_budget_but_always_one(sizes: list[int]) -> None:
    budget, lock = PixelBudget(10), threading.Lock()
    now: list[int] = []
    worst: list[int] = []

    def decode(size: int) -> None:
        with budget.held(size):
            with lock:
                now.append(min(size, 10))
                worst.append(sum(now))
            with lock:
                now.remove(min(size, 10))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decode, sizes))
    assert max(worst) <= 10
    assert now == []


def test_small_ones_do_not_wait_for_each_other() -> None:
    budget = PixelBudget(10)
    together = threading.Barrier(3, timeout=10)

    def decode(_: int) -> None:
        with budget.held(3):
            together.wait()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(decode, range(3)))


def test_what_fails_gives_its_room_back() -> None:
    budget = PixelBudget(10)
    with pytest.raises(ValueError, match="damaged"), budget.held(10):
        raise ValueError("damaged")
    with budget.held(10):
        pass
