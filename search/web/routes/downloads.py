"""Photographs that were selected, as one file to save."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from search.calls.originals import IndexedOriginal
from search.web.archive import archive
from search.web.file_answer import PiecesAnswer, safe_name
from search.web.models.ids import Id
from search.web.pictures import problem_of_file
from search.web.problems import ProblemError, problems
from search.web.service import Served

router = APIRouter(tags=["pictures"])

#: How many are not in the zip, and how many for which reason: "no-item=1, photograph-gone=2", by types of problems.
LEFT_OUT: Final = "Search-Left-Out"
REASONS: Final = "Search-Left-Out-Reasons"
_ZIP: Final[dict[str, Any]] = {
    "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    "headers": {
        LEFT_OUT: {
            "required": True,
            "description": "How many photographs are not in the zip, as far as that is known before it is read; the "
            "text in it names them, and those that turn out to be changed.",
            "schema": {"type": "integer", "minimum": 0},
        },
        REASONS: {
            "description": "Of these, how many for which reason, by types of problems.",
            "schema": {"type": "string", "examples": ["no-item=1, photograph-gone=2"]},
        },
    },
}


class Wanted(BaseModel):
    """What is to be saved."""

    ids: list[Id] = Field(
        min_length=1, max_length=10_000, description="Ids of items; a photograph that is named twice comes once."
    )


@router.post("/downloads", response_class=StreamingResponse, responses={200: _ZIP, **problems(404, 410, 413, 422, 503)})
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
    looked = await service.pictures.look_at(photographs)
    there: dict[IndexedOriginal, int] = {}
    left_out, reasons = (
        [f"#{number}: it is no longer in the index" for number in gone],
        Counter(["no-item"] * len(gone)),
    )
    for each, size in zip(photographs, looked, strict=True):
        if isinstance(size, int):
            there[each] = size
        else:
            left_out.append(f"{safe_name(each.original.paths[0])}: {size}")
            reasons[problem_of_file(size).problem.type] += 1
    if not there:
        raise ProblemError(
            410, "photograph-gone", f"None of these photographs can be saved ({left_out[-1]}); connect their drive."
        )
    if sum(there.values()) > limits.download_bytes:
        most = f"{limits.download_bytes / 1e9:g} GB"
        raise ProblemError(413, "too-large", f"Together they have more than {most}; save them in parts.")
    headers = {
        "Content-Disposition": 'attachment; filename="photographs.zip"',
        "Cache-Control": "no-store",
        LEFT_OUT: str(len(left_out)),
        **({REASONS: ", ".join(f"{kind}={count}" for kind, count in sorted(reasons.items()))} if reasons else {}),
    }
    return PiecesAnswer(archive(list(there), left_out, service.pictures.take), headers, "application/zip")
