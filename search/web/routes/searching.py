"""Search by words, images, and several of these."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from search.calls.answering import QueryOptions
from search.web.service import Served

router = APIRouter(tags=["search"])


@router.get("/search")
async def search_by_line(service: Served, q: Annotated[str, Query(max_length=10_000)], k: int = 60) -> dict[str, Any]:
    """The best matches for a line of the query language."""
    query = service.asking.query(q)
    found = await service.queries.answer(query, QueryOptions(k=k))
    return found.to_json()
