"""Photographs that were selected, as one file to save."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from search.web.archive import archive
from search.web.file_answer import PiecesAnswer
from search.web.models.ids import Id
from search.web.problems import ProblemError, problems
from search.web.service import Served

router = APIRouter(tags=["pictures"])


class Wanted(BaseModel):
    """What is to be saved."""

    ids: list[Id] = Field(
        min_length=1, max_length=10_000, description="Ids of items; a photograph that is named twice comes once."
    )


@router.post(
    "/downloads",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}},
        **problems(404, 410, 413, 422),
    },
)
async def download(service: Served, wanted: Wanted) -> Response:
    """A zip of photographs as they are. Of one that is gone or was changed a text in the zip tells."""
    limits = service.settings.limits
    ids = list(dict.fromkeys(wanted.ids))
    if len(ids) > limits.download_files:
        raise ProblemError(
            413, "too-many", f"{len(ids):,} photographs are more than {limits.download_files:,}; save them in parts."
        )
    found, gone = await service.pictures.find_all(ids)
    if not found:
        raise ProblemError(404, "no-item", "None of these photographs is in the index any more; search anew.")
    photographs = list({each.digest: each for each in found}.values())
    total = await service.pictures.bytes_of(photographs)
    if total is None:
        raise ProblemError(410, "photograph-gone", "None of these photographs is where it was; connect their drive.")
    if total > limits.download_bytes:
        most = f"{limits.download_bytes / 1e9:g} GB"
        raise ProblemError(413, "too-large", f"Together they have more than {most}; save them in parts.")
    headers = {"Content-Disposition": 'attachment; filename="photographs.zip"', "Cache-Control": "no-store"}
    return PiecesAnswer(archive(photographs, gone, service.pictures.take), headers, "application/zip")
