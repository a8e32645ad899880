"""How many photographs have each value: the same as counting rows in plain Python."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.catalog.catalog import Catalog
from indexer.catalog.contents import Contents
from indexer.catalog.items import Items
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


def counted(values: Iterable[tuple[int, object]]) -> Counter[object]:
    """Photographs by value, the plain way: each content once for a value."""
    return Counter(value for _, value in set(values))


@given(collections, criteria, st.lists(st.integers(0, 3), min_size=12, max_size=12))
@settings(max_examples=60, deadline=None)
def test_values_are_counted_as_plain_python_counts(
    catalog: Catalog, collection: list[Photo], criterion: object, contents: list[int]
) -> None:
    """`contents`: of each file the number of its content; what is one content says one thing."""
    said = {one: photo.metadata for one, photo in zip(contents, collection, strict=False)}
    collection = [replace(photo, metadata=said[one]) for one, photo in zip(contents, collection, strict=False)]
    fill(catalog, collection, contents)
    seen = [(one, photo) for one, photo in zip(contents, collection, strict=False) if not photo.hidden]
    at = [
        (one, places().at(photo.metadata.latitude, photo.metadata.longitude))
        for one, photo in seen
        if photo.metadata.latitude is not None and photo.metadata.longitude is not None
    ]
    with catalog.snapshot() as snapshot:
        copies = Contents(snapshot).copied()
        assert len(copies) == sum(number > 1 for number in Counter(contents[: len(collection)]).values())
        more = Items(snapshot).count("image") - Items(snapshot).photographs(copies)
        assert more == len(seen) - len({one for one, _ in seen})
        tallies = Tallies(snapshot, copies)
        for what in ("camera", "lens"):
            devices = [(one, getattr(photo.metadata, what)) for one, photo in seen]
            assert tallies.names(what).each() == counted(each for each in devices if each[1] is not None)
        assert tallies.names("folder").each() == counted((one, os.path.dirname(p.name)) for one, p in seen)
        tops = tallies.names("folder").photographs(lambda path: (path.split("/")[1],))
        assert tops == counted((one, photo.name.split("/")[1]) for one, photo in seen)
        assert tallies.codes("type").each() == counted((one, TYPES[p.metadata.format]) for one, p in seen)
        assert tallies.codes("month").each() == counted((one, dated(photo).month) for one, photo in seen)
        assert tallies.codes("country").each() == counted((one, p.country) for one, p in at if p is not None)
        cities = ((one, p.city) for one, p in at if p is not None and p.city is not None)
        assert tallies.codes("city").each() == counted(cities)
        assert tallies.keywords() == counted((one, word) for one, photo in seen for word in photo.metadata.keywords)
        assert tallies.days().each() == counted((one, day_of(photo)) for one, photo in seen)
        fitting = [(one, photo) for one, photo in seen if holds(criterion, photo)]  # type: ignore[arg-type]
        found = tallies.days(criterion)  # type: ignore[arg-type]
        assert {day: count for day, count in found.each().items() if count} == counted(
            (one, day_of(photo)) for one, photo in fitting
        )
        assert sum(found.photographs(lambda _: ("all",)).values()) == len({one for one, _ in fitting})


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
        assert sum(Tallies(snapshot, ()).days().each().values()) == 2
        assert Tallies(snapshot, ()).keywords() == {"sea": 2}
