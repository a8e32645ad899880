"""Facts follow the rows that they are derived from, whoever changes these; what is wrong is found and made again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from indexer import doctor
from indexer.catalog.catalog import Catalog
from indexer.catalog.facts import Facts
from indexer.catalog.files import FileRecord, Files
from indexer.catalog.items import Items
from indexer.catalog.meta import FACTS, Meta
from indexer.catalog.moves import Moves
from indexer.catalog.photographs import Photographs
from indexer.catalog.schema import device, fact, file, folder
from indexer.catalog.sqlite import file_url
from indexer.places.gazetteer import places
from indexer.types import Candidate, Metadata
from tests.fixtures.catalog_rows import add_content, add_file, new_catalog, path_of

PIXEL = Metadata(30, 20, "HEIF", "2021-06-03T18:20:11+02:00", "Pixel 6", 48.8566, 2.3522, ("a",), ("b",), "50mm")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """Of one photograph, /photos/Été/IMG_1.heic."""
    (tmp_path / "s").mkdir()
    made = new_catalog(tmp_path / "s" / "catalog.sqlite")
    with made.batch() as batch:
        content = add_content(batch, b"1" * 32, "image")
        Photographs(batch).save({content: PIXEL})
        number = add_file(batch, "/photos/Été/IMG_1.heic", "image", [("image", content, None, None)], content)
        batch.write(update(file).values(mtime_ns=16 * 10**17).where(file.c.id == number))
    yield made
    made.close()


def facts(catalog: Catalog) -> list[dict[str, Any]]:
    """What is kept, with names for ids; each is what its rows say."""
    with catalog.snapshot() as snapshot:
        assert Facts(snapshot).wrong() == []
        camera, lens = device.alias(), device.alias()
        columns = (fact, camera.c.text.label("camera"), lens.c.folded.label("lens"), folder.c.path, folder.c.folded)
        statement = select(*columns).join(folder, folder.c.id == fact.c.folder_id)
        statement = statement.join(camera, camera.c.id == fact.c.camera_id, isouter=True)
        statement = statement.join(lens, lens.c.id == fact.c.lens_id, isouter=True)
        return [row._asdict() for row in snapshot.connection.execute(statement.order_by(fact.c.item_id))]


def test_a_fact_says_what_is_known(catalog: Catalog) -> None:
    (found,) = facts(catalog)
    assert found["date"] == 1_622_744_411  # 18:20:11 on the clock that hung there
    assert (found["date_from"], found["month"]) == ("taken", 6)
    assert (found["latitude"], found["longitude"], found["country"]) == (48.8566, 2.3522, "FR")
    city = places().city(found["city"])
    assert city is not None
    assert city.near == "Paris"
    assert found["x"] ** 2 + found["y"] ** 2 + found["z"] ** 2 == pytest.approx(1, abs=1e-12)
    assert (found["camera"], found["lens"]) == ("Pixel 6", "50mm")
    assert (found["path"], found["folded"], found["name"]) == ("/photos/Été", "/photos/ete/", "img_1.heic")
    assert (found["type"], found["size"], found["width"], found["height"]) == ("heic", 1, 30, 20)
    assert (found["captioned"], found["keyworded"]) == (1, 1)


def test_a_fact_follows_its_file_and_its_photograph(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        Moves(batch).move("/photos", "/drive")
    assert [each["path"] for each in facts(catalog)] == ["/drive/Été"]
    with catalog.batch() as batch:
        Photographs(batch).save({1: Metadata(20, 30, "JPEG", camera="X")})
    assert [(each["camera"], each["type"], each["date_from"]) for each in facts(catalog)] == [("X", "jpeg", "file")]
    with catalog.batch() as batch:
        other = add_content(batch, b"2" * 32, "image")
        Photographs(batch).save({other: Metadata(1, 2, "PNG")})
        (number,) = Files(batch).save(
            [FileRecord(Candidate("/drive/Été/IMG_1.heic", 77, 10**18), "image", content_id=other)]
        )
        Items(batch).set_of_files({number: [("image", other, None, None)]})
    (found,) = facts(catalog)
    assert (found["size"], found["type"], found["camera"], found["captioned"]) == (77, "png", None, 0)
    with catalog.batch() as batch:
        Files(batch).forget("/drive")
    assert facts(catalog) == []


def test_all_holders_of_a_photograph_that_is_read_again_follow(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        add_file(batch, "/photos/copy.heic", "image", [("image", 1, None, None)], 1)
    assert len(facts(catalog)) == 2
    with catalog.batch() as batch:
        Photographs(batch).save({1: Metadata(9, 9, "PNG", lens="70-200 mm")})
    assert [each["lens"] for each in facts(catalog)] == ["70-200 mm"] * 2


def test_what_fails_in_the_middle_leaves_facts_as_they_were(catalog: Catalog) -> None:
    before = facts(catalog)
    with pytest.raises(KeyboardInterrupt), catalog.batch() as batch:
        Moves(batch).move("/photos", "/drive")
        raise KeyboardInterrupt
    assert facts(catalog) == before


WRONG = {
    "a date": update(fact).values(date=5),
    "a place": update(fact).values(x=0.5),
    "no camera": update(fact).values(camera_id=None),
    "a camera that is not there": update(fact).values(camera_id=77),
    "another name of the camera": update(device).values(text="Canon").where(device.c.text == "Pixel 6"),
    "another form of a name": update(device).values(folded="canon"),
    "another folder": update(folder).values(path="/elsewhere"),
    "another form of a folder": update(folder).values(folded="/elsewhere/"),
    "a text for a number": text("UPDATE fact SET width = 'x'"),
    "none": fact.delete(),
    "one too many": insert(fact).values(item_id=99, file_id=1, folder_id=1, name="x", size=1, captioned=0, keyworded=0),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_found_and_made_again(catalog: Catalog, wrong: str) -> None:
    before = named(facts(catalog))
    with catalog.batch() as batch:
        batch.write(WRONG[wrong])
    with catalog.batch() as batch:
        found = Facts(batch).wrong()
        assert found == ([99] if wrong == "one too many" else [1])
        Facts(batch).mend(found)
    assert named(facts(catalog)) == before


def test_what_was_lost_is_made_again_by_whoever_writes_next(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        add_file(batch, "/photos/copy.heic", "image", [("image", 1, None, None)], 1)
    before = named(facts(catalog))
    with catalog.batch() as batch:
        assert Facts(batch).lacking() == Facts(batch).lacking(0) == []
        batch.write(fact.delete().where(fact.c.item_id == 1))
        assert Facts(batch).lacking() == Facts(batch).lacking(0) == [1]
    catalog.close()
    made = Catalog.create(catalog.url)
    assert named(facts(made)) == before
    made.close()


def named(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without ids of devices and folders, which may be others when they are made again."""
    return [{key: each[key] for key in each if key not in ("camera_id", "lens_id", "folder_id")} for each in found]


