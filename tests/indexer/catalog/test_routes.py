"""By which index filters go: the one that leaves the fewest rows, as the database's own plans say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from indexer.catalog.catalog import Catalog
from indexer.catalog.criteria import (
    Below,
    BelowNamed,
    Both,
    Criterion,
    Dated,
    Either,
    InCountry,
    InCycle,
    MadeWith,
    Named,
    NameMatches,
    No,
    OfId,
    OfType,
    PathMatches,
    Says,
    Within,
)
from indexer.catalog.derivation import Position
from indexer.catalog.schema import device, fact, file, folder
from indexer.catalog.selection import Selection
from indexer.catalog.transaction import Transaction
from tests.fixtures.catalog_rows import new_catalog

COUNT = 4_000
DAY = 86_400


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """Of 4,000 photographs, one a day; every second with one camera, one in a hundred with another; a folder each ten;
    every fourth in Paris, one in 400 in Lisbon."""
    made = new_catalog(tmp_path_factory.mktemp("routes") / "catalog.sqlite")
    rows = []
    for number in range(1, COUNT + 1):
        place = (38.72, -9.14, "PT") if number % 400 == 1 else (48.85, 2.35, "FR") if number % 4 == 0 else None
        at = None if place is None else Position.at(*place[:2])
        rows.append(
            {"item_id": number, "file_id": number, "date": number * DAY + 5, "date_from": "taken", "month": 1,
             "latitude": at and at.latitude, "longitude": at and at.longitude, "x": at and at.x, "y": at and at.y,
             "z": at and at.z, "country": place and place[2], "folder_id": 1 + number // 10, "size": number,
             "camera_id": 1 if number % 2 else 2 if number % 100 == 0 else None, "name": f"img_{number:06}.jpg",
             "type": "jpeg", "width": 4, "height": 3, "captioned": 0, "keyworded": 0}
        )  # fmt: skip
    folders = [{"id": 1 + at, "path": f"/p/f{at}", "folded": f"/p/f{at}/"} for at in range(COUNT // 10 + 1)]
    present = {"size": 1, "mtime_ns": 1, "role": "image", "state": "present"}
    files = [{"id": row["item_id"], "path": f"/p/{row['name']}", **present} for row in rows]
    with made.batch() as batch:
        batch.write(insert(device), [{"id": 1, "text": "A", "folded": "a"}, {"id": 2, "text": "B", "folded": "b"}])
        batch.write(insert(folder), folders)
        batch.write(insert(file), files)
        batch.write(insert(fact), rows)
    yield made
    made.close()


def explained(snapshot: Transaction, criterion: Criterion) -> tuple[str, list[int]]:
    """How the database looks ids up, its first step, and these."""
    told: list[str] = []

    def explain(connection: Connection, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "json_group_array" in statement:
            steps = [str(row[3]) for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            told.append(next(step for step in steps if "fact" in step or "MULTI" in step))

    event.listen(snapshot.connection, "before_cursor_execute", explain)
    ids = Selection(snapshot).ids(criterion, "image")
    event.remove(snapshot.connection, "before_cursor_execute", explain)
    (first,) = told
    return first, sorted(ids.tolist())


IN_MARCH = Dated(59 * DAY, 90 * DAY)
WAYS: dict[str, tuple[Criterion, str, int]] = {
    "dates": (IN_MARCH, "fact_date (date>? AND date<?)", 31),
    "two ends": (Both((Dated(59 * DAY, None), Dated(None, 90 * DAY))), "fact_date (date>? AND date<?)", 31),
    "a camera": (MadeWith("camera", "b"), "fact_camera (camera_id=?)", 40),
    "many of a camera": (Both((MadeWith("camera", "a"), Dated(DAY * 2_000, None))),
                         "fact_camera (camera_id=? AND date>?)", 1_000),
    "a folder": (Both((MadeWith("camera", "a"), Dated(0, None), BelowNamed("f7"))), "fact_folder (folder_id=?)", 5),
    "a folder by its path": (Both((Dated(0, None), Below("/p/f7"))), "fact_folder (folder_id=?)", 10),
    "a pattern": (Both((OfType("jpeg"), PathMatches("f7/*5.jpg"))), "fact_folder (folder_id=?)", 1),
    "a place": (Both((Dated(0, None), Within(38.7, -9.1, 20), MadeWith("camera", "a"))),
                "fact_place (latitude>? AND latitude<?)", 10),
    "a country": (Both((Dated(0, None), InCountry("PT"))), "fact_country (country=?)", 10),
    "one of two": (Either((InCountry("PT"), BelowNamed("f7"))), "MULTI-INDEX OR", 20),
    "a name": (Both((IN_MARCH, Named("000077"))), "INTEGER PRIMARY KEY (rowid=?)", 1),
    "a pattern of names": (NameMatches("*0077.j?g"), "INTEGER PRIMARY KEY (rowid=?)", 1),
    "an id": (Both((IN_MARCH, OfId(77))), "INTEGER PRIMARY KEY (rowid=?)", 1),
    "words": (Both((IN_MARCH, Says.in_texts("zebra"))), "INTEGER PRIMARY KEY (rowid=?)", 0),
    "nothing that is indexed": (InCycle("weekday", 1, 1), "SCAN fact USING INDEX fact_date", 571),
    "all but": (Both((No(InCountry("FR")), No(BelowNamed("p")))), "SCAN fact USING INDEX fact_date", 0),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_the_narrowest_index_is_gone_by(catalog: Catalog, way: str) -> None:
    criterion, index, count = WAYS[way]
    with catalog.snapshot() as snapshot:
        step, ids = explained(snapshot, criterion)
    assert index in step.replace("COVERING ", "")
    assert len(ids) == count


def test_a_sample_tells_what_share_fits(catalog: Catalog) -> None:
    with catalog.snapshot() as snapshot:
        selection = Selection(snapshot)
        half = selection.plan(MadeWith("camera", "a"), "image")
        assert half.share == pytest.approx(0.5, abs=0.05)
        assert half.rows == pytest.approx(COUNT / 2, rel=0.1)
        assert half.cost == pytest.approx(COUNT / 20, rel=0.1)  # within the index
        every = selection.plan(InCycle("weekday", 1, 7), "image")
        assert (every.route, every.rows, every.share) == (None, COUNT, 1.0)
        named = selection.plan(Named("000077"), "image")
        assert (named.rows < 20, named.share) == (True, 0.0)  # those whose names hold the same parts


def test_of_several_that_are_to_fit_each_is_told(catalog: Catalog) -> None:
    tests = [IN_MARCH, OfType("png"), OfId(9), OfId(COUNT + 1), Named("003999"), InCountry("PT"), InCountry("XX")]
    with catalog.snapshot() as snapshot:
        found = Selection(snapshot).fit(tests, "image")
        assert found == [True, False, True, False, True, True, False]
        assert Selection(snapshot).fit(tests, "text") == [False] * len(tests)
