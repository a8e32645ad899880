"""The cities of the world as dots, for the small map of the page: from the table of places that ships."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final

import numpy as np
from fastapi import APIRouter, Request, Response

from indexer.places.table import Table, read_table
from indexer.settings import places_folder
from search.web.routes.page import answer, etag_of

router = APIRouter(include_in_schema=False)

#: Cities of fewer people are left out: a dot of them would be noise, and a download.
LEAST_PEOPLE: Final = 15_000
#: Degrees a unit of a position: one kilometre is seen nowhere on a map of this size.
STEP: Final = 0.02
#: Sizes of dots, from `LEAST_PEOPLE` to the largest cities, by the logarithm of their people.
SIZES: Final = 10


def dots(table: Table) -> list[int]:
    """(3 n) numbers: of n cities the latitude and longitude in units of `STEP`, and a size from 0 to 9; the smallest
    first, so that the large ones are drawn over them."""
    people = table.arrays["populations"].astype(np.float64)
    rows = np.flatnonzero(people >= LEAST_PEOPLE)[::-1]  # the table has the largest first
    scale = np.log(people[rows] / LEAST_PEOPLE) / np.log(people.max() / LEAST_PEOPLE)  # (n,), 0 to 1
    sizes = np.minimum(SIZES - 1, np.floor(scale * SIZES)).astype(np.int64)
    positions = [np.rint(table.arrays[name][rows] / STEP).astype(np.int64) for name in ("latitudes", "longitudes")]
    flat: list[int] = np.stack([*positions, sizes], axis=1).ravel().tolist()
    return flat


@lru_cache(maxsize=1)
def _world() -> tuple[bytes, str]:
    """The document and its entity tag."""
    told = {"step": STEP, "cities": dots(read_table(places_folder() / "places.bin"))}
    content = json.dumps(told, separators=(",", ":")).encode("ascii")
    return content, etag_of(content)


@router.get("/page/world.json")
def world(request: Request) -> Response:
    """The dots. `step`: degrees a unit; `cities`: latitude, longitude, size, one after another."""
    content, etag = _world()
    return answer(request, content, "application/json", etag)
