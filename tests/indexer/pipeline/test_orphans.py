"""What nothing leads to any more: it goes with what led to it, or in the run after a kill."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from PIL import Image

from indexer.catalog.contents import Contents
from indexer.catalog.meta import SWEEP, Meta
from indexer.catalog.orphans import Orphaned, Orphans
from indexer.pipeline import ingest
from indexer.store import Store
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.indexer.pipeline.test_run import BLUE, GREEN, RED, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "photos.search", ColourTokenEncoder())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name, colour in (("a", RED), ("b", GREEN), ("c", BLUE)):
        shoot(folder / f"{name}.jpg", colour, f"{name} at home")
    return folder


def shoot(path: Path, colour: tuple[int, int, int], caption: str) -> None:
    """A photograph that says where it was taken, and what it shows."""
    path.parent.mkdir(exist_ok=True)
    exif = Image.Exif()
    exif[0x010E] = caption
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 0.0), 3: "E", 4: (11.0, 30.0, 0.0)})
    Image.new("RGB", (16, 12), colour).save(path, exif=exif)


def rows(bench: Bench) -> dict[str, int]:
    with sqlite3.connect(bench.folder / "catalog.sqlite") as connection:
        names = ("content", "vector", "token", "photo", "item", "encoder")
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


def orphaned(bench: Bench) -> Orphaned:
    store = Store.open(bench.folder)
    try:
        with store.catalog.snapshot() as snapshot:
            return Orphans(snapshot).count()
    finally:
        store.close()


def leave(bench: Bench, *, swept: bool) -> None:
    """A content to which nothing refers; and a store of which nobody says that it has none."""
    store = Store.create(bench.folder)
    try:
        with store.catalog.batch() as batch:
            Contents(batch).add({b"nobody's": "image"})
            if not swept:
                Meta(batch).delete(SWEEP)
    finally:
        store.close()


def test_of_an_edited_photograph_nothing_old_is_kept(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    before = rows(bench)
    assert before == {"content": 6, "vector": 6, "token": 6, "photo": 3, "item": 6, "encoder": 1}
    shoot(photos / "a.jpg", BLUE, "a abroad")
    assert bench.run(photos).encoded == 1
    assert rows(bench) == before
    assert not orphaned(bench)
    assert {text for _, text in bench.texts()} == {"a abroad", "b at home", "c at home"}


def test_what_another_file_holds_is_kept(bench: Bench, photos: Path) -> None:
    (photos / "copy.jpg").write_bytes((photos / "a.jpg").read_bytes())
    (photos / "gone.jpg").write_bytes((photos / "b.jpg").read_bytes())
    bench.run(photos)
    (photos / "gone.jpg").unlink()
    bench.run(photos)
    before = rows(bench)
    for name in "ab":
        shoot(photos / f"{name}.jpg", BLUE, f"{name} abroad")
    bench.run(photos)
    assert rows(bench)["content"] == before["content"] + 4  # those of the copy, and of one that may come back
    (photos / "gone.jpg").write_bytes((photos / "copy.jpg").read_bytes())
    assert bench.run(photos).reused == 1


@pytest.mark.parametrize("commit", [1, 512])
def test_photographs_that_change_places_are_not_read_anew(
    bench: Bench, photos: Path, monkeypatch: pytest.MonkeyPatch, commit: int
) -> None:
    """What one file lets go of, another one brings, later in the same run."""
    monkeypatch.setattr(ingest, "FILES_A_COMMIT", commit)
    bench.encoder.batch_size = 1
    bench.run(photos)
    before = rows(bench)
    names = [photos / f"{name}.jpg" for name in "abc"]
    data = [name.read_bytes() for name in names]
    for name, other in zip(names, data[1:] + data[:1], strict=True):
        name.write_bytes(other)
        os.utime(name, ns=(1, 1))
    report = bench.run(photos)
    assert (report.reused, report.encoded, report.failures) == (3, 0, [])
    assert rows(bench) == before


def test_texts_that_nobody_has_any_more_go(bench: Bench, photos: Path) -> None:
    (photos / "captions.csv").write_text("image,caption\na.jpg,red\nb.jpg,green\n")
    bench.run(photos)
    before = rows(bench)
    (photos / "captions.csv").write_text("image,caption\na.jpg,white\nb.jpg,green\n")
    bench.run(photos)
    assert rows(bench) == before


class KilledError(Exception):
    pass


def test_what_a_killed_run_let_go_of_is_found_by_the_next(
    bench: Bench, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(photos)
    before = rows(bench)
    shoot(photos / "a.jpg", BLUE, "a abroad")

    def killed(*_arguments: object, **_options: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr("indexer.pipeline.run.sweep", killed)
        with pytest.raises(KilledError):
            bench.run(photos)
    assert orphaned(bench) == Orphaned(contents=2)
    bench.run(photos)
    assert rows(bench) == before


def test_a_store_of_an_earlier_version_is_looked_through_once(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    before = rows(bench)
    leave(bench, swept=False)
    assert orphaned(bench) == Orphaned(contents=1)
    bench.run(photos)
    assert rows(bench) == before
    leave(bench, swept=True)
    bench.run(photos)
    assert orphaned(bench) == Orphaned(contents=1)  # nobody looks where nothing was let go of


def test_an_unfinished_change_of_encoder_waits_to_be_gone_on_with(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    other, third = (Bench(bench.folder, ColourTokenEncoder(weights)) for weights in "23")
    before = rows(bench)
    begin(other)
    assert orphaned(bench) == Orphaned(vectors=4)  # of two photographs, and of what they say
    bench.run(photos)
    assert orphaned(bench) == Orphaned(vectors=4)  # an ordinary run leaves it alone
    begin(third)
    assert orphaned(bench) == Orphaned(vectors=4)  # of the third; those of the other are gone
    assert rows(bench)["encoder"] == 2
    bench.run(reencode=True)  # the store's own is asked for again
    assert not orphaned(bench)
    assert rows(bench) == before


def begin(bench: Bench) -> None:
    """A change of encoder that is killed after two photographs."""

    class Killing:
        def phase(self, name: str) -> None: ...

        def total(self, files: int) -> None: ...

        def advance(self, files: int) -> None:
            raise KilledError

    bench.encoder.batch_size = 2
    with pytest.raises(KilledError):
        bench.run(reencode=True, progress=Killing())
