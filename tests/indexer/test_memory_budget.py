"""Large files are read and decoded one after the other, small ones beside each other."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ImageTooLargeError
from indexer.memory import Room, in_words, room, without_amounts
from indexer.memory_budget import ALONE, MemoryBudget, Share, too_large


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), min_size=1, max_size=40))
def test_never_more_than_the_budget_and_every_file_has_its_turn(sizes: list[tuple[int, int]]) -> None:
    """Each first reads so much, then needs more to decode; two that hold what the other waits for would hang."""
    budget, lock = MemoryBudget(Room(10, 0)), threading.Lock()
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
    budget = MemoryBudget(Room(10, 0))
    together = threading.Barrier(3, timeout=10)

    def work(share: Share) -> None:
        share.grow(3, "reading it")
        together.wait()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: budget.work(work), range(3)))


def test_what_cannot_grow_at_once_lets_go_and_begins_again() -> None:
    budget, events = MemoryBudget(Room(10, 0)), []
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
    budget = MemoryBudget(Room(10, 0))

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
    with pytest.raises(ImageTooLargeError) as error:
        MemoryBudget(Room(300_000_000, 296_000_000)).work(lambda share: share.grow(5_403_000_000, "decoding it"))
    assert str(error.value) == (
        "decoding it takes up to 5.4 GB of memory, and of the 600 MB that this process may use, 300 MB are left for "
        "it; SEARCH_MEMORY=5700MB would do, if the machine has as much"
    )
    with pytest.raises(ImageTooLargeError, match=r"reading it takes up to 12.0 GB .* SEARCH_MEMORY=12.1GB would do"):
        MemoryBudget(Room(300_000_000, 30_000_000)).work(lambda share: share.grow(12_000_000_000, "reading it"))
    ALONE.grow(100_000_000, "decoding it")  # an ordinary photograph always passes


def test_what_is_said_to_do_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_MEMORY", "600MB")
    wanted = 700_000_000
    with pytest.raises(ImageTooLargeError) as error:
        ALONE.grow(wanted, "decoding it")
    found = re.search(r"([\d]+ MB) are left for it; SEARCH_MEMORY=(\d+MB) would do", str(error.value))
    assert found is not None
    assert found[1] == in_words(room().most)
    monkeypatch.setenv("SEARCH_MEMORY", found[2])
    ALONE.grow(wanted - 5_000_000, "decoding it")  # what the process holds may have grown by a little
    with pytest.raises(ImageTooLargeError):
        ALONE.grow(wanted + 25_000_000, "decoding it")


def test_the_amounts_in_a_reason_make_no_other_reason() -> None:
    one, other, third = (
        str(too_large(wanted, doing, Room(300_000_000, beside)))
        for wanted, doing, beside in (
            (700_000_000, "decoding it", 10**8),
            (21_000_000_000, "decoding it", 3 * 10**8),
            (700_000_000, "reading it", 10**8),
        )
    )
    assert one != other
    assert without_amounts(one) == without_amounts(other) != without_amounts(third)
    assert without_amounts("its data are 12 MB short") == "its data are 12 MB short"
