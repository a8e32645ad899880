"""What Takeout's JSON says reaches its photograph, whichever comes first, changes, goes or comes back."""

from __future__ import annotations

import json
import os
import sqlite3
import unicodedata
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from indexer.catalog.facts import Facts
from indexer.catalog.schema import fact, file
from indexer.pipeline.forget import forget
from indexer.settings import IndexSettings
from indexer.store import Store
from tests.indexer.pipeline.test_run import BLUE, RED, Bench

EARLY, LATE = "1262304000", "1620123456"  # 2010-01-01 00:00:00 and 2021-05-04 10:17:36 UTC
PARIS = {"latitude": 48.8584, "longitude": 2.2945}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "photos.search")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    _shoot(folder / "DSC_1.jpg", RED)
    return folder


def _shoot(path: Path, colour: tuple[int, int, int]) -> None:
    Image.new("RGB", (16, 12), colour).save(path)
    os.utime(path, (1_500_000_000, 1_500_000_000))


def _tell(path: Path, timestamp: str = LATE, *, place: dict[str, float] | None = None, description: str = "") -> None:
    fields = {"title": path.name, "description": description, "photoTakenTime": {"timestamp": timestamp}}
    path.write_text(json.dumps(fields | ({} if place is None else {"geoData": place})))


def _facts(bench: Bench) -> dict[str, tuple[Any, ...]]:
    """By the names of the photographs: where the date is from, its year, the latitude, the country."""
    store = Store.open(bench.folder)
    try:
        with store.catalog.snapshot() as snapshot:
            assert Facts(snapshot).wrong() == []
            columns = (file.c.path, fact.c.date_from, fact.c.date, fact.c.latitude, fact.c.country)
            rows = snapshot.connection.execute(select(*columns).join(file, file.c.id == fact.c.file_id)).all()
    finally:
        store.close()
    return {os.path.basename(path): (source, 1970 + date // 31_556_952, *place) for path, source, date, *place in rows}


ITS_OWN = ("file", 2017, None, None)
TOLD = ("sidecar", 2021, None, None)


def test_it_tells_date_place_and_caption(bench: Bench, photos: Path) -> None:
    _tell(photos / "DSC_1.jpg.json", place=PARIS, description="On the tower")
    report = bench.run(photos)
    assert (report.encoded, report.sidecars, report.caption_files, report.ignored) == (1, 1, 0, 0)
    assert _facts(bench) == {"DSC_1.jpg": ("sidecar", 2021, 48.8584, "FR")}
    assert bench.texts() == {(str(photos / "DSC_1.jpg"), "On the tower")}
    again = bench.run(photos)
    assert (again.unchanged, again.sidecars) == (2, 0)


def test_it_comes_later_changes_goes_and_is_back(bench: Bench, photos: Path) -> None:
    told = photos / "DSC_1.jpg.supplemental-metadata.json"
    bench.run(photos)
    assert _facts(bench) == {"DSC_1.jpg": ITS_OWN}
    _tell(told)
    assert bench.run(photos).sidecars == 1
    assert _facts(bench) == {"DSC_1.jpg": TOLD}
    _tell(told, EARLY, place=PARIS)
    assert bench.run(photos).sidecars == 1
    assert _facts(bench) == {"DSC_1.jpg": ("sidecar", 2010, 48.8584, "FR")}
    told.rename(photos.parent / "aside")
    bench.run(photos)
    assert _facts(bench) == {"DSC_1.jpg": ITS_OWN}
    (photos.parent / "aside").rename(told)
    bench.run(photos)
    assert _facts(bench) == {"DSC_1.jpg": ("sidecar", 2010, 48.8584, "FR")}
    told.write_text("{}")
    bench.run(photos)
    assert _facts(bench) == {"DSC_1.jpg": ITS_OWN}


def test_the_words_of_its_place_come_and_go_with_it(bench: Bench, photos: Path) -> None:
    told = photos / "DSC_1.jpg.json"
    bench.run(photos)
    assert _place_words(bench) == {""}
    _tell(told, place=PARIS)
    bench.run(photos)
    (words,) = _place_words(bench)
    assert {"paris", "france"} <= set(words.split())
    told.unlink()
    bench.run(photos)
    assert _place_words(bench) == {""}


def _place_words(bench: Bench) -> set[str]:
    with closing(sqlite3.connect(bench.folder / "catalog.sqlite")) as connection:
        return {place for (place,) in connection.execute("SELECT place FROM word")}


def test_it_is_there_before_its_photograph(bench: Bench, photos: Path) -> None:
    told = photos / "DSC_2.jpg.json"
    _tell(told)
    assert bench.run(photos).ignored == 1
    _shoot(photos / "DSC_2.jpg", BLUE)
    assert bench.run(photos).sidecars == 1
    assert _facts(bench) == {"DSC_1.jpg": ITS_OWN, "DSC_2.jpg": TOLD}


def test_a_name_that_is_cut_sorts_before_its_photograph(bench: Bench, photos: Path) -> None:
    stem = "DSC_with_a_very_long_name_that_takeout_cuts_at"
    assert len(stem) == 46
    _shoot(photos / f"{stem}_.jpg", BLUE)
    _tell(photos / f"{stem}.json")
    bench.run(photos)
    assert _facts(bench) == {"DSC_1.jpg": ITS_OWN, f"{stem}_.jpg": TOLD}


def test_copies_of_one_content_have_each_their_own(bench: Bench, photos: Path) -> None:
    _shoot(photos / "DSC_1(1).jpg", RED)
    _tell(photos / "DSC_1.jpg.json", EARLY)
    _tell(photos / "DSC_1.jpg(1).json", LATE)
    bench.run(photos)
    assert _facts(bench) == {"DSC_1.jpg": ("sidecar", 2010, None, None), "DSC_1(1).jpg": TOLD}


def test_it_is_about_the_edited_forms_of_its_photograph_too(bench: Bench, photos: Path) -> None:
    told = photos / "DSC_1.jpg.supplemental-metadata.json"
    bench.run(photos)
    for at, name in enumerate(("DSC_1-edited.jpg", "DSC_1-bearbeitet.jpg", "DSC_1-edited(1).jpg")):
        _shoot(photos / name, (at, 9, 200))
    _tell(told, place=PARIS)
    assert bench.run(photos).failures == []
    paris = ("sidecar", 2021, 48.8584, "FR")
    both = {"DSC_1.jpg": paris, "DSC_1-edited.jpg": paris, "DSC_1-bearbeitet.jpg": paris}
    assert _facts(bench) == {**both, "DSC_1-edited(1).jpg": ITS_OWN}  # of DSC_1(1).jpg
    _tell(told, EARLY)
    bench.run(photos)
    assert _facts(bench)["DSC_1-edited.jpg"] == ("sidecar", 2010, None, None)
    own = photos / "DSC_1-edited.jpg.json"
    _tell(own)
    bench.run(photos)
    assert _facts(bench)["DSC_1-edited.jpg"] == TOLD
    own.unlink()
    (photos / "DSC_1-bearbeitet.jpg").rename(photos / "DSC_1-modifié.jpg")
    bench.run(photos)
    early = ("sidecar", 2010, None, None)
    assert {_facts(bench)[name] for name in ("DSC_1-edited.jpg", "DSC_1-modifié.jpg")} == {early}
    told.unlink()
    bench.run(photos)
    assert set(_facts(bench).values()) == {ITS_OWN}


@pytest.mark.parametrize(
    ("original", "edited"),
    [
        ("H.png", "H-edited.jpg"),
        ("H.jpg", "H-edited.JPG"),
        ("H(1).PNG", "H-effects(1).jpg"),
        (unicodedata.normalize("NFD", "café.jpg"), unicodedata.normalize("NFC", "café-edited.jpg")),
        (unicodedata.normalize("NFC", "café.png"), unicodedata.normalize("NFD", "café-modifié.jpg")),
    ],
)
def test_an_edited_form_may_be_spelled_otherwise(bench: Bench, photos: Path, original: str, edited: str) -> None:
    """Whichever comes first: the JSON, or the edited form."""
    _shoot(photos / original, BLUE)
    told = photos / f"{original}.json"
    for first, then in ((edited, told.name), (told.name, edited)):
        for name in (first, then):
            if name == edited:
                _shoot(photos / edited, (9, 9, 200))
            else:
                _tell(told, place=PARIS)
            bench.run(photos)
        paris = ("sidecar", 2021, 48.8584, "FR")
        assert _facts(bench) == {"DSC_1.jpg": ITS_OWN, original: paris, edited: paris}
        told.unlink()
        bench.run(photos)
        assert _facts(bench) == {"DSC_1.jpg": ITS_OWN, original: ITS_OWN, edited: ITS_OWN}
        (photos / edited).unlink()
        bench.run(photos)


def test_an_edited_form_has_that_of_its_suffix_and_of_several_others_none(bench: Bench, photos: Path) -> None:
    for at, (name, when) in enumerate((("H.png", EARLY), ("H.tif", LATE))):
        _shoot(photos / name, (at, 99, 9))
        _tell(photos / f"{name}.json", when)
        if at == 0:
            _shoot(photos / "H-edited.jpg", RED)
            bench.run(photos)
            assert _facts(bench)["H-edited.jpg"] == ("sidecar", 2010, None, None)
    bench.run(photos)
    assert _facts(bench)["H-edited.jpg"] == ITS_OWN  # of either
    _shoot(photos / "H.JPG", BLUE)
    _tell(photos / "H.JPG.json", LATE)
    bench.run(photos)
    assert _facts(bench)["H-edited.jpg"] == TOLD


def test_an_edited_form_loses_it_with_its_photograph(bench: Bench, photos: Path) -> None:
    _shoot(photos / "DSC_1-edited.jpg", BLUE)
    _tell(photos / "DSC_1.jpg.json")
    bench.run(photos)
    assert _facts(bench) == {"DSC_1.jpg": TOLD, "DSC_1-edited.jpg": TOLD}
    photos.rename(photos.parent / "moved")
    photos = photos.parent / "moved"
    bench.run(photos)
    assert _facts(bench) == {"DSC_1.jpg": TOLD, "DSC_1-edited.jpg": TOLD}
    _forget(bench, photos / "DSC_1.jpg")
    assert _facts(bench) == {"DSC_1-edited.jpg": ITS_OWN}


def test_a_pattern_leaves_it_out(bench: Bench, photos: Path) -> None:
    _tell(photos / "DSC_1.jpg.json")
    bench.run(photos)
    bench.run(photos, settings=IndexSettings(ignores=("*.json",)))
    assert _facts(bench) == {"DSC_1.jpg": ITS_OWN}


def test_it_follows_a_folder_that_is_moved(bench: Bench, photos: Path) -> None:
    _tell(photos / "DSC_1.jpg.json")
    bench.run(photos)
    photos.rename(photos.parent / "moved")
    bench.run(photos.parent / "moved")
    assert _facts(bench) == {"DSC_1.jpg": TOLD}
    assert _about(bench) == {str(photos.parent / "moved" / "DSC_1.jpg")}


def test_a_photograph_that_is_forgotten_takes_it_along(bench: Bench, photos: Path) -> None:
    _shoot(photos / "DSC_2.jpg", BLUE)
    told = photos / "DSC_1.jpg.json"
    _tell(told, place=PARIS, description="Secret")
    bench.run(photos)
    _forget(bench, photos / "DSC_1.jpg")
    assert (_facts(bench), _about(bench), bench.texts()) == ({"DSC_2.jpg": ITS_OWN}, set(), set())
    assert b"48.8584" not in (bench.folder / "catalog.sqlite").read_bytes()
    _tell(told, EARLY, place=PARIS, description="Secret still")
    bench.run(photos)
    assert (_facts(bench), _about(bench), bench.texts()) == ({"DSC_2.jpg": ITS_OWN}, set(), set())
    bench.run(photos / "DSC_1.jpg")
    assert _facts(bench) == {"DSC_1.jpg": ("sidecar", 2010, 48.8584, "FR"), "DSC_2.jpg": ITS_OWN}


def test_it_is_forgotten_itself(bench: Bench, photos: Path) -> None:
    told = photos / "DSC_1.jpg.json"
    _tell(told)
    bench.run(photos)
    _forget(bench, told)
    assert _facts(bench) == {"DSC_1.jpg": ITS_OWN}
    assert bench.run(photos).sidecars == 0
    assert _facts(bench) == {"DSC_1.jpg": ITS_OWN}


def test_other_json_is_counted_as_what_it_is(bench: Bench, photos: Path) -> None:
    (photos / "DSC_1.jpg.json").write_text('{"label": "dog"}')
    (photos / "metadata.json").write_text("{")
    report = bench.run(photos)
    assert (report.sidecars, report.ignored, report.left_out, report.failures) == (0, 2, {".json": 2}, [])
    assert bench.run(photos).unchanged == 3


def test_broken_json_beside_a_photograph_is_a_failure_that_names_it(bench: Bench, photos: Path) -> None:
    told = photos / "DSC_1.jpg.json"
    _tell(told)
    bench.run(photos)
    told.write_text(told.read_text()[:-9])
    report = bench.run(photos)
    assert [(failure.path, failure.reason[:17]) for failure in report.failures] == [(str(told), "it is broken JSON")]
    assert _facts(bench) == {"DSC_1.jpg": ITS_OWN}
    again = bench.run(photos)
    assert (again.failures, again.known_failures, again.unchanged) == ([], 1, 1)
    _tell(told)
    assert bench.run(photos).sidecars == 1
    assert _facts(bench) == {"DSC_1.jpg": TOLD}


def _forget(bench: Bench, path: Path) -> None:
    store = Store.open(bench.folder)
    try:
        with store.writing():
            forget(store.catalog, str(path))
    finally:
        store.close()


def _about(bench: Bench) -> set[str]:
    store = Store.open(bench.folder)
    try:
        with store.catalog.snapshot() as snapshot:
            return set(snapshot.connection.execute(select(file.c.about).where(file.c.about.is_not(None))).scalars())
    finally:
        store.close()
