"""What was said about photographs that are renamed, moved or deleted is never lost without a word."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from indexer.catalog.items import Items
from indexer.catalog.meta import TEXTS_OF_GONE, Meta
from indexer.pipeline.forget import forget, forget_vanished
from indexer.store import Store
from tests.indexer.pipeline.test_run import BLUE, GREEN, RED, Bench, paint

ALL = {"a kangaroo", "a walrus"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "photos.search")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    paint(folder / "a.png", RED)
    paint(folder / "b.png", GREEN)
    return folder


def _write(table: Path, rows: dict[str, str]) -> None:
    if table.suffix == ".csv":
        table.write_text("image,caption\n" + "".join(f"{name},{text}\n" for name, text in rows.items()))
    else:
        table.write_text("".join(json.dumps({"image": name, "caption": text}) + "\n" for name, text in rows.items()))


def _said(bench: Bench) -> set[str]:
    return {text for _, text in bench.texts()}


def _fresh(tmp_path: Path, *roots: Path) -> set[str]:
    return _said(_indexed(Bench(tmp_path / "fresh.search"), *roots))


def _indexed(bench: Bench, *roots: Path) -> Bench:
    bench.run(*roots)
    return bench


@pytest.mark.parametrize(
    ("table", "change"),
    [("captions.jsonl", "renamed"), ("captions.csv", "deleted"), ("captions.jsonl", "moved out")],
)
def test_rows_of_a_table_are_found_and_named_in_the_run_that_misses_their_image(
    bench: Bench, photos: Path, tmp_path: Path, table: str, change: str
) -> None:
    _write(photos / table, {"a.png": "a kangaroo", "b.png": "a walrus"})
    bench.run(photos)
    if change == "deleted":
        (photos / "a.png").unlink()
    else:
        (photos / "a.png").rename((photos if change == "renamed" else tmp_path) / "a2.png")
    report = bench.run(photos)
    line = 1 if table.endswith("jsonl") else 2
    assert report.warnings == [
        f"{table}: 1 row names an image that is not there, or not below {photos} (line {line}: a.png)"
    ]
    assert _said(bench) == ALL == _fresh(tmp_path, photos)
    assert (report.vanished, report.texts) == (1, 0)
    assert bench.run(photos).warnings == []  # said once
    assert _said(bench) == ALL
    (photos / "b.png").rename(photos / "b2.png")  # the table lacks an image already
    (warning,) = bench.run(photos).warnings
    assert "2 rows name images that are not there" in warning
    assert _said(bench) == ALL


def _ids(bench: Bench) -> dict[str, int]:
    store = Store.open(bench.folder)
    with store.catalog.snapshot() as snapshot:
        found = Items(snapshot).get(Items(snapshot).newer(0))
    store.close()
    return {item.text: item.id for item in found.values() if item.text}


@pytest.mark.parametrize("table", ["captions.jsonl", "captions.csv"])
def test_a_table_that_changes_in_the_run_that_misses_its_image(bench: Bench, photos: Path, table: str) -> None:
    """It is read before anything is marked as gone, and its texts stay what they were all the same."""
    _write(photos / table, {"a.png": "a kangaroo", "b.png": "a walrus"})
    before = _ids(_indexed(bench, photos))
    (photos / "a.png").rename(photos / "moved.png")
    _write(photos / table, {"a.png": "a kangaroo", "b.png": "a walrus", "moved.png": "a heron"})
    (warning,) = bench.run(photos).warnings
    assert "(line 1: a.png)" in warning or "(line 2: a.png)" in warning
    after = _ids(bench)
    assert {text: after[text] for text in before} == before
    assert (str(photos / "a.png"), "a kangaroo") in bench.texts()
    store = Store.open(bench.folder)
    with store.writing():
        forget(store.catalog, str(photos / "a.png"))
    store.close()
    assert _said(bench) == {"a walrus", "a heron"}


def test_they_are_of_their_image_when_it_is_back(bench: Bench, photos: Path) -> None:
    _write(photos / "captions.jsonl", {"a.png": "a kangaroo", "b.png": "a walrus"})
    before = _indexed(bench, photos).texts()
    (photos / "a.png").rename(photos / "A2.png")
    bench.run(photos)
    (photos / "A2.png").rename(photos / "a.png")
    assert bench.run(photos).warnings == []
    assert bench.texts() == before
    (photos / "a.png").rename(photos / "A.png")  # the rows of tables find another letter case
    assert bench.run(photos).warnings == []
    assert bench.texts() == {(str(photos / "A.png"), "a kangaroo"), (str(photos / "b.png"), "a walrus")}


def test_texts_that_an_earlier_version_hid_come_back_with_the_next_run(bench: Bench, photos: Path) -> None:
    """Its indexes were built without them."""
    _write(photos / "captions.jsonl", {"a.png": "a kangaroo", "b.png": "a walrus"})
    bench.run(photos)
    (photos / "a.png").unlink()
    bench.run(photos)
    store = Store.open(bench.folder)
    with store.writing():
        with store.catalog.snapshot() as snapshot:
            before = snapshot.generation
        with store.catalog.batch() as batch:
            Meta(batch).delete(TEXTS_OF_GONE)
    store.close()
    (warning,) = bench.run(photos).warnings
    assert "(line 1: a.png)" in warning
    store = Store.open(bench.folder)
    with store.catalog.snapshot() as snapshot:
        assert Items(snapshot).changed_count("text", before) == 1
    store.close()
    assert bench.run(photos).warnings == []


def test_two_tables_and_a_folder_that_is_renamed(bench: Bench, photos: Path, tmp_path: Path) -> None:
    paint(photos / "trip" / "c.png", BLUE)
    paint(photos / "trip" / "d.png", (9, 9, 9))
    _write(photos / "captions.jsonl", {"trip/c.png": "a heron"})
    _write(photos / "captions.csv", {"trip/c.png": "a grey bird", "trip/d.png": "dusk"})
    _write(photos / "trip" / "captions.csv", {"c.png": "by the lake"})
    bench.run(photos)
    (photos / "trip").rename(photos / "lake")
    warnings = bench.run(photos).warnings
    assert [warning.split(" name")[0] for warning in warnings] == ["captions.csv: 2 rows", "captions.jsonl: 1 row"]
    assert _said(bench) == {"a heron", "a grey bird", "dusk", "by the lake"} == _fresh(tmp_path, photos)


@pytest.mark.parametrize("is_moved", [True, False])
def test_a_folder_of_its_own_that_is_moved_out_or_deleted(
    bench: Bench, photos: Path, tmp_path: Path, is_moved: bool
) -> None:
    paint(photos / "trip" / "c.png", BLUE)
    _write(photos / "captions.jsonl", {"trip/c.png": "a heron"})
    bench.run(photos / "trip", photos)
    (tmp_path / "elsewhere").mkdir()
    if is_moved:
        (photos / "trip").rename(tmp_path / "elsewhere" / "trip")
    else:
        shutil.rmtree(photos / "trip")
    bench.run(photos, *([tmp_path / "elsewhere"] if is_moved else []))
    assert _said(bench) == {"a heron"}


def test_a_link_in_the_place_of_a_folder(bench: Bench, photos: Path, tmp_path: Path) -> None:
    """It is not followed, so its images are gone; a table that names them through it finds them on the disk."""
    paint(photos / "trip" / "c.png", BLUE)
    _write(photos / "captions.jsonl", {"trip/c.png": "a heron"})
    bench.run(photos)
    (photos / "trip").rename(tmp_path / "away")
    (photos / "trip").symlink_to(tmp_path / "away")
    bench.run(photos)
    assert _said(bench) == {"a heron"} == _fresh(tmp_path, photos)


def test_a_sidecar_waits_for_a_photograph_and_says_so(bench: Bench, photos: Path, tmp_path: Path) -> None:
    (photos / "a.txt").write_text("a kangaroo")
    (photos / "b.png.txt").write_text("a walrus")
    bench.run(photos)
    (photos / "a.png").rename(photos / "c.png")
    (warning,) = bench.run(photos).warnings
    assert warning.startswith("a.txt: its photograph is gone, ")
    assert _said(bench) == {"a walrus"} == _fresh(tmp_path, photos)
    assert bench.run(photos).warnings == []
    (photos / "c.png").rename(photos / "a.png")
    bench.run(photos)
    assert _said(bench) == ALL
    (photos / "a.png").unlink()
    (photos / "b.png").unlink()
    (warning,) = bench.run(photos).warnings
    assert warning.startswith("2 files beside photographs that are gone stay (first: a.txt); ")


def test_a_sidecar_is_of_the_image_that_bears_its_name_now(bench: Bench, photos: Path) -> None:
    """A photograph that was converted, or whose name got other letters."""
    (photos / "a.txt").write_text("a kangaroo")
    told = {"photoTakenTime": {"timestamp": "1620123456"}, "description": "a walrus"}
    (photos / "b.png.json").write_text(json.dumps(told))
    bench.run(photos)
    (photos / "a.png").unlink()
    paint(photos / "a.jpg", BLUE)
    (photos / "b.png").rename(photos / "b.PNG")
    assert bench.run(photos).warnings == []
    assert bench.texts() == {(str(photos / "a.jpg"), "a kangaroo"), (str(photos / "b.PNG"), "a walrus")}


def test_takeouts_json_without_its_photograph(bench: Bench, photos: Path) -> None:
    told = {"photoTakenTime": {"timestamp": "1620123456"}, "description": "a walrus"}
    (photos / "b.png.json").write_text(json.dumps(told))
    bench.run(photos)
    (photos / "b.png").rename(photos / "c.png")
    (warning,) = bench.run(photos).warnings
    assert warning.startswith("b.png.json: its photograph is gone, ")
    (photos / "c.png").rename(photos / "b.png")
    bench.run(photos)
    assert _said(bench) == {"a walrus"}


@pytest.mark.parametrize("by_path", [True, False])
def test_what_is_forgotten_after_it_was_deleted_takes_its_rows_with_it(
    bench: Bench, photos: Path, by_path: bool
) -> None:
    _write(photos / "captions.jsonl", {"a.png": "a kangaroo", "b.png": "a walrus"})
    bench.run(photos)
    (photos / "a.png").unlink()
    bench.run(photos)
    _write(photos / "captions.jsonl", {"a.png": "a kangaroo", "b.png": "a walrus!"})
    os.utime(photos / "captions.jsonl", (1, 1))
    bench.run(photos)
    assert _said(bench) == {"a kangaroo", "a walrus!"}
    store = Store.open(bench.folder)
    with store.writing():
        gone = forget(store.catalog, str(photos / "a.png")) if by_path else forget_vanished(store.catalog)
    store.close()
    assert gone.files == 1
    assert _said(bench) == {"a walrus!"}
    os.utime(photos / "captions.jsonl", (2, 2))
    bench.run(photos)
    assert _said(bench) == {"a walrus!"}


def test_a_photograph_that_a_pattern_leaves_out_takes_its_rows_with_it(bench: Bench, photos: Path) -> None:
    from indexer.settings import IndexSettings

    _write(photos / "captions.jsonl", {"a.png": "a kangaroo", "b.png": "a walrus"})
    bench.run(photos)
    bench.run(photos, settings=IndexSettings(ignores=("a.png",)))
    assert _said(bench) == {"a walrus"}
