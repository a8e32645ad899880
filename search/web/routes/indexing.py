"""Indexing: how far it is, its start and its end, and events about both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Final

from fastapi import APIRouter, Body
from fastapi.responses import StreamingResponse

from search.web import server_sent
from search.web.indexing.collections import chosen
from search.web.models.indexing import IndexingOrder, IndexingState
from search.web.problems import problems
from search.web.service import Served, Service

router = APIRouter(prefix="/indexing", tags=["indexing"])

#: Seconds between two looks at what there is to tell; so at most four events of a kind a second.
_EVERY: Final = 0.25
#: Seconds without an event after which a comment is sent.
_SILENCE: Final = 15.0


@router.get("", response_model_exclude_none=True)
def indexing_state(service: Served) -> IndexingState:
    """How far indexing is."""
    return _state(service)


@router.post("", status_code=202, response_model_exclude_none=True, responses=problems(409, 422, 503))
def start_indexing(service: Served, order: Annotated[IndexingOrder | None, Body()] = None) -> IndexingState:
    """Look through folders that are indexed, and bring the store up to date with them. One run at a time."""
    order = order or IndexingOrder(collections=None, verify=False)
    known = service.library.collections()
    roots = chosen(known, order.collections)
    service.indexer.start(roots, [each.path for each in known], verify=order.verify)
    return _state(service)


@router.delete("", status_code=202, response_model_exclude_none=True)
def stop_indexing(service: Served) -> IndexingState:
    """End the run that is at work, if one is. What was committed stays; another run goes on from there."""
    service.indexer.stop()
    return _state(service)


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {server_sent.MEDIA_TYPE: {}}, "description": "Events, until the client goes."},
        **problems(503),
    },
)
async def indexing_events(service: Served) -> StreamingResponse:
    """Server-sent events: `state`, with the JSON of /indexing, when it has changed, and `collection`, with the number
    of images and the generation of the store, when that has changed. Both come first as they are."""
    service.growth.check_room()
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(service), media_type=server_sent.MEDIA_TYPE, headers=headers)


async def _events(service: Service) -> AsyncIterator[bytes]:
    async with service.growth.listening():
        async for each in _news(service):
            yield each


async def _news(service: Service) -> AsyncIterator[bytes]:
    version, size, sent = -1, None, time.monotonic()
    while not service.leaving.is_set():
        if service.indexer.state.version != version:
            version = service.indexer.state.version
            yield server_sent.event("state", _state(service).model_dump(mode="json", exclude_none=True))
            sent = time.monotonic()
        if service.growth.size is not None and service.growth.size != size:
            size = service.growth.size
            yield server_sent.event("collection", {"images": size.images, "generation": size.generation})
            sent = time.monotonic()
        if time.monotonic() - sent >= _SILENCE:
            yield server_sent.KEEP_ALIVE
            sent = time.monotonic()
        with suppress(TimeoutError):
            await asyncio.wait_for(service.leaving.wait(), _EVERY)


def _state(service: Service) -> IndexingState:
    return IndexingState.of(service.indexer.state, service.library.folder)
