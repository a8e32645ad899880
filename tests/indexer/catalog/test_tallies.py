"""How many photographs have each value: the same as counting rows in plain Python."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings

from indexer.catalog.catalog import Catalog
from indexer.catalog.tallies import Tallies
from indexer.places.gazetteer import places
from indexer.types import Metadata
from tests.fixtures.catalog_rows import new_catalog
from tests.fixtures.damaged import run
from tests.indexer.catalog.test_selection import Photo, collections, criteria, dated, fill, holds

TYPES = {"JPEG": "jpeg", "PNG": "png", "HEIF": "heic", "MPO": "jpeg"}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    made = new_catalog(tmp_path_factory.mktemp("tallies") / "catalog.sqlite")
    yield made
    made.close()


def day_of(photo: Photo) -> int:
    return (dated(photo).date() - date(1970, 1, 1)).days


@given(collections, criteria)
@settings(max_examples=60, deadline=None)
def test_values_are_counted_as_plain_python_counts(
    catalog: Catalog, collection: list[Photo], criterion: object
) -> None:
    fill(catalog, collection)
    seen = [photo for photo in collection if not photo.hidden]
    at = [
        places().at(photo.metadata.latitude, photo.metadata.longitude)
        for photo in seen
        if photo.metadata.latitude is not None and photo.metadata.longitude is not None
    ]
    with catalog.snapshot() as snapshot:
        tallies = Tallies(snapshot)
        assert tallies.names("camera") == Counter(p.metadata.camera for p in seen if p.metadata.camera is not None)
        assert tallies.names("lens") == Counter(p.metadata.lens for p in seen if p.metadata.lens is not None)
        assert tallies.names("folder") == Counter(os.path.dirname(photo.name) for photo in seen)
        assert tallies.codes("type") == Counter(TYPES[photo.metadata.format] for photo in seen)
        assert tallies.codes("month") == Counter(dated(photo).month for photo in seen)
        assert tallies.codes("country") == Counter(place.country for place in at if place is not None)
        assert tallies.codes("city") == Counter(p.city for p in at if p is not None and p.city is not None)
        assert tallies.keywords() == Counter(word for photo in seen for word in photo.metadata.keywords)
        assert tallies.days() == Counter(map(day_of, seen))
        fitting = [photo for photo in seen if holds(criterion, photo)]  # type: ignore[arg-type]
        assert tallies.days(criterion) == Counter(map(day_of, fitting))  # type: ignore[arg-type]


def test_damaged_values_are_left_out(tmp_path: Path) -> None:
    made = new_catalog(tmp_path / "catalog.sqlite")
    said = Metadata(10, 20, "JPEG", keywords=("sea",))
    fill(made, [Photo(f"/photos/{number}.jpg", 1, said) for number in range(3)])
    made.close()
    run(
        tmp_path / "catalog.sqlite",
        "UPDATE fact SET date = 9000000000000000 WHERE item_id = 1",
        "UPDATE photo SET keywords = '{' WHERE content_id = 1",
    )
    with closing(Catalog.open(made.url)) as again, again.snapshot() as snapshot:
        assert sum(Tallies(snapshot).days().values()) == 2
        assert Tallies(snapshot).keywords() == {"sea": 2}
