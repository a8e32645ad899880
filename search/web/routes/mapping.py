"""The map of the collection: whether there is one, its making, its points and its groups."""

from __future__ import annotations

from fastapi import APIRouter, Response

from search.projection.photo_map import PhotoMap
from search.web.freshness import Revalidated
from search.web.mapping import points
from search.web.models.mapping import MapLevel, MapState
from search.web.problems import ProblemError, problems
from search.web.service import Served, Service

router = APIRouter(prefix="/map", tags=["map"])

_BYTES = {"content": {points.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}


@router.get("", response_model_exclude_none=True, responses=problems(503))
def map_state(service: Served) -> MapState:
    """Whether there is a map, and how far one is that is being made."""
    state = service.maps.state
    return MapState.of(state, None if state.is_active else service.maps.current(), service.sentence)


@router.post("", status_code=202, response_model_exclude_none=True, responses=problems(422, 503))
def make_map(service: Served) -> MapState:
    """Make the map, in a process of its own. Nothing happens where one is being made, or need not be."""
    found = None if service.maps.state.is_active else service.maps.current()
    return MapState.of(service.maps.state if found is not None else service.maps.start(), found, service.sentence)


@router.get(
    "/points",
    dependencies=[Revalidated],
    response_class=Response,
    responses={200: {**_BYTES, "description": "See docs/server.md for the layout."}, **problems(404, 503)},
)
def map_points(service: Served, response: Response) -> Response:
    """Where the photographs are: 16 bytes of header (`MAP1`, uint32 n, float64 generation), n ids (float64), n times x
    and y (float32), all little-endian."""
    tagged = dict(response.headers)  # its ETag, which an answer of our own would not have
    return Response(points.as_bytes(_there(service)), headers=tagged, media_type=points.MEDIA_TYPE)


@router.get("/clusters", dependencies=[Revalidated], responses=problems(404, 503))
def map_clusters(service: Served) -> list[MapLevel]:
    """Groups of photographs with their names, by level."""
    return MapLevel.all_of(_there(service))


def _there(service: Service) -> PhotoMap:
    found = service.maps.current()
    if found is None:
        raise ProblemError(404, "no-map", "There is no map of this collection yet; POST /map makes it.")
    return found
