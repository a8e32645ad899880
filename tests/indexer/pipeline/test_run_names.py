"""Names in Unicode's two forms: what is written one way finds what lies there in the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexer.errors import PathNotFoundError
from indexer.pipeline.choose import named_paths
from indexer.pipeline.forget import forget
from indexer.store import Store
from search.query.query import image_query
from tests.indexer.pipeline.test_run import GREEN, RED, Bench, paint

NFC, NFD = "Caf\u00e9", "Cafe\u0301"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "photos.search")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """As macOS or an archive left it: names in NFD."""
    folder = tmp_path / f"{NFD} 2023"
    paint(folder / f"{NFD}.jpg", RED)
    paint(folder / NFD / "green.jpg", GREEN)
    return folder


def test_captions_written_in_the_other_form_find_their_photographs(bench: Bench, photos: Path) -> None:
    rows = [{"image": f"{NFC}.jpg", "caption": "a red field"}, {"image": f"{NFC}/green.jpg", "caption": "a meadow"}]
    rows.append({"image": f"{NFC}/gone.jpg", "caption": "nobody knows"})
    (photos / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (photos / f"{NFC}.txt").write_text("said beside it")
    report = bench.run(photos)
    about = str(photos / f"{NFD}.jpg")
    assert bench.texts() == {
        (about, "a red field"),
        (about, "said beside it"),
        (str(photos / NFD / "green.jpg"), "a meadow"),
        (str(photos / "captions.jsonl"), "nobody knows"),
    }
    assert report.warnings == [
        f"captions.jsonl: 1 row names an image that is not there, or not below {photos} (line 3: {NFC}/gone.jpg)"
    ]


def test_a_table_that_was_there_first_finds_its_photographs_when_they_come(bench: Bench, photos: Path) -> None:
    table = photos / "captions.jsonl"
    rows = [{"image": f"late/{name}.jpg", "caption": name} for name in ("one", "two")]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert len(bench.run(photos).warnings) == 1
    assert bench.texts() == {(str(table), "one"), (str(table), "two")}
    paint(photos / "late" / "one.jpg", GREEN, (40, 40))
    report = bench.run(photos)
    assert (report.encoded, report.unchanged, report.caption_files, report.texts, report.warnings) == (1, 3, 0, 0, [])
    assert bench.texts() == {(str(photos / "late" / "one.jpg"), "one"), (str(table), "two")}
    generation = bench.generation()
    assert bench.run(photos).unchanged == 4
    assert bench.generation() == generation
    paint(photos / "late" / "two.jpg", RED, (50, 50))
    bench.run(photos / "late")  # a part of the folder
    assert bench.texts() == {(str(photos / "late" / f"{name}.jpg"), name) for name in ("one", "two")}


def test_a_root_whose_name_the_disk_does_not_tell_from_another_is_known(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "Photos"
    paint(folder / "red.png", RED)
    (tmp_path / "photos").symlink_to(folder)  # as on a disk that passes over letter case
    bench.run(folder)
    before = bench.visible()
    assert bench.run(tmp_path / "photos").unchanged == 1
    assert bench.visible() == before
    (tmp_path / "pictures").symlink_to(folder)  # another name is another folder
    assert bench.run(tmp_path / "pictures").reused == 1


def test_paths_that_people_name_in_the_other_form(bench: Bench, photos: Path) -> None:
    other = photos.parent / f"{NFC} 2023"
    assert named_paths([other, photos]) == [str(photos)]
    assert image_query(str(other / f"{NFC}.jpg")).image == str(photos / f"{NFD}.jpg")
    with pytest.raises(PathNotFoundError):
        named_paths([photos / f"{NFC}s"])
    bench.run(photos)
    store = Store.create(bench.folder)
    try:  # the files are gone: only the catalog knows how they were called
        (photos / NFD / "green.jpg").unlink()
        (photos / NFD).rmdir()
        assert forget(store.catalog, str(photos / NFC)).files == 1
        assert forget(store.catalog, str(other)).files == 1
        with pytest.raises(PathNotFoundError):
            forget(store.catalog, str(other))
    finally:
        store.close()
