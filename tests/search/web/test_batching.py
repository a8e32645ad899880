"""Queries that are answered together: each gets its own answer, in time, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import search
from indexer.errors import EmptyQueryError, StoreBusyError, UsageError
from search.calls.query_options import QueryOptions
from search.query.query import Query
from search.web.batching import MOST, Batcher
from tests.fixtures.colour_encoder import ColourTokenEncoder

LINES = ["red", "green", "blue -red", "dark red", "type:png sort:name", "red name:*0.png", "blue sort:date min:0%"]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[search.Library]:
    """Nine pictures in colours."""
    base = tmp_path_factory.mktemp("batches")
    for red in (0, 120, 240):
        for green in (0, 120, 240):
            (base / "photos").mkdir(exist_ok=True)
            Image.new("RGB", (16, 16), (red, green, 90)).save(base / "photos" / f"{red}-{green}.png")
    with search.open(base / "s", encoder=ColourTokenEncoder()) as opened:
        opened.index(base / "photos")
        yield opened


class Held:
    """A library whose calls wait until they are let go; notes how many queries each had."""

    def __init__(self, library: search.Library) -> None:
        self._library = library
        self.calls: list[list[str]] = []
        self.go = threading.Event()
        self.error: Exception | None = None

    def query(self, query: Query, **options: Any) -> search.Results:
        return self._answered([query], lambda: self._library.query(query, **options))  # type: ignore[no-any-return]

    def query_many(self, queries: list[Query], **options: Any) -> list[search.Results]:
        return self._answered(queries, lambda: self._library.query_many(queries, **options))  # type: ignore[no-any-return]

    def _answered(self, queries: list[Query], answer: Any) -> Any:
        self.calls.append([str(each) for each in queries])
        assert self.go.wait(10)
        if self.error is not None:
            raise self.error
        return answer()


def parsed(line: str) -> Query:
    return Query.parse(line)


def same(one: search.Results, other: search.Results) -> bool:
    """Whether two answers have the same hits, with scores that are equal to the last bits."""
    assert [hit.id for hit in one] == [hit.id for hit in other]
    own, others = ([hit.score or 0.0 for hit in each] for each in (one, other))
    return np.allclose(own, others, atol=1e-5) and (one.query, one.notes) == (other.query, other.notes)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0.01)


def test_many_at_once_get_what_the_library_says(library: search.Library) -> None:
    async def run() -> list[search.Results]:
        batcher = Batcher(library, workers=2)
        found = await asyncio.gather(
            *(batcher.answer(parsed(line), QueryOptions(k=k)) for line in LINES for k in (2, 3) for _ in range(5))
        )
        await batcher.close()
        return found

    found = iter(asyncio.run(run()))
    for line in LINES:
        for k in (2, 3):
            wanted = library.query(parsed(line), k=k)
            assert all(same(next(found), wanted) for _ in range(5))


def test_a_query_that_is_alone_has_the_library_s_answer_to_the_last_bit(library: search.Library) -> None:
    async def run() -> search.Results:
        batcher = Batcher(library)
        try:
            return await batcher.answer(parsed("red"), QueryOptions(k=4))
        finally:
            await batcher.close()

    assert asyncio.run(run()).hits == library.query("red", k=4).hits


def test_what_waits_is_answered_together_by_its_options_in_its_order(library: search.Library) -> None:
    held, told = Held(library), list[int]()

    async def run() -> None:
        batcher = Batcher(held, answered=lambda count, _: told.append(count))  # type: ignore[arg-type]
        options, other = QueryOptions(k=2), QueryOptions(k=3)
        first = asyncio.create_task(batcher.answer(parsed("red"), options))
        await settle()
        rest = [
            asyncio.create_task(batcher.answer(parsed(line), how))
            for line, how in (("green", options), ("blue", other), ("dark", options), ("bright", other))
        ]
        await settle()
        assert held.calls == [["red"]]
        held.go.set()
        await asyncio.gather(first, *rest)
        await batcher.close()

    asyncio.run(run())
    assert held.calls == [["red"], ["green", "dark"], ["blue", "bright"]]
    assert told == [1, 2, 2]


def test_no_call_has_more_than_the_library_answers_at_once(library: search.Library) -> None:
    held = Held(library)

    async def run() -> None:
        batcher = Batcher(held)  # type: ignore[arg-type]
        tasks = [asyncio.create_task(batcher.answer(parsed("red"), QueryOptions(k=1))) for _ in range(2 * MOST)]
        await settle()
        held.go.set()
        await asyncio.gather(*tasks)
        await batcher.close()

    asyncio.run(run())
    assert [len(call) for call in held.calls] == [1, MOST, MOST - 1]


def test_nobody_waits_for_one_who_has_gone(library: search.Library) -> None:
    held = Held(library)

    async def run() -> list[search.Results]:
        batcher = Batcher(held)  # type: ignore[arg-type]
        options = QueryOptions(k=2)
        running = asyncio.create_task(batcher.answer(parsed("red"), options))
        await settle()
        gone = asyncio.create_task(batcher.answer(parsed("green"), options))
        stays = asyncio.create_task(batcher.answer(parsed("blue"), options))
        await settle()
        running.cancel()  # it is worked on: the answer has nobody to go to
        gone.cancel()
        await settle()
        held.go.set()
        found = [await stays, await batcher.answer(parsed("dark"), options)]
        await batcher.close()
        return found

    assert len(asyncio.run(run())) == 2
    assert held.calls == [["red"], ["blue"], ["dark"]]


def test_the_error_of_one_loses_no_other(library: search.Library) -> None:
    held = Held(library)

    async def run() -> list[Any]:
        batcher = Batcher(held)  # type: ignore[arg-type]
        options = QueryOptions(k=2)
        lines = ("red", "blue near:Nowhereatall", "like:#999", "green", "dark")
        tasks = [asyncio.create_task(batcher.answer(parsed(line), options)) for line in lines]
        await settle()
        held.go.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await batcher.close()
        return found

    found = asyncio.run(run())
    assert [type(each) for each in found] == [search.Results, UsageError, UsageError, search.Results, search.Results]
    assert same(found[3], library.query("green", k=2))


def test_what_concerns_all_is_told_to_all_and_the_next_are_answered(library: search.Library) -> None:
    held = Held(library)
    held.error = StoreBusyError("It is busy.")

    async def run() -> tuple[list[Any], search.Results]:
        batcher = Batcher(held)  # type: ignore[arg-type]
        options = QueryOptions(k=2)
        tasks = [asyncio.create_task(batcher.answer(parsed(line), options)) for line in ("red", "green", "blue")]
        await settle()
        held.go.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        held.error = None
        later = await batcher.answer(parsed("red"), options)
        await batcher.close()
        return found, later

    found, later = asyncio.run(run())
    assert [type(each) for each in found] == [StoreBusyError] * 3
    assert len(later) == 2


def test_a_page_behind_a_cursor_and_options_with_ids_go_alone(library: search.Library) -> None:
    held = Held(library)
    first = library.query("red", k=3)

    async def run() -> list[search.Results]:
        batcher = Batcher(held)  # type: ignore[arg-type]
        options = QueryOptions(k=3)
        ids = QueryOptions(k=3, parameters=search.SearchParameters(exclude=np.array([1, 2], np.int64)))
        tasks = [
            asyncio.create_task(batcher.answer(parsed("red"), *how))
            for how in ((options,), (options, first.cursor), (ids,), (ids,), (options,))
        ]
        await settle()
        held.go.set()
        found = await asyncio.gather(*tasks)
        await batcher.close()
        return found

    _, second, without, _, _ = asyncio.run(run())
    assert [len(call) for call in held.calls] == [1, 1, 1, 1, 1]
    assert [hit.id for hit in (*first, *second)] == [hit.id for hit in library.query("red", k=6)]
    assert {hit.id for hit in without}.isdisjoint({1, 2})


def test_closing_answers_what_waits(library: search.Library) -> None:
    held = Held(library)

    async def run() -> list[search.Results]:
        batcher = Batcher(held)  # type: ignore[arg-type]
        tasks = [asyncio.create_task(batcher.answer(parsed(line), QueryOptions(k=1))) for line in ("red", "blue")]
        await settle()
        closing = asyncio.create_task(batcher.close())
        await settle()
        assert not closing.done()
        held.go.set()
        found = await asyncio.gather(*tasks)
        await closing
        return found

    assert len(asyncio.run(run())) == 2


def test_what_the_library_refuses_is_raised(library: search.Library) -> None:
    async def run() -> None:
        batcher = Batcher(library)
        with pytest.raises(UsageError, match="`k`"):
            await batcher.answer(parsed("red"), QueryOptions(k=0))
        with pytest.raises((EmptyQueryError, UsageError)):
            await batcher.answer(parsed("red"), QueryOptions(k=1), "no cursor")
        await batcher.close()

    asyncio.run(run())


def test_the_loop_is_free_while_queries_are_answered(library: search.Library, tmp_path: Path) -> None:
    held = Held(library)

    async def run() -> float:
        batcher = Batcher(held)  # type: ignore[arg-type]
        task = asyncio.create_task(batcher.answer(parsed("red"), QueryOptions(k=1)))
        await settle()
        started = time.monotonic()
        await asyncio.sleep(0)
        waited = time.monotonic() - started
        held.go.set()
        await task
        await batcher.close()
        return waited

    assert asyncio.run(run()) < 1


def test_after_several_as_many_are_waited_for(library: search.Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients of a call ask again one after the other: they share the next call, too."""
    monkeypatch.setattr("search.web.batching.PATIENCE", 5.0)
    monkeypatch.setattr("search.web.batching.MOST_PATIENCE", 5.0)
    held = Held(library)

    async def run() -> None:
        batcher = Batcher(held)  # type: ignore[arg-type]
        first = asyncio.create_task(batcher.answer(parsed("red"), QueryOptions(k=2)))
        await settle()
        more = [asyncio.create_task(batcher.answer(parsed(line), QueryOptions(k=2))) for line in ("green", "blue")]
        await settle()
        held.go.set()
        await asyncio.gather(first, *more)
        one = asyncio.create_task(batcher.answer(parsed("dark"), QueryOptions(k=2)))
        await settle()
        assert len(held.calls) == 2
        other = asyncio.create_task(batcher.answer(parsed("bright"), QueryOptions(k=2)))
        await asyncio.gather(one, other)
        assert held.calls == [["red"], ["green", "blue"], ["dark", "bright"]]
        await batcher.close()

    asyncio.run(run())


