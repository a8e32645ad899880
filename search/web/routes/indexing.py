"""Indexing: how far it is, its start and its end, and events about both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from search.web import server_sent
from search.web.indexing.collections import chosen, placed, without_folders
from search.web.indexing.run import RunState, StateName
from search.web.problems import Problem
from search.web.service import Served, Service

router = APIRouter(tags=["indexing"])

#: Seconds between two looks at what there is to tell; so at most four events of a kind a second.
_EVERY: Final = 0.25
#: Seconds without an event after which a comment is sent.
_SILENCE: Final = 15.0
_CONFLICT: Final[dict[int | str, dict[str, Any]]] = {
    409: {"model": Problem, "description": "A run is at work here, or another process writes into the store."}
}


class Start(BaseModel):
    """What to look through."""

    model_config = ConfigDict(extra="forbid")

    collections: list[int] | None = Field(
        default=None,
        min_length=1,
        max_length=1_000,
        description="Ids from /collections; none: all folders that are indexed.",
    )
    verify: bool = Field(
        default=False, description="Read every file and compare its content, whatever its size and times say."
    )


class FailedFile(BaseModel):
    """A file that could not be indexed."""

    name: str
    folder: str = Field(description="From the indexed folder on.")
    reason: str


class RunReport(BaseModel):
    """What a complete run did, in files."""

    encoded: int = Field(description="Images decoded and encoded.")
    reused: int = Field(description="New paths of known content: moved or copied files.")
    unchanged: int
    texts: int = Field(description="Texts encoded.")
    vanished: int = Field(description="No longer there.")
    altered: int = Field(description="Other bytes, though size and time of change were as before.")
    failed: int = Field(description="New failures, or for another reason than before.")
    known_failures: int
    failures: list[FailedFile] = Field(description="The first 50 of those that failed.")
    warnings: list[str]
    seconds: float


class IndexingState(BaseModel):
    """How far indexing is; of the last run since the server started."""

    state: StateName
    phase: str | None = Field(default=None, description="The step at work, as a sentence says it.")
    done: int = Field(
        ge=0, description="Files of the folder at work that were read; they are in the store within a second."
    )
    total: int | None = Field(default=None, ge=0, description="Files of it to be read, once that is known.")
    images_per_second: float | None = None
    started: datetime | None = None
    report: RunReport | None = Field(default=None, description="Of a complete run.")
    problem: Problem | None = Field(default=None, description="Why it failed.")


@router.get("/indexing", response_model_exclude_none=True)
def state(service: Served) -> IndexingState:
    """How far indexing is."""
    return _told(service.indexer.state)


@router.post("/indexing", status_code=202, response_model_exclude_none=True, responses=_CONFLICT)
def start(service: Served, order: Annotated[Start | None, Body()] = None) -> IndexingState:
    """Look through folders that are indexed, and bring the store up to date with them. One run at a time."""
    order = order or Start()
    known = service.collections.paths()
    roots = [] if order.collections is None else chosen(known, order.collections)
    return _told(service.indexer.start(roots, list(known.values()), verify=order.verify))


@router.delete("/indexing", status_code=202, response_model_exclude_none=True)
def stop(service: Served) -> IndexingState:
    """End the run that is at work, if one is. What was committed stays; another run goes on from there."""
    return _told(service.indexer.stop())


@router.get(
    "/indexing/events",
    response_class=StreamingResponse,
    responses={200: {"content": {server_sent.MEDIA_TYPE: {}}, "description": "Events, until the client goes."}},
)
async def events(service: Served) -> StreamingResponse:
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
        state = service.indexer.state
        if state.version != version:
            version = state.version
            yield server_sent.event("state", _told(state).model_dump(mode="json", exclude_none=True))
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


def _told(state: RunState) -> IndexingState:
    """Without a path of this machine."""
    paths = state.folders

    def said(sentence: str) -> str:
        return without_folders(sentence, paths)

    report, problem = state.report, state.problem
    if report is not None:
        failures = [
            FailedFile(name=name, folder=folder, reason=said(each["reason"]))
            for each in report["failures"]
            for name, folder in [placed(each["path"], paths)]
        ]
        warnings = [said(each) for each in report["warnings"]]
        report = {**report, "failures": failures, "warnings": warnings}
    return IndexingState(
        state=state.state,
        phase=None if state.phase is None else said(state.phase),
        done=state.done,
        total=state.total,
        images_per_second=state.images_per_second,
        started=state.started,
        report=None if report is None else RunReport.model_validate(report),
        problem=None if problem is None else problem.model_copy(update={"detail": said(problem.detail)}),
    )
