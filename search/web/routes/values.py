"""The values that the store has, for completion."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from search.calls.field_values import Listed
from search.calls.tallying import MOST_VALUES
from search.web.freshness import Revalidated
from search.web.models.values import Value
from search.web.problems import problems
from search.web.service import Served

router = APIRouter(tags=["search"])


@router.get("/values", dependencies=[Revalidated], responses=problems(422, 503))
def values(
    service: Served,
    field: Annotated[Listed, Query(description="A field of the query language; `place` is for near:.")],
    prefix: Annotated[str, Query(max_length=200, description="Of which a word begins so.")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_VALUES)] = 20,
) -> list[Value]:
    """The values of a field that the store has, those of most photographs first."""
    return [Value.of(found) for found in service.library.values(field, prefix=prefix, limit=limit)]
