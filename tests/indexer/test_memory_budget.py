"""Large files are read and decoded one after the other, small ones beside each other."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ImageTooLargeError
from indexer.memory_budget import ALONE, MemoryBudget, Share


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), min_size=1, max_size=40))
def test_never_more_than_the_budget_and_every_file_has_its_turn(sizes: list[tuple[int, int]]) -> None:
    """Each first reads so much, then needs more to decode; two that hold what the other waits for would hang."""
    budget, lock = MemoryBudget(10), threading.Lock()
    now: list[int] = []
    worst: list[int] = []

    def read(numbers: tuple[int, int]) -> int:
        first, more = numbers[0], min(10, sum(numbers))

        def work(share: Share) -> int:
            for wanted in (first, more):
                share.grow(wanted, "reading it")
                with lock:
                    now.append(wanted)
                    worst.append(sum(now))
                with lock:
                    now.remove(wanted)
            return more

        return budget.work(work)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(read, sizes))
    assert done == [min(10, sum(numbers)) for numbers in sizes]
    assert max(worst) <= 10
    assert budget._used == 0


def test_small_ones_do_not_wait_for_each_other() -> None:
    budget = MemoryBudget(10)
    together = threading.Barrier(3, timeout=10)

    def work(share: Share) -> None:
        share.grow(3, "reading it")
        together.wait()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: budget.work(work), range(3)))


def test_what_cannot_grow_at_once_lets_go_and_begins_again() -> None:
    budget, events = MemoryBudget(10), []
    holds, may_end = threading.Event(), threading.Event()

    def other(share: Share) -> None:
        share.grow(4, "reading it")
        holds.set()
        assert may_end.wait(10)

    def work(share: Share) -> None:
        share.grow(3, "reading it")
        events.append(budget._used)
        if len(events) == 1:
            threading.Timer(0.05, may_end.set).start()
        share.grow(8, "decoding it")
        events.append(budget._used)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(budget.work, other)
        assert holds.wait(10)
        budget.work(work)
        waiting.result()
    assert events == [7, 8, 8]  # both hold; begun again alone, with all that it asked for


def test_what_fails_gives_its_room_back() -> None:
    budget = MemoryBudget(10)

    def fail(share: Share) -> None:
        share.grow(10, "reading it")
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        budget.work(fail)
    budget.work(lambda share: share.grow(10, "reading it"))


def test_one_that_takes_more_than_all_is_refused_with_the_numbers_and_the_next_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEARCH_MEMORY", "600MB")
    said = "decoding it takes up to 5.4 GB of memory, and this process may use 600 MB in all; set SEARCH_MEMORY higher"
    with pytest.raises(ImageTooLargeError, match=said):
        MemoryBudget(300_000_000).work(lambda share: share.grow(5_400_000_000, "decoding it"))
    with pytest.raises(ImageTooLargeError, match=said):
        ALONE.grow(5_400_000_000, "decoding it")
    ALONE.grow(100_000_000, "decoding it")  # an ordinary photograph always passes
