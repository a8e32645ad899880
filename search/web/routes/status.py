"""What the store holds, and what the server counts."""

from __future__ import annotations

from fastapi import APIRouter

from search.web.freshness import Revalidated
from search.web.models.status import StoreStatus
from search.web.problems import problems
from search.web.routes.items import Paths
from search.web.service import Served, Stated

router = APIRouter(tags=["server"])


@router.get("/status", dependencies=[Revalidated], response_model_exclude_none=True, responses=problems(403, 422, 503))
def status(service: Served, state: Stated, paths: Paths = False) -> StoreStatus:
    """What the store holds."""
    shown = service.shown(state, paths=paths)
    return StoreStatus.of(service.library.status(), state.generation, shown)
