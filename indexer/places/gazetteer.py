"""Places by their names, and the names of the place at a position.

places().cities("Paris")               the largest first: in France, then in Texas ...
places().cities("Paris, Texas")        a region or a country behind it, by its name or code
places().country("Deutschland")        "DE"
places().at(48.858, 2.294)             the nearest city
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from indexer.places.names import FACTORS, MAIN, SHIFT, key_hash, place_key, rank_of, row_of
from indexer.places.nearest import Nearest
from indexer.places.table import Table, read_table
from indexer.settings import places_folder

#: A photograph is of the nearest city no farther away than this; of the country of the nearest no farther than that.
#: In deserts a country is known where no city is; in the middle of an ocean neither is.
CITY_KM: Final = 100.0
COUNTRY_KM: Final = 500.0

#: Cities of one name that are looked at; there are 39 of the commonest.
_MOST: Final = 200
#: Letters that a name may have more or fewer than the one that is meant, and how much of both has to be the same.
_SLIPS: Final = 2
_ALIKE: Final = 0.75


@dataclass(frozen=True, slots=True)
class City:
    """`id`: GeoNames'; `country`: two letters; `latitude`, `longitude` in degrees; `zone`: of the tz database.

    `near`: the larger city of which it is a part, or at which it lies: of Kreuzberg Berlin.
    """

    id: int
    name: str
    near: str | None
    region: str | None
    country: str
    country_name: str
    latitude: float
    longitude: float
    population: int
    zone: str

    def __str__(self) -> str:
        """ "Paris, Texas, United States"."""
        region = self.region if self.region != self.name else None
        return ", ".join(part for part in (self.name, region, self.country_name) if part)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a photograph was taken. `city`: its GeoNames id, or None; `country`: two letters; `zone`: as of `City`."""

    city: int | None
    country: str
    zone: str


