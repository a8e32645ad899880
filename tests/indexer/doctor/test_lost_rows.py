"""Whatever lost a row, `check` says so, and after `repair` and the next run every photograph is found again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import search
from indexer import doctor
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.damaged import overwrite, pages_of

COUNT = 120
TABLES = ("meta", "encoder", "root", "exclusion", "content", "vector", "token", "photo", "file", "item")

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


def bring_back(store: Path, photos: Path) -> None:
    """As a person would who follows what is said."""
    with search.open(store, encoder=ColourTokenEncoder()) as library:
        said = [finding.problem for finding in library.repair()]
        assert said
        left = [finding for finding in library.check() if finding.grave]
        assert left == []
        known = [root.path for root in library.status().roots]
        library.index(*([] if known else [photos]))
        if "forgotten" in " ".join(said):
            library.forget(photos / "005.jpg")
        assert library.check() == []


def page_of(table: str, kind: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        pages = pages_of(path, table)[kind]
        overwrite(path, [pages[len(pages) // 2]])

    return damage


@pytest.mark.parametrize("table", TABLES)
def test_an_overwritten_page_of_each_table(whole: Path, store: Path, table: str) -> None:
    before = answers(whole)
    page_of(table, "leaf")(store / "catalog.sqlite")
    assert any(finding.grave for finding in doctor.check(store))
    bring_back(store, whole.parent / "photos")
    assert answers(store) == before
