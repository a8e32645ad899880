"""Photographs as pictures: thumbnails, previews, the files themselves."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from indexer.images.sniff import SNIFFED_BYTES, sniff
from indexer.thumbnails.cache import DRAWING, SIDES
from search.web.file_answer import PiecesAnswer, Streamed, disposition
from search.web.freshness import CONDITION, names
from search.web.models.ids import ItemId
from search.web.problems import problems
from search.web.service import Served

router = APIRouter(tags=["pictures"])


class Size(IntEnum):
    """The longer side of a thumbnail in pixels."""

    SMALL, LARGE = SIDES


IfNoneMatch = Annotated[str | None, Header(alias=CONDITION, max_length=10_000)]

#: Seconds for which a browser shows what it has: an edited photograph shows after so long, and one that was forgotten.
_FRESH: Final = 600
#: What every browser shows, by format; the rest is saved to a file.
_SHOWN: Final = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
    "BMP": "image/bmp",
}
_SAVED: Final = {"TIFF": "image/tiff", "HEIF": "image/heic"}


def _content(media_type: str) -> dict[int | str, dict[str, object]]:
    shown: dict[str, object] = {"content": {media_type: {"schema": {"type": "string", "format": "binary"}}}}
    return {200: shown, **problems(403, 404, 410, 422)}


@router.get("/items/{id}/thumbnail", response_class=Response, responses=_content("image/webp"))
async def thumbnail(
    service: Served, id: ItemId, size: Size = Size.SMALL, if_none_match: IfNoneMatch = None
) -> Response:
    """A small picture, upright, in sRGB, without metadata; its longer side at most `size` pixels."""
    found, kept = await service.pictures.find_kept(id, size)
    tag = f'"{found.digest.hex()[:32]}-{int(size)}-{DRAWING}"'
    if is_known(if_none_match, tag):
        return _unchanged(tag)
    drawn = await service.pictures.thumbnail(found, size) if kept is None else kept
    return Response(drawn, 200, _headers(tag), "image/webp")


@router.get("/items/{id}/preview", response_class=Response, responses=_content("image/jpeg"))
async def preview(service: Served, id: ItemId, if_none_match: IfNoneMatch = None) -> Response:
    """A picture that every browser shows, as large as a screen; also of a HEIC or a TIFF."""
    found = await service.pictures.find(id)
    tag = f'"{found.digest.hex()[:32]}-p-{DRAWING}"'
    if is_known(if_none_match, tag):
        return _unchanged(tag)
    return Response(await service.pictures.preview(found), 200, _headers(tag), "image/jpeg")


@router.get("/items/{id}/original", response_class=StreamingResponse, responses=_content("image/*"))
async def original(
    service: Served,
    id: ItemId,
    download: Annotated[bool, Query(description="Save it to a file.")] = False,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The bytes of the file, while it is what was indexed; what no browser shows is saved to a file."""
    found = await service.pictures.find(id)
    tag = f'"{found.digest.hex()[:32]}"'
    if is_known(if_none_match, tag):
        return _unchanged(tag)
    file = await service.pictures.open(found)
    try:
        kind = sniff(await service.pictures.read(lambda: file.read(SNIFFED_BYTES))) or ""
        file.seek(0)
        streamed = Streamed(file)
        attached = download or kind not in _SHOWN
        headers = _headers(tag) | {
            "Content-Disposition": disposition(found.original.paths[0], attached=attached),
            "Content-Length": str(streamed.bytes),
        }
        media_type = _SHOWN.get(kind) or _SAVED.get(kind) or "application/octet-stream"
        return PiecesAnswer(streamed, headers, media_type)
    except BaseException:
        file.close()
        raise


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Whether a client has what a tag names, or asks whether there is anything."""
    return names(if_none_match, tag) or names(if_none_match, "*")


def _headers(tag: str) -> dict[str, str]:
    return {"ETag": tag, "Cache-Control": f"private, max-age={_FRESH}"}


def _unchanged(tag: str) -> Response:
    return Response(status_code=304, headers=_headers(tag))
