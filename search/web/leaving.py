"""Clients that go away before they are answered: nobody works for them any longer than it takes to notice."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from fastapi import Request

from search.web.problems import ProblemError

T = TypeVar("T")

#: As nginx writes it to its log; nobody is there to read the answer.
GONE: Final = 499


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives; it is cancelled when the client goes away. (What types as it searches asks again with each
    letter, and lets go of the question before.)

    Raises what `work` raises, and ProblemError where the client has gone.
    """
    working, leaving = asyncio.create_task(work), asyncio.create_task(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ProblemError(GONE, "client-gone", "The client has gone away before it was answered.")
    finally:
        working.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    """Returns when the client has gone; its body has been read by then."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
