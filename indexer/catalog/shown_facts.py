"""What hits show of the facts of photographs: their dates, and where they were taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast, get_args

from sqlalchemy import select

from indexer.catalog.bounds import LATITUDES, LONGITUDES
from indexer.catalog.schema import fact, file
from indexer.catalog.statements import chunks, id_chunks
from indexer.catalog.transaction import Part
from indexer.types import DateSource

_EPOCH: Final = datetime(1970, 1, 1)
_SHOWN: Final = (fact.c.date, fact.c.date_from, fact.c.city, fact.c.country, fact.c.latitude, fact.c.longitude)


@dataclass(frozen=True, slots=True)
class ShownFact:
    """`date`: local time, and where it is known from; `city`: an id of GeoNames; `country`: two letters.
    `position`: latitude and longitude in degrees."""

    date: datetime | None
    date_from: DateSource | None
    city: int | None
    country: str | None
    position: tuple[float, float] | None


class ShownFacts(Part):
    """Of photographs. What is damaged of them is left out: they are derived, and a repair makes them anew."""

    def get(self, item_ids: Sequence[int]) -> dict[int, ShownFact]:
        """By the ids of items."""
        found: dict[int, ShownFact] = {}
        for chunk in id_chunks(item_ids):
            for number, *values in self._read(select(fact.c.item_id, *_SHOWN).where(fact.c.item_id.in_(chunk))):
                found[number] = _shown(*values)
        return found

    def at(self, paths: Sequence[str]) -> dict[str, ShownFact]:
        """By the paths of files."""
        found: dict[str, ShownFact] = {}
        for chunk in chunks(paths):
            statement = select(file.c.path, *_SHOWN).join(fact, fact.c.file_id == file.c.id)
            for path, *values in self._read(statement.where(file.c.path.in_(chunk))):
                found[path] = _shown(*values)
        return found


def _shown(
    seconds: object, source: object, city: object, country: object, latitude: object, longitude: object
) -> ShownFact:
    date = None
    if isinstance(seconds, int) and source in get_args(DateSource):
        try:
            date = _EPOCH + timedelta(seconds=seconds)
        except OverflowError:
            date = None
    return ShownFact(
        date,
        None if date is None else cast(DateSource, source),
        city if isinstance(city, int) else None,
        country if isinstance(country, str) else None,
        _position(latitude, longitude),
    )


def _position(latitude: object, longitude: object) -> tuple[float, float] | None:
    if not isinstance(latitude, float) or not isinstance(longitude, float):
        return None
    return (latitude, longitude) if abs(latitude) <= LATITUDES and abs(longitude) <= LONGITUDES else None
