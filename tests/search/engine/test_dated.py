"""Hits say when and where their photographs were taken, and how that is known."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image

import search
from tests.fixtures.colour_encoder import ColourEncoder

GPS = {1: "N", 2: (52.4986, 0.0, 0.0), 3: "E", 4: (13.4033, 0.0, 0.0)}


def _shoot(path: Path, *, taken: str | None = None, gps: dict[int, object] | None = None) -> None:
    exif = Image.Exif()
    if taken is not None:
        exif.get_ifd(0x8769)[0x9003] = taken
    if gps is not None:
        exif.get_ifd(0x8825).update(gps)
    Image.new("RGB", (16, 12), (200, 10, len(path.name) * 7 % 256)).save(path, exif=exif)
    os.utime(path, (1_500_000_000, 1_500_000_000))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, search.Hit]:
    folder = tmp_path_factory.mktemp("dated")
    photos = folder / "photos"
    photos.mkdir()
    _shoot(photos / "a.jpg", taken="2024:05:03 18:20:11", gps=GPS)
    _shoot(photos / "IMG_20210504_101112.jpg")
    _shoot(photos / "uluru.jpg", gps={1: "S", 2: (25.3444, 0.0, 0.0), 3: "E", 4: (131.0369, 0.0, 0.0)})
    _shoot(photos / "sea.jpg", gps={1: "N", 2: (35.0, 0.0, 0.0), 3: "W", 4: (40.0, 0.0, 0.0)})
    _shoot(photos / "told.jpg")
    (photos / "a.txt").write_text("red at home")
    for name in ("told.jpg", "sea.jpg"):
        where = {"geoData": {"latitude": 48.8584, "longitude": 2.2945}}
        (photos / f"{name}.json").write_text(json.dumps({**where, "photoTakenTime": {"timestamp": "1620123456"}}))
    (photos / "told.txt").write_text("red tower")
    (photos / "captions.csv").write_text("image,caption\nnowhere.jpg,red nowhere\n")
    with search.open(folder / "s", encoder=ColourEncoder()) as library:
        library.index(photos)
        return {os.path.basename(hit.source or ""): hit for hit in library.query("red", to="any", k=20)}


def test_dates_say_where_they_are_from(found: dict[str, search.Hit]) -> None:
    dates = {name: (hit.date, hit.date_from) for name, hit in found.items()}
    assert dates["a.jpg"] == (datetime(2024, 5, 3, 18, 20, 11), "taken")
    assert dates["IMG_20210504_101112.jpg"] == (datetime(2021, 5, 4, 10, 11, 12), "name")
    assert dates["uluru.jpg"] == (datetime.fromtimestamp(1_500_000_000), "file")
    assert dates["a.txt"] == dates["a.jpg"]


def test_places_in_words(found: dict[str, search.Hit]) -> None:
    places = {name: hit.place for name, hit in found.items()}
    assert places["a.jpg"] == search.PlaceNames("Kreuzberg", "Berlin", "State of Berlin", "Germany")
    assert places["uluru.jpg"] == search.PlaceNames(None, None, None, "Australia")
    assert str(places["uluru.jpg"]) == "Australia"
    assert places["a.txt"] == places["a.jpg"]
    assert [places[name] for name in ("sea.jpg", "captions.csv", "IMG_20210504_101112.jpg")] == [None, None, None]


def test_json_has_what_is_known(found: dict[str, search.Hit]) -> None:
    said = found["a.jpg"].to_json()
    assert (said["date"], said["date_from"]) == ("2024-05-03T18:20:11", "taken")
    assert said["place"] == {
        "city": "Kreuzberg", "near": "Berlin", "region": "State of Berlin", "country": "Germany",
    }  # fmt: skip
    assert found["uluru.jpg"].to_json()["place"] == {"country": "Australia"}
    assert not {"date", "date_from", "place"} & found["captions.csv"].to_json().keys()


def test_positions_are_those_that_near_asks(found: dict[str, search.Hit]) -> None:
    """The photograph's own, else Takeout's."""
    at = {name: hit.position for name, hit in found.items()}
    assert at["a.jpg"] == pytest.approx((52.4986, 13.4033), abs=1e-6)
    assert at["sea.jpg"] == (35.0, -40.0)
    assert at["told.jpg"] == at["told.txt"] == (48.8584, 2.2945)
    assert (at["captions.csv"], at["IMG_20210504_101112.jpg"]) == (None, None)
    for name in ("a.jpg", "told.jpg", "told.txt"):
        said = found[name].to_json()
        assert (said["latitude"], said["longitude"]) == at[name]
    assert not {"latitude", "longitude"} & found["captions.csv"].to_json().keys()
