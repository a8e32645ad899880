"""The page and its files, as they lie beside this module."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

FOLDER: Final = Path(__file__).resolve().parent / "page"
#: Asked for anew each time, and answered with 304 where it is as it was: a new version shows at once.
_HEADERS: Final = {"Cache-Control": "no-cache"}


class PageFiles(StaticFiles):
    """With the headers that all files of the page have."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """See starlette."""
        found = super().file_response(full_path, stat_result, scope, status_code)
        found.headers.update(_HEADERS)
        return found


def mount(app: FastAPI) -> None:
    """`/` is the page, below `/page/` lie its files."""
    files = PageFiles(directory=FOLDER, check_dir=False)
    app.mount("/page", files, name="page")

    @app.get("/", include_in_schema=False)
    def index(request: Request) -> Response:
        path = FOLDER / "index.html"
        try:
            stat = path.stat()
        except OSError:
            raise HTTPException(404) from None
        found = FileResponse(path, stat_result=stat, headers=_HEADERS)
        known = [each.strip() for each in request.headers.get("if-none-match", "").split(",")]
        return NotModifiedResponse(found.headers) if found.headers["etag"] in known else found
