"""A photograph in the file manager of the machine that serves, for who sits before it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from search.web.file_manager import reveal
from search.web.hosts import sits_here
from search.web.models.ids import ItemId
from search.web.problems import ProblemError, problems
from search.web.service import Served

router = APIRouter(tags=["pictures"])


@router.post(
    "/items/{id}/reveal",
    status_code=204,
    responses=problems(403, 404, 410, 501),
)
async def reveal_photograph(service: Served, request: Request, id: ItemId) -> Response:
    """Show the file where it lies."""
    if not sits_here(request.scope, service.settings):
        raise ProblemError(
            403, "not-here", "Only who sits at the server's machine can see its folders; save the photograph instead."
        )
    path = await service.pictures.place(await service.pictures.find(id))
    await service.pictures.read(lambda: reveal(path))
    return Response(status_code=204)