def test_nobody_is_waited_for_longer_than_patience(library: search.Library) -> None:
    held = Held(library)
    held.go.set()

    async def run() -> None:
        batcher = Batcher(held)  # type: ignore[arg-type]
        await asyncio.gather(*(batcher.answer(parsed("red"), QueryOptions(k=2)) for _ in range(4)))
        await batcher.answer(parsed("green"), QueryOptions(k=2))  # alone: the others do not come back
        await batcher.answer(parsed("blue"), QueryOptions(k=2))
        assert held.calls == [["red"], ["red"] * 3, ["green"], ["blue"]]
        await batcher.close()

    asyncio.run(run())


def test_what_is_waited_with_is_answered_when_the_server_leaves(
    library: search.Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.web.batching.PATIENCE", 60.0)
    monkeypatch.setattr("search.web.batching.MOST_PATIENCE", 60.0)
    held = Held(library)
    held.go.set()

    async def run() -> search.Results:
        batcher = Batcher(held)  # type: ignore[arg-type]
        await asyncio.gather(*(batcher.answer(parsed("red"), QueryOptions(k=2)) for _ in range(4)))
        last = asyncio.create_task(batcher.answer(parsed("green"), QueryOptions(k=2)))
        await settle()
        await batcher.close()
        return await last

    assert asyncio.run(run()).query == "green"
