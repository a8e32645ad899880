"""Forgetting takes all that came with a file and all that was said about it, and it stays out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexer.errors import PathNotFoundError
from indexer.pipeline.forget import Forgotten, forget, forget_vanished
from indexer.store import Store
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.indexer.pipeline.test_orphans import rows, shoot
from tests.indexer.pipeline.test_run import BLUE, GREEN, RED, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "photos.search", ColourTokenEncoder())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Each photograph speaks for itself, has a sidecar, and stands in a table."""
    folder = tmp_path / "photos"
    for name, colour in (("a", RED), ("b", GREEN), ("c", BLUE)):
        shoot(folder / f"{name}.jpg", colour, f"{name} itself")
        (folder / f"{name}.txt").write_text(f"{name} sidecar")
    write_table(folder, "abc")
    return folder


def write_table(folder: Path, names: str, more: str = "") -> None:
    rows = [{"image": f"{name}.jpg", "caption": f"{name} table{more}"} for name in names]
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def take_out(bench: Bench, *paths: Path, vanished: bool = False) -> Forgotten:
    store = Store.open(bench.folder)
    try:
        with store.writing():
            return forget_vanished(store.catalog) if vanished else forget(store.catalog, *map(str, paths))
    finally:
        store.close()


def said(bench: Bench) -> set[str]:
    return {text for _, text in bench.texts()}


def in_file(bench: Bench, words: str) -> bool:
    """Whether a text stands in a row of the catalog, found or not."""
    import sqlite3

    with sqlite3.connect(bench.folder / "catalog.sqlite") as connection:
        found = "SELECT count(*) FROM item WHERE text LIKE ?", "SELECT count(*) FROM photo WHERE captions LIKE ?"
        return any(connection.execute(query, (f"%{words}%",)).fetchone()[0] for query in found)


EVERYTHING = {f"{name} {where}" for name in "abc" for where in ("itself", "sidecar", "table")}
OF_B_AND_C = {text for text in EVERYTHING if not text.startswith("a")}


def test_all_that_was_said_about_a_photograph_goes_with_it(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    assert said(bench) == EVERYTHING
    before = rows(bench)
    take_out(bench, photos / "a.jpg")
    assert said(bench) == OF_B_AND_C
    assert not in_file(bench, "a ")
    now = rows(bench)
    assert {name: before[name] - now[name] for name in ("content", "vector", "token", "photo", "item")} == {
        "content": 4,
        "vector": 4,
        "token": 4,
        "photo": 1,
        "item": 4,
    }


def test_it_does_not_come_back_with_a_table_that_was_edited_or_came_later(bench: Bench, photos: Path) -> None:
    (photos / "captions.jsonl").rename(photos / "later.away")
    bench.run(photos)
    take_out(bench, photos / "a.jpg")
    (photos / "later.away").rename(photos / "captions.jsonl")
    (photos / "a.txt").write_text("a sidecar, edited")
    assert bench.run(photos).warnings == []
    assert said(bench) == OF_B_AND_C
    write_table(photos, "abc", " again")
    (photos / "a.jpg").unlink()  # its row names now what is not there
    assert bench.run(photos).warnings == []
    assert said(bench) == {text + " again" if "table" in text else text for text in OF_B_AND_C}
    write_table(photos, "a")
    assert bench.run(photos).failures == []  # a table of which nothing may be told is no bad one
    assert not in_file(bench, "a ")


def test_it_comes_back_whole_when_it_is_named(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    take_out(bench, photos / "a.jpg")
    bench.run(photos)
    assert bench.run(photos / "a.jpg").encoded == 1
    assert said(bench) == EVERYTHING
    assert bench.run(photos).unchanged == 7


def test_what_is_gone_and_forgotten_is_not_told_by_a_table(bench: Bench, photos: Path) -> None:
    """No exclusion guards it, so that a new photograph at its place is taken."""
    bench.run(photos)
    (photos / "a.jpg").unlink()
    bench.run(photos)
    assert take_out(bench, vanished=True).files == 1
    write_table(photos, "abc", " again")
    bench.run(photos)
    assert {text for text in said(bench) if text.startswith("a")} <= {
        "a sidecar"
    }  # what lies there is a file of its own
    assert not in_file(bench, "a table")
    shoot(photos / "a.jpg", RED, "a new")
    bench.run(photos)
    assert {text for text in said(bench) if text.startswith("a")} == {"a new", "a sidecar", "a table again"}


def test_a_folder_takes_what_is_said_of_images_that_were_never_indexed(bench: Bench, photos: Path) -> None:
    (photos / "private").mkdir()
    (photos / "private" / "bad.jpg").write_bytes(b"no image")
    (photos / "captions.csv").write_text("image,caption\nprivate/bad.jpg,secret\nb.jpg,open\n")
    bench.run(photos)
    assert {"secret", "open"} < said(bench)
    take_out(bench, photos / "private")
    assert said(bench) == EVERYTHING | {"open"}
    assert not in_file(bench, "secret")


def test_a_table_is_forgotten_with_its_texts_alone(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    take_out(bench, photos / "captions.jsonl")
    bench.run(photos)
    assert said(bench) == {text for text in EVERYTHING if "table" not in text}
    assert len(bench.visible()) == 3


def test_several_paths_are_forgotten_together_or_not_at_all(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    with pytest.raises(PathNotFoundError, match=r"nobody\.jpg"):
        take_out(bench, photos / "a.jpg", photos / "nobody.jpg")
    assert said(bench) == EVERYTHING
    assert take_out(bench, photos / "a.jpg", photos / "b.jpg", photos / "a.jpg").files == 2
    assert len(bench.visible()) == 1
    assert take_out(bench, photos, photos / "c.jpg").roots == (str(photos),)  # the second goes with the first
    assert rows(bench)["content"] == 0


def test_a_copy_keeps_what_is_its_own(bench: Bench, photos: Path) -> None:
    (photos / "copy.jpg").write_bytes((photos / "a.jpg").read_bytes())
    bench.run(photos)
    take_out(bench, photos / "a.jpg")
    assert said(bench) == OF_B_AND_C | {"a itself"}
    assert str(photos / "copy.jpg") in bench.visible()
