"""Search by words, images, and several of these."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from search.calls.answering import QueryOptions
from search.calls.details import StoreState
from search.engine.continued import places_before
from search.query.filter import Filter
from search.web.freshness import Revalidated
from search.web.leaving import while_there
from search.web.models.answers import Answer, Asked
from search.web.problems import problems
from search.web.service import Served, Service, Stated

router = APIRouter(tags=["search"], responses=problems(403, 404, 422, 503))


@router.get("/search", dependencies=[Revalidated], response_model_exclude_none=True)
async def search_by_line(request: Request, service: Served, state: Stated, asked: Annotated[Asked, Query()]) -> Answer:
    """The best matches for a line of the query language."""
    return await while_there(request, answer(service, state, asked))


@router.post("/search", response_model_exclude_none=True)
async def search_by_body(request: Request, service: Served, state: Stated, asked: Asked) -> Answer:
    """The same as `GET /search`, for lines that are long."""
    return await while_there(request, answer(service, state, asked))


async def answer(service: Service, state: StoreState, asked: Asked) -> Answer:
    """What a question is answered with."""
    query = service.asking.query(asked.q, as_words=asked.as_words)
    if asked.where and asked.where.strip():
        query = query.narrowed(Filter.parse(asked.where))
    first = 1 if asked.after is None else 1 + places_before(asked.after)
    options = QueryOptions(
        k=asked.k,
        to=asked.to,
        min_probability=asked.min_probability,
        sort=asked.sort,
        all_copies=asked.all_copies,
        by_words=asked.by_words,
        templates=asked.templates,
        rerank=asked.rerank,
        explain=asked.explain,
    )
    shown = service.shown(state, paths=asked.paths)
    found = await service.queries.answer(query, options, asked.after)
    return Answer.of(found, asked.q, shown, first)
