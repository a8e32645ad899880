"""The page: its files as they ship, which are read once. A name that is none of them is nothing, so no path is built
from what a client sends."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request, Response

from search.web.freshness import CONDITION, names
from search.web.problems import ProblemError

router = APIRouter(include_in_schema=False)

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: Asked for at each visit, and answered with 304 while nothing has changed: an update is never half seen.
CACHE: Final = "no-cache"


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page. `etag`: of its content, in quotation marks. `packed`: the content as gzip, made once."""

    content: bytes
    media_type: str
    etag: str
    packed: bytes


@lru_cache(maxsize=1)
def files_of_page() -> dict[str, PageFile]:
    """Every file of the page, by its name. The look it shares with contact sheets and reports, which have it inside."""
    found = {}
    own = files("search.web").joinpath("page").iterdir()
    for entry in (*own, files("search.html").joinpath("templates", "look.css")):
        suffix = entry.name[entry.name.rfind(".") :]
        if suffix in _TYPES:
            content = entry.read_bytes()
            found[entry.name] = PageFile(content, _TYPES[suffix], etag_of(content), gzip.compress(content, mtime=0))
    return found


def etag_of(content: bytes) -> str:
    """A strong entity tag (RFC 9110)."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def answer(request: Request, content: bytes, media_type: str, etag: str) -> Response:
    """The content, or 304 where the client has it."""
    headers = {"ETag": etag, "Cache-Control": CACHE}
    if names(request.headers.get(CONDITION), etag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


# Both are coroutines: what lies in memory waits for no thread, and a visit asks for some fifty files.
@router.get("/")
async def page(request: Request) -> Response:
    """The page."""
    return await page_file(request, "index.html")


@router.get("/page/{name}")
async def page_file(request: Request, name: str) -> Response:
    """A file of the page."""
    found = files_of_page().get(name)
    if found is None:
        raise ProblemError(404, "not-found", "There is no such file of the page; open the page at /.")
    if len(found.packed) >= len(found.content) or "gzip" not in request.headers.get("accept-encoding", "").lower():
        return answer(request, found.content, found.media_type, found.etag)
    packed = answer(request, found.packed, found.media_type, f"W/{found.etag}")  # other bytes of the same file
    packed.headers["Vary"] = "Accept-Encoding"
    if packed.status_code == 200:
        packed.headers["Content-Encoding"] = "gzip"
    return packed
