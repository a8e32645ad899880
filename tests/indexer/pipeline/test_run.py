"""A run of the indexer, with an encoder whose answers can be worked out in the head."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import update

from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.catalog.schema import root as root_table
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import Encoded
from indexer.errors import EncoderMismatchError, PathNotFoundError, StoreBusyError, UsageError
from indexer.pipeline import ingest, plan
from indexer.pipeline import run as pipeline
from indexer.settings import IndexSettings
from indexer.store import Store
from indexer.types import Report
from tests.fixtures.colour_encoder import ColourEncoder

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def paint(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (16, 12)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    paint(folder / "b" / "red.png", RED)
    paint(folder / "a.png", GREEN)
    paint(folder / "c.jpg", BLUE)
    return folder


class Bench:
    """A store, an encoder, and runs over them."""

    def __init__(self, folder: Path, encoder: ColourEncoder | None = None) -> None:
        self.folder = folder
        self.encoder = encoder or ColourEncoder()

    def run(self, *roots: Path, **options: object) -> Report:
        store = Store.create(self.folder)
        try:
            with store.writing():
                return pipeline.run(store, self.encoder, [str(root) for root in roots], **options)  # type: ignore[arg-type]
        finally:
            store.close()

    def visible(self) -> dict[str, tuple[int, bytes]]:
        """path -> (id, vector) of the images that can be found."""
        store = Store.open(self.folder)
        try:
            with store.catalog.snapshot() as snapshot:
                active = Encoders(snapshot).active()
                assert active is not None
                found = {}
                for ids, vectors in Vectors(snapshot).pages("image", active[0], active[1].dimension):
                    rows = Items(snapshot).get(ids.tolist())
                    for number, vector in zip(ids.tolist(), vectors, strict=True):
                        found[rows[number].path] = (number, vector.tobytes())
                return found
        finally:
            store.close()

    def mount(self, folder: Path, mount: Path | None) -> None:
        """As if `folder` had been scanned under that mount point, which is none now; None: as if nobody had asked."""
        store = Store.create(self.folder)
        try:
            with store.catalog.batch() as batch:
                which = update(root_table).where(root_table.c.path == str(folder))
                assert batch.write(which.values(mount=None if mount is None else str(mount))).rowcount == 1
        finally:
            store.close()

    def generation(self) -> int:
        store = Store.open(self.folder)
        try:
            with store.catalog.snapshot() as snapshot:
                return snapshot.generation
        finally:
            store.close()

    def texts(self) -> set[tuple[str, str]]:
        """(path, text) of the texts that can be found."""
        store = Store.open(self.folder)
        try:
            with store.catalog.snapshot() as snapshot:
                active = Encoders(snapshot).active()
                assert active is not None
                rows = []
                for ids, _ in Vectors(snapshot).pages("text", active[0], active[1].dimension):
                    rows += list(Items(snapshot).get(ids.tolist()).values())
                return {(row.path, row.text or "") for row in rows}
        finally:
            store.close()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "photos.search")


def expected(colour: tuple[int, int, int]) -> bytes:
    encoder = ColourEncoder()
    return encoder.encode_images(np.full((1, 8, 8, 3), colour, np.uint8)).vectors[0].tobytes()


def test_each_photograph_gets_its_own_embedding_and_ids_follow_the_scan(bench: Bench, photos: Path) -> None:
    report = bench.run(photos)
    assert (report.encoded, report.failures) == (3, [])
    found = bench.visible()
    assert [Path(path).name for path in sorted(found, key=lambda path: found[path][0])] == ["a.png", "red.png", "c.jpg"]
    assert found[str(photos / "b" / "red.png")][1] == expected(RED)
    assert found[str(photos / "a.png")][1] == expected(GREEN)


def test_a_second_run_encodes_nothing(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    before, encoded = bench.visible(), bench.encoder.images
    report = bench.run(photos)
    assert (report.encoded, report.unchanged) == (0, 3)
    assert bench.encoder.images == encoded
    assert bench.visible() == before
    assert bench.run().unchanged == 3  # no folder named: all that the store knows


def test_moved_and_copied_files_keep_their_embedding(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    encoded = bench.encoder.images
    shutil.copy2(photos / "a.png", photos / "copy.png")
    os.rename(photos / "c.jpg", photos / "moved.jpg")
    report = bench.run(photos)
    assert (report.encoded, report.reused, report.vanished) == (0, 2, 1)
    assert bench.encoder.images == encoded
    found = bench.visible()
    assert set(map(os.path.basename, found)) == {"a.png", "copy.png", "red.png", "moved.jpg"}
    assert found[str(photos / "copy.png")][1] == found[str(photos / "a.png")][1]


def test_a_changed_file_is_encoded_again_under_its_old_id(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    number = bench.visible()[str(photos / "a.png")][0]
    paint(photos / "a.png", RED, size=(20, 20))
    assert bench.run(photos).encoded == 1
    assert bench.visible()[str(photos / "a.png")] == (number, expected(RED))


def test_a_touched_file_is_hashed_and_not_encoded(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    os.utime(photos / "a.png", ns=(1, 1))
    report = bench.run(photos)
    assert (report.encoded, report.reused) == (0, 1)


def test_a_file_that_differs_in_the_middle_only_is_another_file(bench: Bench, photos: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(photos / "one.bmp")
    data = bytearray((photos / "one.bmp").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    (photos / "two.bmp").write_bytes(data)
    bench.run(photos)
    found = bench.visible()
    assert found[str(photos / "one.bmp")][1] != found[str(photos / "two.bmp")][1]


def test_vanished_files_are_hidden_and_come_back_without_encoding(bench: Bench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos)
    encoded = bench.encoder.images
    os.rename(photos / "a.png", tmp_path / "away.png")
    assert bench.run(photos).vanished == 1
    assert str(photos / "a.png") not in bench.visible()
    os.rename(tmp_path / "away.png", photos / "a.png")
    bench.run(photos)
    assert str(photos / "a.png") in bench.visible()
    assert bench.encoder.images == encoded


def test_an_unmounted_drive_deletes_nothing(bench: Bench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos)
    before = bench.visible()
    bench.mount(photos, photos)
    os.rename(photos, tmp_path / "elsewhere")
    with pytest.raises(PathNotFoundError):
        bench.run(photos)
    assert bench.run().warnings  # all roots: it is said, and not an error
    assert bench.visible() == before
    photos.mkdir()  # the empty mount point
    report = bench.run(photos)
    assert report.vanished == 0
    assert "not mounted" in report.warnings[0]
    assert bench.visible() == before


def test_one_bad_file_never_stops_a_run_nor_shifts_anothers_data(bench: Bench, photos: Path) -> None:
    (photos / "aa.jpg").write_bytes(b"")
    (photos / "bb.jpg").write_bytes(b"this is no image")
    (photos / "cc.jpg").write_bytes((photos / "c.jpg").read_bytes()[:300])
    report = bench.run(photos)
    assert report.encoded == 3
    assert [os.path.basename(failure.path) for failure in report.failures] == ["aa.jpg", "bb.jpg", "cc.jpg"]
    assert all(failure.reason for failure in report.failures)
    found = bench.visible()
    assert found[str(photos / "c.jpg")][1] != found[str(photos / "a.png")][1]
    assert found[str(photos / "a.png")][1] == expected(GREEN)
    again = bench.run(photos)
    assert (again.encoded, again.unchanged, again.failures, again.known_failures) == (0, 3, [], 3)


def test_a_mended_file_is_found_and_a_broken_one_is_hidden(bench: Bench, photos: Path) -> None:
    (photos / "x.png").write_bytes(b"broken")
    bench.run(photos)
    paint(photos / "x.png", RED)
    assert bench.run(photos).failures == []
    assert bench.visible()[str(photos / "x.png")][1] == expected(RED)
    (photos / "x.png").write_bytes(b"broken again")
    assert len(bench.run(photos).failures) == 1
    assert str(photos / "x.png") not in bench.visible()


def test_other_files_are_ignored_and_images_are_known_by_content(bench: Bench, photos: Path) -> None:
    (photos / "notes.md").write_text("hello")
    (photos / "movie.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    shutil.copy(photos / "a.png", photos / "really_a_png.jpg")
    shutil.copy(photos / "a.png", photos / "no_suffix")
    shutil.copy(photos / "a.png", photos / "data.bin")
    report = bench.run(photos)
    assert report.failures == []
    assert report.ignored == 2
    assert {"really_a_png.jpg", "no_suffix", "data.bin"} <= set(map(os.path.basename, bench.visible()))
    assert bench.run(photos).ignored == 0  # remembered, not opened again


def test_default_ignores_and_own_patterns(bench: Bench, photos: Path) -> None:
    for place in (".hidden/x.png", "@eaDir/x.png", "node_modules/x.png", "drafts/x.png"):
        paint(photos / place, RED)
    paint(photos / "._a.png", RED)
    settings = IndexSettings(ignores=("drafts/",))
    bench.run(photos, settings=settings)
    assert set(map(os.path.basename, bench.visible())) == {"a.png", "red.png", "c.jpg"}
    assert bench.run(photos).unchanged == 3  # the patterns stay with the folder


def test_captions_become_texts(bench: Bench, photos: Path) -> None:
    (photos / "a.txt").write_text("a green field\n")
    (photos / "unrelated.txt").write_text("not about any image")
    rows = [{"image": "c.jpg", "captions": ["the blue sea", "blue"]}, {"image": "b/red.png", "caption": "a red car"}]
    (photos / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = bench.run(photos)
    assert (report.caption_files, report.texts) == (2, 4)
    assert bench.texts() == {
        (str(photos / "a.png"), "a green field"),
        (str(photos / "c.jpg"), "the blue sea"),
        (str(photos / "c.jpg"), "blue"),
        (str(photos / "b" / "red.png"), "a red car"),
    }
    (photos / "captions.jsonl").write_text(json.dumps(rows[0]) + "\n")
    assert bench.run(photos).texts == 0
    assert (str(photos / "b" / "red.png"), "a red car") not in bench.texts()


def test_a_table_tells_of_a_vanished_image_and_a_sidecar_does_not(bench: Bench, photos: Path) -> None:
    (photos / "captions.jsonl").write_text('{"image": "c.jpg", "caption": "blue"}\n')
    (photos / "c.txt").write_text("the sea")
    bench.run(photos)
    both = {(str(photos / "c.jpg"), "blue"), (str(photos / "c.jpg"), "the sea")}
    assert bench.texts() == both
    (photos / "c.jpg").rename(photos.parent / "away.jpg")
    bench.run(photos)
    assert bench.texts() == {(str(photos / "c.jpg"), "blue")}
    (photos.parent / "away.jpg").rename(photos / "c.jpg")
    bench.run(photos)
    assert bench.texts() == both


def test_another_encoder_is_refused_until_asked_for(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    other = Bench(bench.folder, ColourEncoder("2"))
    with pytest.raises(EncoderMismatchError, match="reencode=True"):
        other.run(photos)
    report = other.run(reencode=True)
    assert report.encoded == 3
    assert len(bench.visible()) == 3
    with pytest.raises(EncoderMismatchError):
        bench.run(photos)


def test_reencoding_is_not_completed_while_files_are_missing(bench: Bench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos)
    bench.mount(photos, photos)
    os.rename(photos, tmp_path / "away")
    other = Bench(bench.folder, ColourEncoder("2"))
    report = other.run(reencode=True)
    assert any("former encoder" in warning for warning in report.warnings)
    assert len(bench.visible()) == 3
    os.rename(tmp_path / "away", photos)
    assert bench.run(photos).unchanged == 3


def test_an_interrupted_run_goes_on_from_the_last_batch(bench: Bench, photos: Path) -> None:
    for number in range(40):
        paint(photos / f"{number:02}.png", (number, 0, 0))

    class Interrupting:
        done = 0

        def phase(self, name: str) -> None: ...
        def total(self, files: int) -> None: ...
        def advance(self, files: int) -> None:
            self.done += files
            if self.done >= 20:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run(photos, progress=Interrupting())
    assert threading.active_count() < 5
    kept = bench.visible()
    assert 20 <= len(kept) < 43
    report = bench.run(photos)
    assert report.encoded == 43 - len(kept)
    undisturbed = Bench(bench.folder.with_name("other.search"))
    undisturbed.run(photos)
    assert bench.visible() == undisturbed.visible()


def test_more_work_than_is_remembered_is_found_a_second_time(
    bench: Bench, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "REMEMBERED", 2)
    assert bench.run(photos).encoded == 3
    assert len(bench.visible()) == 3
    assert bench.run(photos).unchanged == 3


def test_files_below_an_unreadable_folder_are_not_taken_for_vanished(
    bench: Bench, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(photos / "b" / "deep" / "x.png", BLUE)
    paint(photos / "bb" / "y.png", RED)
    bench.run(photos)
    (photos / "bb" / "y.png").unlink()
    real = os.scandir

    def closed(path: str) -> object:
        if path == str(photos / "b"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", closed)
        report = bench.run(photos)
    assert (report.vanished, [failure.path for failure in report.failures]) == (1, [str(photos / "b")])
    assert {str(photos / "b" / "red.png"), str(photos / "b" / "deep" / "x.png")} <= set(bench.visible())


def test_what_was_encoded_is_kept_when_a_run_fails(bench: Bench, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches gather before they are written; an error of the encoder must not lose those before it."""
    for number in range(20):
        paint(photos / f"{number:02}.png", (number, 0, 0))
    monkeypatch.setattr(ingest, "SECONDS_A_COMMIT", 1e9)
    real, calls = bench.encoder.encode_images, []

    def failing(pixels: np.ndarray, *, tokens: bool = False) -> Encoded:
        calls.append(len(pixels))
        if len(calls) == 4:
            raise RuntimeError("the device is gone")
        return real(pixels, tokens=tokens)

    monkeypatch.setattr(bench.encoder, "encode_images", failing)
    with pytest.raises(RuntimeError, match="device"):
        bench.run(photos)
    assert len(bench.visible()) == 12


def test_two_writers_at_once(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    store = Store.create(bench.folder)
    with store.writing(), pytest.raises(StoreBusyError, match=str(os.getpid())):
        bench.run(photos)
    store.close()
    assert bench.run(photos).unchanged == 3


def test_nothing_to_index(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        bench.run()
    (tmp_path / "empty").mkdir()
    report = bench.run(tmp_path / "empty")
    assert (report.encoded, report.failures, report.warnings) == (0, [], [])


def test_a_store_among_the_photographs_is_not_indexed(photos: Path) -> None:
    bench = Bench(photos / "index")
    assert bench.run(photos).ignored == 0
    assert bench.run(photos).ignored == 0


def test_a_single_file_as_root(bench: Bench, photos: Path) -> None:
    assert bench.run(photos / "a.png").encoded == 1
    assert bench.run(photos).encoded == 2


def test_overlapping_roots_index_each_file_once(bench: Bench, photos: Path) -> None:
    assert bench.run(photos / "b", photos).encoded == 3
    assert bench.run(photos, photos / "b").encoded == 0
    assert len(bench.visible()) == 3
