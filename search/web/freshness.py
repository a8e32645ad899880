"""Whether a client has the answer already: weak ETags of the state of the store and the request."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from datetime import date
from typing import Annotated, Final

from fastapi import Depends, Header, Request, Response

import search
from indexer.reach import beginning, holds
from indexer.settings import ADDRESS_NAME
from search.calls.details import StoreState
from search.projection.map_file import map_file
from search.web.representations import wanted
from search.web.service import Served, Service, state_of

#: Files beside the catalog that change answers.
_BESIDE = ("calibration.json", "reranker")

#: The header in which a client says what it has.
CONDITION: Final = "If-None-Match"


class UnchangedError(Exception):
    """What the client has is what it would get. `headers` of the answer 304."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__("unchanged")
        self.headers = headers


async def _revalidated(
    request: Request,
    response: Response,
    service: Served,
    known: Annotated[str | None, Header(alias=CONDITION, max_length=10_000)] = None,
) -> None:
    """Raises UnchangedError; StoreMissingError, StoreError."""
    response.headers["Vary"] = "Accept"
    if wanted(request) is not None:  # text also depends on who reads it, and where
        return
    state = await state_of(request, service)
    headers = {"ETag": tag_of(request, service, state), "Cache-Control": "private, no-cache"}
    if names(known, headers["ETag"]):
        raise UnchangedError(headers)
    response.headers.update(headers)


#: For GETs that read the store: gives the answer its ETag.
Revalidated = Depends(_revalidated)


def tag_of(request: Request, service: Service, state: StoreState) -> str:
    """Of the store's state, the request, the version and the day ("after:2w" means another time tomorrow)."""
    folder = service.library.folder
    beside: list[object] = []
    if not holds(folder, ADDRESS_NAME):  # on a server what is fitted counts as a change of the catalog
        for name in _BESIDE:
            with suppress(OSError):
                beside.append(os.stat(folder / name).st_mtime_ns)
    with suppress(OSError):  # the sum of a map says the same on each machine
        beside.append(beginning(map_file(folder), 8))
    parts = (search.__version__, state.store, state.generation, state.roots, beside, date.today(), request.url.path)
    text = repr((*parts, request.url.query))
    return f'W/"{hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'


def names(if_none_match: str | None, tag: str) -> bool:
    """Whether If-None-Match names this ETag; weakly compared (RFC 9110, 13.1.2)."""
    given = [each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")]
    return tag.removeprefix("W/") in given
