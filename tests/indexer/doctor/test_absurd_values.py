"""Values that no run writes, with the checksum of whoever wrote them: a query leaves such rows out and says so, `check`
names them, `repair` lets go of them, and the next run brings back what they stood for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import search
from indexer.catalog.bounds import HIGHEST
from indexer.catalog.catalog import Catalog
from indexer.catalog.sqlite import file_url
from indexer.errors import StoreDamagedError, StoreUnwritableError
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.damaged import run

LAST = 2**63 - 1


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store over three photographs that say what they show."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "photos").mkdir()
    for name in ("red", "green", "blue"):
        exif = Image.Exif()
        exif[0x010E] = f"a {name} thing"
        Image.new("RGB", (9, 9), name).save(folder / "photos" / f"{name}.jpg", exif=exif)
    with search.open(folder / "s", encoder=ColourTokenEncoder()) as library:
        library.index(folder / "photos")
    return folder


@pytest.fixture
def photos(kept: Path, tmp_path: Path) -> Iterator[Path]:
    """The photographs, with a store of one's own beside this test."""
    shutil.copytree(kept / "s", tmp_path / "s")
    yield kept / "photos"
    (kept / "photos" / "new.jpg").unlink(missing_ok=True)


def write(folder: Path, *statements: str) -> None:
    run(folder / "s" / "catalog.sqlite", *statements, sums=True)


def opened(folder: Path) -> search.Library:
    return search.open(folder / "s", encoder=ColourTokenEncoder())


def grave(library: search.Library) -> list[str]:
    return [finding.problem for finding in library.check() if finding.grave]


ROWS = {
    "text": "UPDATE item SET text = x'fffe00' WHERE kind = 'text'",
    "about": "UPDATE item SET about = 7 WHERE kind = 'text'",
    "no path": "UPDATE item SET about = x'2f6100' WHERE kind = 'text'",
    "source": "UPDATE file SET path = id",
    "size": "UPDATE file SET size = 'big', mtime_ns = 'x'",
    "width": "UPDATE photo SET width = -5",
    "height": f"UPDATE photo SET height = {LAST}",
    "latitude": "UPDATE photo SET latitude = 1e308",
    "longitude": "UPDATE photo SET longitude = -180.5",
    "taken": "UPDATE photo SET taken_at = 'x'",
    "captions": "UPDATE photo SET captions = '{'",
}


@pytest.mark.parametrize("statement", ROWS.values(), ids=ROWS.keys())
def test_a_query_leaves_out_what_is_wrong(photos: Path, tmp_path: Path, statement: str) -> None:
    write(tmp_path, statement)
    with opened(tmp_path) as library:
        notes, hits = [], []
        for found in (library.query("red", k=9), library.query("red", to="text", k=9)):
            notes += [note for note in found.notes if "damaged" in note and "repair()" in note]
            hits += found.hits
        assert notes
        assert len(hits) in (0, 3)  # all of one kind, or of both, are wrong
        assert grave(library)
        library.repair()
        assert grave(library) == []
        library.index(photos)
        assert grave(library) == []
        assert len(library.query("red", k=9).hits) == len(library.query("red", to="text", k=9).hits) == 3


PATHS = {"exclusion": "INSERT INTO exclusion (path) VALUES (x'')", "root": "UPDATE root SET path = x'2f610062'"}


@pytest.mark.parametrize("statement", PATHS.values(), ids=PATHS.keys())
def test_what_can_be_no_path_is_no_row(photos: Path, tmp_path: Path, statement: str) -> None:
    write(tmp_path, statement)
    with opened(tmp_path) as library:
        assert len(grave(library)) == 1
        library.repair()
        assert grave(library) == []
        library.index(photos)
        assert [root.path for root in library.status().roots] == [str(photos)]


ENDS = {
    "sequences": f"UPDATE sqlite_sequence SET seq = {LAST}",
    "item": f"UPDATE item SET id = {LAST} WHERE id = 1",
    "nearly the last item": f"UPDATE item SET id = {HIGHEST - 1} WHERE id = 1",
    "file": "INSERT INTO file (id, path, size, mtime_ns, role, state) "
    f"VALUES ({LAST}, x'2f78', 1, 1, 'other', 'present')",
    "generation": f"UPDATE meta SET value = '{LAST}' WHERE key = 'generation'",
    "last generation": f"UPDATE meta SET value = '{HIGHEST - 1}' WHERE key = 'generation'",
    "generation of an item": f"UPDATE item SET generation = {LAST} WHERE id = 1",
    "high generation of an item": f"UPDATE item SET generation = {HIGHEST - 1} WHERE id = 1",
    "tombstone": f"INSERT INTO tombstone VALUES (99, 'image', {LAST})",
    "buried": f"UPDATE meta SET value = '{LAST}' WHERE key LIKE 'buried:%'",
}


@pytest.mark.parametrize("statement", ENDS.values(), ids=ENDS.keys())
def test_where_numbers_end_a_repair_lets_them_go_on(photos: Path, tmp_path: Path, statement: str) -> None:
    """Also the next but one run: what comes new is not at the end again."""
    write(tmp_path, "INSERT OR IGNORE INTO meta (key, value) VALUES ('buried:image', '1')", statement)
    with opened(tmp_path) as library:
        if f"id = {HIGHEST - 1}" not in statement:  # which leaves room for none, and is not yet wrong
            assert grave(library)
        library.repair()
        for colour in ("yellow", "black"):
            Image.new("RGB", (9, 9), colour).save(photos / "new.jpg")
            report = library.index(photos)
            assert report.failures == []
            if grave(library):  # one id was left
                library.repair()
                library.index(photos)
            assert grave(library) == []
            assert len(library.query(colour, k=9).hits) == 4
        assert library.forget(photos / "new.jpg").files == 1


def test_ids_at_their_end_are_no_full_disk(photos: Path, tmp_path: Path) -> None:
    write(tmp_path, f"UPDATE sqlite_sequence SET seq = {LAST}")
    Image.new("RGB", (9, 9), "yellow").save(photos / "new.jpg")
    with opened(tmp_path) as library, pytest.raises(StoreDamagedError, match=r"ids are at their end.*repair"):
        library.index(photos)


@pytest.mark.usefixtures("photos")
def test_a_full_disk_is_one(tmp_path: Path) -> None:
    """`max_page_count` is SQLite's own way to fill one."""
    catalog = Catalog.open(file_url(tmp_path / "s" / "catalog.sqlite"))
    with pytest.raises(StoreUnwritableError, match="full"), catalog.batch() as batch:
        batch.connection.exec_driver_sql("PRAGMA max_page_count = 1")  # as many as there are
        batch.connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('x', zeroblob(10000000))")
    catalog.close()


def test_a_generation_at_its_end_is_said(photos: Path, tmp_path: Path) -> None:
    write(tmp_path, f"UPDATE meta SET value = '{LAST}' WHERE key = 'generation'")
    Image.new("RGB", (9, 9), "yellow").save(photos / "new.jpg")
    with opened(tmp_path) as library:
        with pytest.raises(StoreDamagedError, match=r"generation.*repair"):
            library.index(photos)
        with pytest.raises(StoreDamagedError, match=r"generation.*repair"):
            library.forget(photos / "red.jpg")
