"""Items: listed, one by one, and what is like them."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from indexer.types import Kind
from indexer.vectors.base import SearchParameters
from search.calls.details import ItemDetails as KnownDetails
from search.calls.details import StoreState
from search.calls.query_options import QueryOptions
from search.engine.continued import places_before
from search.query.filter import Filter
from search.query.query import Query as AskedQuery
from search.query.terms import Term
from search.web.freshness import Revalidated
from search.web.leaving import while_there
from search.web.models.answers import Answer, Explanation
from search.web.models.ids import ItemId
from search.web.models.items import Item, ItemDetails, ItemOrder, ItemPage
from search.web.problems import ProblemError, problems
from search.web.service import Served, Service, Stated
from search.web.settings import Limits

router = APIRouter(prefix="/items", tags=["items"])

_LIMITS = Limits()
Where = Annotated[
    str | None,
    Query(max_length=_LIMITS.query_characters, description="Fields of the query language.", examples=["in:2021"]),
]
Paths = Annotated[bool, Query(description="Tell whole paths, where the server does that.")]


@router.get("", dependencies=[Revalidated], response_model_exclude_none=True, responses=problems(403, 422, 503))
def items(
    service: Served,
    state: Stated,
    where: Where = None,
    kind: Kind = "image",
    sort: ItemOrder | None = None,
    limit: Annotated[int, Query(ge=1, le=_LIMITS.page)] = 100,
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
    paths: Paths = False,
) -> ItemPage:
    """The next items that `where` leaves, page by page; copies are items too. While others index, none comes twice."""
    shown = service.shown(state, paths=paths)
    page = service.library.page(
        where=Filter.parse(where) if where and where.strip() else None, kind=kind, sort=sort, limit=limit, cursor=cursor
    )
    return ItemPage(items=[Item.of(item, shown) for item in page.items], cursor=page.cursor)


@router.get(
    "/{id}", dependencies=[Revalidated], response_model_exclude_none=True, responses=problems(403, 404, 422, 503)
)
def item(service: Served, state: Stated, id: ItemId, paths: Paths = False) -> ItemDetails:
    """All that is known of one item."""
    shown = service.shown(state, paths=paths)
    return ItemDetails.of(details_of(service, id), shown)


@router.get(
    "/{id}/similar",
    dependencies=[Revalidated],
    response_model_exclude_none=True,
    responses=problems(403, 404, 422, 503),
)
async def similar(
    request: Request,
    service: Served,
    state: Stated,
    id: ItemId,
    k: Annotated[int, Query(ge=1, le=_LIMITS.page)] = 60,
    after: Annotated[str | None, Query(max_length=4_000)] = None,
    paths: Paths = False,
) -> Answer:
    """Photographs like this one, which is left out itself, with its copies."""
    return await while_there(request, similar_to(service, state, id, k, after, paths=paths))


@router.get(
    "/{id}/explain", dependencies=[Revalidated], response_model_exclude_none=True, responses=problems(404, 422, 503)
)
async def explain(
    request: Request,
    service: Served,
    state: Stated,
    id: ItemId,
    q: Annotated[str, Query(max_length=_LIMITS.query_characters)],
) -> Explanation:
    """Which words of a query met which regions of a photograph."""
    asked = service.asking.query(q)
    await run_in_threadpool(details_of, service, id)
    reason = "A query of filters alone is not explained; say in words what is looked for."
    if asked.terms:
        alone = AskedQuery(terms=asked.terms, where=Filter(id=id))
        options = QueryOptions(k=1, explain=True, all_copies=True, by_words=False)
        results = await while_there(request, service.queries.answer(alone, options))
        if results.hits and results.hits[0].explanation is not None:
            return Explanation.of(results.hits[0].explanation)
        if results.notes:
            reason = service.shown(state).sentence(results.notes[-1])
    raise ProblemError(404, "not-explained", reason)


def details_of(service: Service, id: int) -> KnownDetails:
    """What is known of an item. Raises ProblemError where it is not there, StoreError, StoreMissingError."""
    found = service.library.item(id)
    if found is None:
        raise ProblemError(404, "no-item", f"There is no item {id} in the store, or no longer; search again.")
    return found


async def similar_to(
    service: Service, state: StoreState, id: int, k: int, after: str | None = None, *, paths: bool = False
) -> Answer:
    """Photographs like one. Raises ProblemError for what is none."""
    shown = service.shown(state, paths=paths)
    found = await run_in_threadpool(details_of, service, id)
    if found.item.kind != "image":
        raise ProblemError(404, "no-photograph", f"The item {id} is a text; ask with its words, at /search.")
    own = np.array(sorted({id, *found.copies}), np.int64)
    options = QueryOptions(k=k, parameters=SearchParameters(exclude=own))
    asked = AskedQuery(terms=(Term(item=id),))
    results = await service.queries.answer(asked, options, after)
    return Answer.of(results, f"like:#{id}", shown, 1 if after is None else 1 + places_before(after))
