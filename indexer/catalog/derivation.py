"""What is known of a photograph, from the rows of its file and of its metadata, as filters ask for it.

A pure function: the same rows give the same fact, so that what is kept of it can be judged and made again at any time.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from indexer.text import folded
from indexer.types import Metadata, Said

if TYPE_CHECKING:
    from indexer.places.gazetteer import Place

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Names of types of files as people write them, where a decoder has another.
_TYPES: Final = {"heif": "heic", "mpo": "jpeg"}


@dataclass(frozen=True, slots=True)
class Position:
    """`latitude`, `longitude` in degrees; `x`, `y`, `z`: the same on a sphere of radius 1."""

    latitude: float
    longitude: float
    x: float
    y: float
    z: float

    @classmethod
    def at(cls, latitude: float, longitude: float) -> Position:
        """The position of these degrees."""
        north, east = math.radians(latitude), math.radians(longitude)
        across = math.cos(north)
        return cls(latitude, longitude, across * math.cos(east), across * math.sin(east), math.sin(north))

    @property
    def on_sphere(self) -> tuple[float, float, float]:
        """Its place on the sphere."""
        return self.x, self.y, self.z


@dataclass(frozen=True, slots=True)
class When:
    """`seconds` since the beginning of 1970 as local clocks showed them; `source`: taken, name, sidecar or file.
    `by_machine`: as this machine's clock showed them, and another one's may have shown another time."""

    seconds: int
    source: str
    month: int
    by_machine: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a photograph; `camera`, `lens`: as it writes them; `folder`: the path of the folder in which it
    lies, `name` that of its file, folded."""

    when: When | None
    position: Position | None
    city: int | None
    country: str | None
    camera: str | None
    lens: str | None
    folder: str
    name: str
    type: str | None
    size: int
    width: int | None
    height: int | None
    captioned: bool
    keyworded: bool


def fact_of(
    path: str,
    size: int,
    mtime_ns: int,
    said: Said | None,
    metadata: Metadata | None,
    ctime_ns: int | None = None,
) -> Fact:
    """The fact of the photograph in the file at `path`, of `size` bytes, changed at `mtime_ns`, in nanoseconds.

    `said`: by a file beside it; `metadata`: by itself, None where that was lost. `ctime_ns`: when the file's status
    changed, None where nobody asked.
    """
    position = _position(said, metadata)
    place = None if position is None else _place_at(position.latitude, position.longitude)
    folder, name = os.path.split(path)
    kind = metadata.format.lower() if metadata is not None and metadata.format else None
    return Fact(
        when=_when(name, mtime_ns, said, metadata, place, ctime_ns),
        position=position,
        city=None if place is None else place.city,
        country=None if place is None else place.country,
        camera=None if metadata is None else metadata.camera,
        lens=None if metadata is None else metadata.lens,
        folder=folder,
        name=folded_name(name),
        type=None if kind is None else _TYPES.get(kind, kind),
        size=size,
        width=None if metadata is None else metadata.width,
        height=None if metadata is None else metadata.height,
        captioned=metadata is not None and bool(metadata.captions),
        keyworded=metadata is not None and bool(metadata.keywords),
    )


def folded_name(name: str) -> str:
    """The name of a file or a path as it is compared; bytes that are no text stand as "?"."""
    return folded(name.encode("utf-8", "replace").decode("utf-8"))


def _when(
    name: str,
    mtime_ns: int,
    said: Said | None,
    metadata: Metadata | None,
    place: Place | None,
    ctime_ns: int | None,
) -> When | None:
    from indexer.dates.best import best_date  # here and below: a query derives nothing

    taken_at = None if metadata is None else metadata.taken_at
    said_at = None if said is None else said.taken_at
    best = best_date(name, mtime_ns, taken_at, said_at, _zone_of(place), ctime_ns)
    if best is None:
        return None
    seconds = (best.moment.replace(tzinfo=UTC) - _EPOCH).total_seconds()
    return When(int(seconds), best.source, best.moment.month, best.by_machine)


@lru_cache(maxsize=4096)  # of one walk many photographs, and of one photograph many copies
def _place_at(latitude: float, longitude: float) -> Place | None:
    from indexer.places.gazetteer import places

    return places().at(latitude, longitude)


def _zone_of(place: Place | None) -> tzinfo | None:
    if place is None:
        return None
    from indexer.places.gazetteer import zone_of

    return zone_of(place.zone)


def _position(said: Said | None, metadata: Metadata | None) -> Position | None:
    for source in (metadata, said):
        if source is not None and source.latitude is not None and source.longitude is not None:
            return Position.at(source.latitude, source.longitude)
    return None
