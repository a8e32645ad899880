"""Images to ask with: sent once, kept for a while, asked with by their name."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from search.web.problems import ProblemError, problems
from search.web.service import Served

router = APIRouter(tags=["uploads"])

Name = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="What the upload was answered with.")]

_SIDE = 256
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}}
            for media_type in ("image/*", "application/octet-stream")
        },
    }
}


class Upload(BaseModel):
    """An image that is kept: `like:upload:NAME` in a query asks with it."""

    name: str = Field(pattern="^[0-9a-f]{32}$")
    width: int = Field(description="Pixels, upright.")
    height: int


@router.post(
    "/uploads",
    status_code=201,
    openapi_extra=_BODY,
    responses=problems(413, 415, 422, 503),
)
async def upload(service: Served, request: Request) -> Upload:
    """Keep an image to ask with. The body is the file itself; it is decoded once, and refused where that fails."""
    given = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()
    if not given.startswith("image/") and given != "application/octet-stream":
        raise ProblemError(
            415, "media-type", "An upload is the file of an image itself; send it as image/* or octet-stream."
        )
    async with service.uploads.receiving() as part:
        async for chunk in request.stream():
            part.add(chunk)
        content = part.content()
        _, width, height = await service.pictures.of_upload(content, _SIDE)
        return Upload(name=service.uploads.add(content), width=width, height=height)


@router.get(
    "/uploads/{name}/thumbnail",
    response_class=Response,
    responses={
        200: {"content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}}},
        **problems(404, 422),
    },
)
async def upload_thumbnail(service: Served, name: Name) -> Response:
    """A small picture of what was uploaded."""
    drawn, _, _ = await service.pictures.of_upload(service.uploads.get(name), _SIDE)
    return Response(drawn, 200, {"Cache-Control": "private, max-age=600"}, "image/webp")


@router.delete("/uploads/{name}", status_code=204, responses=problems(422))
async def drop_upload(service: Served, name: Name) -> Response:
    """Forget it; nothing happens where it is not kept."""
    service.uploads.drop(name)
    return Response(status_code=204)
