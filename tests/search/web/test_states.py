from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from search.calls.details import StoreState
from search.web.states import States


class Counting:
    """A library whose state is the number of the reading; a reading waits until it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = threading.Semaphore(0)
        self.error: Exception | None = None

    def state(self) -> StoreState:
        self.begun += 1
        number = self.begun
        assert self.go.acquire(timeout=10)
        if self.error is not None:
            raise self.error
        return StoreState("store", number, ())


async def begun(library: Counting, number: int) -> None:
    while library.begun < number:
        await asyncio.sleep(0.001)


def test_who_asks_while_it_is_read_is_told_by_a_reading_that_begins_later() -> None:
    async def talk() -> None:
        library = Counting()
        states = States(library)  # type: ignore[arg-type]
        first = asyncio.create_task(states.now())
        await begun(library, 1)
        later = [asyncio.create_task(states.now()) for _ in range(20)]
        await asyncio.sleep(0.02)
        assert library.begun == 1
        library.go.release()
        assert (await first).generation == 1
        await begun(library, 2)
        library.go.release()
        assert {(await each).generation for each in later} == {2}
        assert library.begun == 2

    asyncio.run(talk())


def test_one_who_gives_up_takes_it_from_nobody() -> None:
    async def talk() -> None:
        library = Counting()
        states = States(library)  # type: ignore[arg-type]
        one, other = asyncio.create_task(states.now()), asyncio.create_task(states.now())
        await begun(library, 1)
        one.cancel()
        library.go.release()
        assert (await other).generation == 1
        with pytest.raises(asyncio.CancelledError):
            await one

    asyncio.run(talk())


def test_an_error_is_told_to_all_who_asked_and_the_next_reading_is_another() -> None:
    async def talk() -> None:
        library = Counting()
        states = States(library)  # type: ignore[arg-type]
        library.error = ValueError("gone")
        library.go.release()
        told: list[Any] = await asyncio.gather(states.now(), states.now(), return_exceptions=True)
        assert [str(each) for each in told] == ["gone", "gone"]
        library.error = None
        library.go.release()
        assert (await states.now()).generation == 2

    asyncio.run(talk())
