"""What the server counts of itself."""

from __future__ import annotations

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
    try:
        counts: dict[str, int] = {**service.library.counts()}
        generation = service.library.state().generation
    except SearchError:  # the server counts all the same while its store is away
        counts, generation = {}, 0
    return _Text(service.metrics.text(counts, generation))