class Gazetteer:
    """What a table of places knows. Made once a process (`places`); safe to use from several threads."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def cities(self, name: str) -> list[City]:
        """The cities of this name, the best known first; none where it names none.

        Behind a comma, or as the last words, may stand the name or code of a region or a country.
        """
        parts = [key for part in name.split(",") if (key := place_key(part))]
        if not parts:
            return []
        rows = self._rows(parts[0]) if len(parts) == 1 else self._within(parts[0], parts[1:])
        if not rows and len(parts) == 1:
            words = parts[0].split()
            for end in range(len(words) - 1, 0, -1):
                rows = self._within(" ".join(words[:end]), [" ".join(words[end:])])
                if rows:
                    break
        return [self._city(row) for row in rows]

    def city(self, number: int) -> City | None:
        """The city with this id of GeoNames."""
        row = self._row_of_id.get(number)
        return None if row is None else self._city(row)

    def alike(self, name: str, most: int = 3) -> list[str]:
        """Names of cities that are written nearly like this one, the nearest first. Looks at all of them: 0.1 s."""
        key = place_key(name)
        names: dict[str, str] = {}  # by their keys
        for row in range(len(self._table)):
            written = self._table.name(row)
            if abs(len(written) - len(key)) <= _SLIPS:
                names.setdefault(place_key(written), written)
        near = [each for each in names if each[:1] == key[:1]]
        return [names[each] for each in get_close_matches(key, near, most, _ALIKE)]

    def country(self, name: str) -> str | None:
        """The two letters of a country, by its code (two letters or three) or its name in one of many languages."""
        rows = [row_of(number) for number in self._entries("country_index", place_key(name))]
        return self._table.countries[rows[0]].code if rows else None

    def country_name(self, code: str) -> str | None:
        """The English name of the country with these two letters."""
        return next((one.name for one in self._table.countries if one.code == code.upper()), None)

    def largest_in(self, region: str) -> City | None:
        """The city of most people in the region of this name; of several regions of the name, in any."""
        named = [row_of(number) for number in self._entries("region_index", place_key(region))]
        rows = np.flatnonzero(np.isin(self._table.arrays["regions"], named))
        if not len(rows):
            return None
        return self._city(int(rows[self._table.arrays["populations"][rows].argmax()]))

    def at(self, latitude: float, longitude: float) -> Place | None:
        """The place of a position in degrees; None in the middle of an ocean, and near the poles."""
        found = self._nearest.find(latitude, longitude, COUNTRY_KM)
        if found is None:
            return None
        row, km = found
        arrays, table = self._table.arrays, self._table
        city = int(arrays["ids"][row]) if km <= CITY_KM else None
        return Place(city, table.countries[int(arrays["countries"][row])].code, table.zones[int(arrays["zones"][row])])

    def words(self, city: int | None, country: str | None) -> tuple[str, ...]:
        """By what words a photograph of this city (its id) and country (two letters) is found, each once."""
        found = None if city is None else self.city(city)
        names = [] if found is None else [found.name, found.near, found.region, found.country_name]
        if country is not None:
            names.append(self.country_name(country))
        return tuple(dict.fromkeys(name for name in names if name))

    # -- rows -----------------------------------------------------------------------------------------------

    def _city(self, row: int) -> City:
        arrays, country = self._table.arrays, self._table.countries[int(self._table.arrays["countries"][row])]
        larger = int(arrays["larger"][row])
        return City(
            id=int(arrays["ids"][row]),
            name=self._table.name(row),
            near=None if larger == row else self._table.name(larger),
            region=self._table.regions[int(arrays["regions"][row])][0] or None,
            country=country.code,
            country_name=country.name,
            latitude=round(float(arrays["latitudes"][row]), 5),
            longitude=round(float(arrays["longitudes"][row]), 5),
            population=int(arrays["populations"][row]),
            zone=self._table.zones[int(arrays["zones"][row])],
        )

    def _entries(self, index: str, key: str) -> Iterator[int]:
        if key:
            entries, first = self._table.arrays[index], key_hash(key)
            bounds = np.array([first, first + (1 << SHIFT)], np.uint64)
            start, end = entries.searchsorted(bounds)
            yield from (int(number) for number in entries[start : min(int(end), int(start) + _MOST)])

    def _rows(self, key: str) -> list[int]:
        """The best known city of a name, and the others that are called so themselves; else all that are by others."""
        people = self._table.arrays["populations"]
        ranks = {row_of(number): rank_of(number) for number in self._entries("name_index", key)}
        rows = sorted(ranks, key=lambda row: (-(float(people[row]) + 1) * FACTORS[ranks[row]], row))
        called = [row for row in rows if ranks[row] == MAIN]
        return [*(row for row in rows[:1] if row not in called), *called] if called else rows

    def _within(self, key: str, bounds: list[str]) -> list[int]:
        """Those of them that lie in each of these regions or countries."""
        rows = self._rows(key)
        for bound in bounds:
            countries = {row_of(number) for number in self._entries("country_index", bound)}
            regions = {row_of(number) for number in self._entries("region_index", bound)}
            of_country, of_region = self._table.arrays["countries"], self._table.arrays["regions"]
            rows = [row for row in rows if int(of_country[row]) in countries or int(of_region[row]) in regions]
        return rows

    @cached_property
    def _row_of_id(self) -> dict[int, int]:
        return {number: row for row, number in enumerate(self._table.arrays["ids"].tolist())}

    @cached_property
    def _nearest(self) -> Nearest:
        degrees: list[npt.NDArray[Any]] = [self._table.arrays[name] for name in ("latitudes", "longitudes")]
        return Nearest(*(each.astype(np.float64) for each in degrees))


def zone_of(name: str) -> ZoneInfo | None:
    """A time zone; None where this machine knows none of that name (Windows without the package tzdata)."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return None


@lru_cache(maxsize=1)
def places() -> Gazetteer:
    """What the table that ships knows, read on first use. Raises UsageError where it is missing or damaged."""
    return Gazetteer(read_table(places_folder() / "places.bin"))
