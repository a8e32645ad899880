"""When photographs were taken."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from search.calls.tallying import Step
from search.query.filter import Filter
from search.web.freshness import Revalidated
from search.web.models.values import Bar
from search.web.problems import problems
from search.web.routes.items import Where
from search.web.service import Served

router = APIRouter(tags=["search"])


@router.get("/histogram", dependencies=[Revalidated], responses=problems(422, 503))
def histogram(
    service: Served, by: Annotated[Step, Query(description="The width of a bar.")], where: Where = None
) -> list[Bar]:
    """How many photographs there are of each year, month or day that has some, the earliest first."""
    chosen = Filter.parse(where) if where and where.strip() else None
    return [Bar.of(found) for found in service.library.histogram(by, where=chosen)]
