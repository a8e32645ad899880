"""What the server counts of itself."""

from __future__ import annotations

from contextlib import suppress

from fastapi import APIRouter, Response

from indexer.errors import SearchError
from search.web.service import Served

router = APIRouter(tags=["server"])
_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Text(Response):
    media_type = _MEDIA_TYPE


@router.get(
    "/metrics", response_class=_Text, responses={200: {"content": {_MEDIA_TYPE: {"schema": {"type": "string"}}}}}
)
def metrics(service: Served) -> Response:
    """Requests, seconds and what is in the store, in Prometheus's text format."""
    counts: dict[str, int] = {}
    generation = 0
    with suppress(SearchError):  # the server counts all the same while its store is away
        counts.update({str(kind): count for kind, count in service.library.counts().items()})
        generation = service.library.state().generation
    return _Text(service.metrics.text(counts, generation))
