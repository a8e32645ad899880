"""On which cores a query computes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from search import computing
from search.blas import BlasThreads
from search.computing import map_parts, own_thread

blas = BlasThreads()


@pytest.fixture
def three() -> Iterator[None]:
    """BLAS with three threads, whatever the machine has."""
    before = blas.get()
    if before is None:
        pytest.skip("this BLAS takes no number of threads")
    blas.set(3)
    yield
    blas.set(before)


def test_parts_are_told_and_none_is_computed_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing, "thread_count", lambda: 3)
    told: list[int] = []
    with own_thread():
        assert map_parts(lambda part: 2 * part, range(5), lambda: told.append(len(told))) == [0, 2, 4, 6, 8]
        assert told == [0, 1, 2, 3, 4]
        computed: list[int] = []

        def compute(part: int) -> None:
            time.sleep(0.01)  # all of them take seconds: whoever stops is in time on a busy machine, too
            computed.append(part)

        def stop() -> None:
            if len(computed) >= 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            map_parts(compute, range(1_000), stop)
        there = len(computed)
        assert there < 1_000
        time.sleep(0.05)
        assert len(computed) == there


def test_the_number_is_that_of_numpy() -> None:
    openblas = "openblas" in str(np.show_config("dicts")["Build Dependencies"]["blas"]["name"])  # type: ignore[index]
    assert (blas.get() is not None) == openblas
    blas.set(None)
    assert blas.get() == BlasThreads().get()


def test_products_are_computed_by_the_thread_that_asks_and_then_as_before(three: None) -> None:
    with own_thread():
        assert blas.get() == 1
        with own_thread():
            assert blas.get() == 1
        assert blas.get() == 1
    assert blas.get() == 3
    with pytest.raises(ValueError, match="broken"), own_thread():
        raise ValueError("broken")
    assert blas.get() == 3


def test_the_last_query_to_end_sets_the_threads_back(three: None) -> None:
    entered, leave = threading.Event(), threading.Event()

    @own_thread()
    def query() -> None:
        entered.set()
        assert leave.wait(60)

    other = threading.Thread(target=query)
    with own_thread():
        other.start()
        assert entered.wait(60)
    assert blas.get() == 1  # the other one is inside
    leave.set()
    other.join()
    assert blas.get() == 3


def test_parts_keep_their_order_and_a_lone_query_has_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing, "thread_count", lambda: 2)
    met = threading.Barrier(2)

    def meet(part: int) -> int:
        met.wait(60)  # nobody gets by alone
        return 10 * part

    with own_thread():
        assert map_parts(meet, [1, 2]) == [10, 20]
        assert map_parts(lambda part: 10 * part, range(50)) == [10 * part for part in range(50)]


@pytest.mark.parametrize("why", ["another query", "one core", "one part"])
def test_else_the_thread_that_asks_does_all(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    monkeypatch.setattr(computing, "thread_count", lambda: 1 if why == "one core" else 2)
    parts = [1] if why == "one part" else [1, 2, 3]
    threads = []
    with own_thread():
        if why == "another query":
            with own_thread():
                map_parts(lambda part: threads.append(threading.current_thread()), parts)
        else:
            map_parts(lambda part: threads.append(threading.current_thread()), parts)
    assert threads == [threading.current_thread()] * len(parts)


@pytest.mark.parametrize("wrong", [0, 1])
def test_an_error_in_a_part_is_raised(monkeypatch: pytest.MonkeyPatch, wrong: int) -> None:
    monkeypatch.setattr(computing, "thread_count", lambda: 2)

    def fail(part: int) -> None:
        if part == wrong:
            raise ValueError(f"part {part}")

    with pytest.raises(ValueError, match=f"part {wrong}"):
        map_parts(fail, [0, 1])


def test_the_thread_that_asks_does_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waited for the helpers' parts one after the other once, and computed none of its own."""
    monkeypatch.setattr(computing, "thread_count", lambda: 2)
    done_by: dict[int, threading.Thread] = {}

    def compute(part: int) -> int:
        time.sleep(0.02)
        done_by[part] = threading.current_thread()
        return 10 * part

    with own_thread():
        assert map_parts(compute, range(20)) == [10 * part for part in range(20)]
    own = [part for part, thread in done_by.items() if thread is threading.current_thread()]
    assert 4 < len(own) < 16
