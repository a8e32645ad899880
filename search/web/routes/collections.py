"""The indexed folders."""

from __future__ import annotations

from fastapi import APIRouter

from search.web.models.indexing import Collection
from search.web.problems import problems
from search.web.routes.items import Paths
from search.web.service import Served, Stated

router = APIRouter(tags=["indexing"])


@router.get("/collections", response_model_exclude_none=True, responses=problems(403, 422, 503))
def collections(service: Served, state: Stated, paths: Paths = False) -> list[Collection]:
    """The indexed folders, by their paths."""
    shown = service.shown(state, paths=paths)
    return [Collection.of(each, shown) for each in service.library.collections()]