def test_doctor_says_what_is_wrong_and_mends_it(catalog: Catalog) -> None:
    before = named(facts(catalog))
    with catalog.batch() as batch:
        batch.write(WRONG["a text for a number"])
    catalog.close()
    place = path_of(catalog).parent
    found = [finding for finding in doctor.check(place) if finding.part == "facts"]
    assert [(finding.problem, finding.grave) for finding in found] == [
        ("what filters ask of 1 photograph is missing or wrong", True)
    ]
    mended = [finding for finding in doctor.repair(place) if finding.part == "facts"]
    assert [finding.remedy for finding in mended] == ["derived anew"]
    opened = Catalog.open(file_url(place / "catalog.sqlite"))
    assert named(facts(opened)) == before
    opened.close()


def test_other_rules_make_all_anew_for_whoever_writes(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        batch.write(update(fact).values(date=5))
        Meta(batch).set(FACTS, "0")
    catalog.close()
    (finding,) = [each for each in doctor.check(path_of(catalog).parent) if each.part == "facts"]
    assert (finding.grave, finding.remedy) == (False, "`index()` derives it anew")
    made = Catalog.create(catalog.url)
    assert facts(made)[0]["date"] == 1_622_744_411
    made.close()


def test_a_date_of_the_file_itself_is_right_by_the_clocks_of_any_place(catalog: Catalog) -> None:
    with catalog.batch() as batch:
        Photographs(batch).save({1: Metadata(9, 9, "PNG")})
        batch.write(update(file).values(path="/photos/plain.png"))
        batch.restated_files.add(1)
    (found,) = facts(catalog)
    for seconds, wrong in ((14 * 3600, []), (-20_700, []), (-20_701, [1]), (30 * 3600, [1])):
        moved = datetime(1970, 1, 1) + timedelta(seconds=found["date"] + seconds)
        with catalog.batch() as batch:
            batch.write(update(fact).values(date=found["date"] + seconds, month=moved.month))
        with catalog.snapshot() as snapshot:
            assert Facts(snapshot).wrong() == wrong
