"""Whatever lost a row, `check` says so, and after `repair` and the next run every photograph is found again."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

import search
from indexer import doctor
from indexer.errors import PathNotFoundError
from indexer.types import Report
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.damage import pages
from tests.fixtures.damaged import PAGE, run

COUNT = 120

Answers = dict[str, list[object]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store over photographs of many colours with texts in them, beside them and in a table; one is forgotten, one is
    gone. Not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    photos = folder / "photos"
    photos.mkdir()
    for number in range(COUNT):
        exif = Image.Exif()
        exif[0x010E] = f"a red thing, number {number}"
        picture = Image.new("RGB", (9, 9), (255 - 2 * number, 2 * number, number))
        picture.save(photos / f"{number:03}.jpg", exif=exif)
    rows = [{"image": f"{number:03}.jpg", "caption": f"green {number}"} for number in range(0, COUNT, 2)]
    (photos / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (photos / "001.txt").write_text("a blue thing")
    with search.open(folder / "s", encoder=ColourTokenEncoder()) as library:
        library.index(photos)
        library.forget(photos / "005.jpg")
        (photos / "007.jpg").unlink()
        library.index()
    assert doctor.check(folder / "s") == []
    return folder / "s"


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "s"))


@pytest.fixture(scope="module")
def before(whole: Path) -> Answers:
    return answers(whole)


def answers(store: Path) -> Answers:
    """Everything that is found, with its score."""
    with search.open(store, encoder=ColourTokenEncoder()) as library:
        return {
            to: sorted(
                (hit.path, hit.text or "", round(hit.score, 5), str(hit.metadata))
                for hit in library.query("red", k=1_000, to=to, rerank=0)
            )
            for to in ("image", "text")
        }


def bring_back(store: Path, photos: Path) -> Report:
    """As a person would who follows what is said."""
    with search.open(store, encoder=ColourTokenEncoder()) as library:
        said = " ".join(finding.problem for finding in library.repair())
        assert [finding for finding in library.check() if finding.grave] == []
        known = [root.path for root in library.status().roots]
        assert known or re.search("folders? of the index", said)
        report = library.index(*([] if known else [photos]))
        if "forgotten path" in said:
            with suppress(PathNotFoundError):  # it may have been saved all the same
                library.forget(photos / "005.jpg")
        assert library.check() == []
        return report


# -- pages: the damage suite overwrites one of every table (tests/e2e/test_damage.py) -----------------------


def zeroed(data: bytearray, tables: Mapping[str, list[int]]) -> None:
    """A page that says which other ones hold the photographs."""
    start = (tables["item"][0] - 1) * PAGE
    data[start : start + PAGE] = bytes(PAGE)


def swapped(data: bytearray, tables: Mapping[str, list[int]]) -> None:
    """Two pages of two tables, each whole."""
    one, other = ((tables[name][-1] - 1) * PAGE for name in ("item", "file"))
    data[one : one + PAGE], data[other : other + PAGE] = data[other : other + PAGE], data[one : one + PAGE]


def doubled(data: bytearray, tables: Mapping[str, list[int]]) -> None:
    """A page that stands in the place of another of the same table."""
    one, other = ((page - 1) * PAGE for page in tables["item"][1:3])
    data[one : one + PAGE] = data[other : other + PAGE]


def without_beginning(data: bytearray, tables: Mapping[str, list[int]]) -> None:
    data[:PAGE] = b"\xa5" * PAGE


def cut_off(data: bytearray, tables: Mapping[str, list[int]]) -> None:
    del data[len(data) // 2 :]


def emptied(data: bytearray, tables: Mapping[str, list[int]]) -> None:
    data.clear()


@pytest.mark.parametrize("damage", [zeroed, swapped, doubled, without_beginning, cut_off, emptied])
def test_damaged_pages(whole: Path, before: Answers, store: Path, damage: Callable[..., None]) -> None:
    path = store / "catalog.sqlite"
    tables, data = pages(path), bytearray(path.read_bytes())
    damage(data, tables)
    path.write_bytes(data)
    assert any(finding.grave for finding in doctor.check(store))
    report = bring_back(store, whole.parent / "photos")
    assert answers(store) == before
    if damage in (zeroed, swapped, without_beginning):  # embeddings are hours of work
        assert report.encoded == 0


# -- rows ---------------------------------------------------------------------------------------------------

PHOTO = "(SELECT content_id FROM file WHERE id = 20)"
#: What a disk did to one row of each table, and whether its photograph has to be encoded again.
ROWS = [
    ("item", "text = 'another'", "kind = 'text' AND file_id = 20", False),
    ("item", "content_id = 1", "kind = 'image' AND file_id = 20", False),
    ("content", "digest = x'00'", f"id = {PHOTO}", False),
    ("content", "kind = 'text'", f"id = {PHOTO}", False),
    ("file", "path = x'2f61'", "id = 20", False),
    ("file", "content_id = NULL", "id = 20", False),
    ("photo", "camera = 'another'", f"content_id = {PHOTO}", False),
    ("photo", "captions = '['", f"content_id = {PHOTO}", False),
    ("encoder", "identity = '{}'", "1", False),
    ("meta", "value = '0'", "key = 'generation'", False),
    ("meta", "value = '7'", "key = 'encoder'", False),
    ("root", "ignores = 'x'", "1", False),
    ("exclusion", "path = x'2f61'", "1", True),
]


@pytest.mark.parametrize(("table", "change", "which", "encoded"), ROWS, ids=[f"{row[0]} {row[1]}" for row in ROWS])
def test_damaged_rows(
    whole: Path, before: Answers, store: Path, table: str, change: str, which: str, encoded: bool
) -> None:
    run(store / "catalog.sqlite", f"UPDATE {table} SET {change} WHERE {which}")
    assert any(finding.grave for finding in doctor.check(store))
    report = bring_back(store, whole.parent / "photos")
    assert bool(report.encoded) == encoded
    assert answers(store) == before
    assert not list(store.glob("catalog.sqlite.damaged-*"))  # mended where it lies


#: What is missing without a trace: (statement, what is said).
LOST = [
    ("DELETE FROM item WHERE kind = 'image' AND id % 3 = 0", "photographs are known and cannot be found"),
    ("DELETE FROM item WHERE kind = 'text' AND id % 3 = 0", "something is missing that they gave"),
    ("DELETE FROM photo WHERE content_id % 3 = 0", "to be read again"),
    ("DELETE FROM vector WHERE content_id % 3 = 0", "have no embedding"),
    ("DELETE FROM token WHERE content_id % 3 = 0", "have no tokens"),
    ("DELETE FROM root", "lie below no folder of this index"),
    ("DELETE FROM meta WHERE key = 'encoder'", "values of the whole store are missing"),
    ("DELETE FROM meta WHERE key = 'generation'", "values of the whole store are missing"),
    ("UPDATE meta SET value = '3' WHERE key = 'items:image'", "totals are wrong"),
    ("UPDATE file SET content_id = 3, digest = zeroblob(32) WHERE id = 20", "taken for other ones"),
]


@pytest.mark.parametrize(("statement", "said"), LOST, ids=[each[0] for each in LOST])
def test_rows_that_are_missing(whole: Path, before: Answers, store: Path, statement: str, said: str) -> None:
    run(store / "catalog.sqlite", statement, sums=True)
    assert said in "; ".join(finding.problem for finding in doctor.check(store))
    with search.open(store, encoder=ColourTokenEncoder()) as library:
        library.repair()
        assert [finding for finding in library.check() if finding.grave] == []
        library.index(whole.parent / "photos")
        assert library.check() == []
    assert answers(store) == before


def test_what_is_to_be_read_again_is_said_and_kept_while_the_disk_is_away(
    before: Answers, whole: Path, store: Path
) -> None:
    run(store / "catalog.sqlite", "DELETE FROM item WHERE kind = 'text'", sums=True)
    photos, away = whole.parent / "photos", whole.parent / "away"
    doctor.repair(store)
    waiting = [finding for finding in doctor.check(store) if "to be read again" in finding.problem]
    photos.rename(away)
    try:
        with search.open(store, encoder=ColourTokenEncoder()) as library:
            library.index()  # says that the folder is gone
    finally:
        away.rename(photos)
    assert [finding.remedy for finding in waiting] == ["`index()` reads them"]
    with search.open(store, encoder=ColourTokenEncoder()) as library:
        library.index()
        assert library.check() == []
    assert answers(store) == before
