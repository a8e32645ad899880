"""Tokens in runs of the indexer: beside new vectors, added to old ones, left out, damaged, interrupted."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

import search
from indexer import doctor
from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.catalog.tokens import Tokens
from indexer.settings import DecodeLimits, IndexSettings
from indexer.store import Store
from indexer.types import Int8
from search.console import status_table
from search.shell import run_report
from tests.fixtures.colour_encoder import ColourEncoder, ColourTokenEncoder
from tests.fixtures.encoded import images_with_tokens, texts_with_tokens
from tests.indexer.pipeline.test_run import BLUE, GREEN, RED, Bench, paint


class TokenBench(Bench):
    """A bench that can look at tokens."""

    def __init__(self, folder: Path, encoder: ColourEncoder | None = None) -> None:
        super().__init__(folder, encoder or ColourTokenEncoder())

    def without(self) -> Bench:
        """The same store under the same encoder, by a program that knows of no tokens."""
        return Bench(self.folder, ColourEncoder(self.encoder.identity.weights))

    def tokens(self, width: int = 4) -> dict[str, Int8]:
        """Tokens by path, or for texts by text, of what can be found and has them."""
        store = Store.open(self.folder)
        try:
            with store.catalog.snapshot() as snapshot:
                row, _ = Encoders(snapshot).active() or (0, None)
                items = Items(snapshot).get(list(range(1, 2_000)))
                found = Tokens(snapshot).of_items(list(items), row, width)
                return {items[number].text or items[number].path: tokens for number, tokens in found.items()}
        finally:
            store.close()

    def change(self, statement: str) -> int:
        """Run SQL on the catalog; how many rows it touched."""
        connection = sqlite3.connect(self.folder / "catalog.sqlite")
        connection.execute("PRAGMA foreign_keys = ON")
        touched = connection.execute(statement).rowcount
        connection.commit()
        connection.close()
        return touched

    def count(self) -> int:
        """Rows of tokens, of anything and any encoder."""
        connection = sqlite3.connect(self.folder / "catalog.sqlite")
        (count,) = connection.execute("SELECT count(*) FROM token").fetchone()
        connection.close()
        return int(count)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    paint(folder / "b" / "red.png", RED)
    paint(folder / "a.png", GREEN)
    paint(folder / "c.jpg", BLUE)
    (folder / "captions.jsonl").write_text(
        '{"image": "c.jpg", "captions": ["the blue sea", "blue"]}\n{"image": "a.png", "caption": "a green field"}\n'
    )
    return folder


@pytest.fixture
def bench(tmp_path: Path) -> TokenBench:
    return TokenBench(tmp_path / "photos.search")


def expected(colour: tuple[int, int, int]) -> Int8:
    """(4, 4) int8: four regions of one colour."""
    _, tokens = images_with_tokens(ColourTokenEncoder(), np.full((1, 8, 8, 3), colour, np.uint8))
    one: Int8 = tokens[0]
    return one


def same(left: dict[str, Int8], right: dict[str, Int8]) -> bool:
    return left.keys() == right.keys() and all(np.array_equal(left[key], right[key]) for key in left)


def test_new_photographs_and_texts_get_their_own_tokens(bench: TokenBench, photos: Path) -> None:
    report = bench.run(photos)
    assert (report.encoded, report.texts, report.tokens_added) == (3, 3, 0)
    found = bench.tokens()
    names = {str(photos / name) for name in ("a.png", "b/red.png", "c.jpg")}
    assert found.keys() == names | {"the blue sea", "blue", "a green field"}
    np.testing.assert_array_equal(found[str(photos / "a.png")], expected(GREEN))
    np.testing.assert_array_equal(found[str(photos / "b" / "red.png")], expected(RED))
    _, (sea,) = texts_with_tokens(ColourTokenEncoder(), ["the blue sea"])
    np.testing.assert_array_equal(found["the blue sea"], sea)
    assert len(found["the blue sea"]) == 3


def test_vectors_are_the_same_with_tokens_and_without(bench: TokenBench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos)
    plain = Bench(tmp_path / "plain.search")
    plain.run(photos)
    assert bench.visible() == plain.visible()


def test_tokens_are_added_to_a_store_that_was_made_without(bench: TokenBench, photos: Path, tmp_path: Path) -> None:
    bench.without().run(photos)
    before, generation = bench.visible(), bench.generation()
    indexes = {path: path.stat().st_mtime_ns for path in (bench.folder / "vectors").iterdir()}
    assert (bench.tokens(), bench.count()) == ({}, 0)
    report = bench.run(photos)
    assert (report.encoded, report.reused, report.unchanged, report.texts) == (0, 0, 4, 0)
    assert report.tokens_added == 6
    undisturbed = TokenBench(tmp_path / "other.search")
    undisturbed.run(photos)
    assert same(bench.tokens(), undisturbed.tokens())
    # Nothing that a search could see has changed: the same ids and bits, and no index was built again.
    assert bench.visible() == before
    assert bench.generation() == generation
    assert {path: path.stat().st_mtime_ns for path in (bench.folder / "vectors").iterdir()} == indexes
    encoded = bench.encoder.images
    assert bench.run(photos).tokens_added == 0
    assert bench.encoder.images == encoded


def test_many_texts_get_their_tokens(bench: TokenBench, photos: Path) -> None:
    rows = [f'{{"image": "c.jpg", "caption": "caption {number}"}}\n' for number in range(1_300)]
    (photos / "captions.jsonl").write_text("".join(rows))
    bench.without().run(photos)
    assert bench.run(photos).tokens_added == 1_303
    assert len(bench.tokens()) == 1_303


def test_tokens_can_be_left_out_and_the_choice_stays(bench: TokenBench, photos: Path) -> None:
    bench.run(photos, settings=IndexSettings(tokens=False))
    assert bench.count() == 0
    assert bench.run(photos).tokens_added == 0
    paint(photos / "d.png", RED, size=(30, 30))
    assert bench.run(photos).encoded == 1
    assert bench.count() == 0
    assert [finding for finding in doctor.check(bench.folder) if finding.part == "tokens"] == []
    assert bench.run(photos, settings=IndexSettings(tokens=True)).tokens_added == 7
    paint(photos / "e.png", RED, size=(40, 40))
    assert bench.run(photos).tokens_added == 0
    assert len(bench.tokens()) == 8
    bench.run(photos, settings=IndexSettings(tokens=False))
    assert len(bench.tokens()) == 8  # those that are there stay


def test_tokens_from_an_encoder_that_has_none(bench: TokenBench, photos: Path) -> None:
    plain = bench.without()
    assert plain.run(photos).warnings == []
    [warning] = plain.run(photos, settings=IndexSettings(tokens=True)).warnings
    assert "no tokens to give" in warning


def test_copies_share_tokens_and_forgetting_all_of_them_removes_these(bench: TokenBench, photos: Path) -> None:
    bench.without().run(photos)
    shutil.copy2(photos / "a.png", photos / "b" / "copy.png")
    bench.without().run(photos)
    report = bench.run(photos)
    assert (report.tokens_added, report.unchanged, report.reused) == (6, 5, 0)
    assert bench.count() == 6
    found = bench.tokens()
    np.testing.assert_array_equal(found[str(photos / "b" / "copy.png")], found[str(photos / "a.png")])
    with search.open(bench.folder, encoder=bench.encoder) as library:
        library.forget(photos / "b" / "copy.png")
        assert bench.count() == 6
        library.forget(photos / "a.png")
        assert bench.count() == 4  # the text about it went with it
        library.forget(photos / "captions.jsonl")
        assert bench.count() == 2


def test_copies_in_batches_of_their_own_get_tokens_once(bench: TokenBench, photos: Path) -> None:
    for number in range(3):
        shutil.copy2(photos / "a.png", photos / f"a{number}.png")
    bench.without().run(photos)
    slow = TokenBench(bench.folder, ColourTokenEncoder(batch_size=1, wait=0.1))  # copies are read ahead meanwhile
    report = slow.run(photos)
    assert (report.tokens_added, report.unchanged, report.reused) == (6, 7, 0)


def test_a_new_copy_of_a_photograph_without_tokens(bench: TokenBench, photos: Path) -> None:
    bench.without().run(photos)
    shutil.copy(photos / "a.png", photos / "0.png")
    report = bench.run(photos)
    assert (report.encoded, report.reused, report.unchanged, report.tokens_added) == (0, 1, 4, 6)
    np.testing.assert_array_equal(bench.tokens()[str(photos / "0.png")], expected(GREEN))


def test_a_photograph_that_comes_back_gets_its_tokens_at_once(bench: TokenBench, photos: Path, tmp_path: Path) -> None:
    bench.without().run(photos)
    (photos / "c.jpg").rename(tmp_path / "away.jpg")
    bench.run(photos)
    assert str(photos / "c.jpg") not in bench.tokens()
    (tmp_path / "away.jpg").rename(photos / "c.jpg")
    bench.run(photos)
    np.testing.assert_allclose(bench.tokens()[str(photos / "c.jpg")], expected(BLUE), atol=2)  # it is a JPEG
    with search.open(bench.folder, encoder=bench.encoder) as library:
        assert {hit.text for hit in library.query("blue", to="text")} >= {"the blue sea", "blue"}


def test_a_photograph_that_no_longer_decodes_stays_to_be_found(bench: TokenBench, photos: Path) -> None:
    bench.without().run(photos)
    before = bench.visible()
    report = bench.run(photos, settings=IndexSettings(limits=DecodeLimits(max_pixels=10)))
    assert len(report.failures) == 3
    assert bench.visible() == before
    report = bench.run(photos)
    assert (report.failures, report.tokens_added) == ([], 3)
    assert bench.visible().keys() == before.keys()


def test_a_photograph_whose_bytes_changed_unseen_is_indexed_anew(bench: TokenBench, photos: Path) -> None:
    bench.without().run(photos)
    file = paint(photos / "d.bmp", RED)
    times = file.stat()
    bench.without().run(photos)
    paint(file, GREEN)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # the same size and time
    bench.run(photos)
    np.testing.assert_array_equal(bench.tokens()[str(file)], expected(GREEN))
    vector = bench.encoder.encode_images(np.full((1, 8, 8, 3), GREEN, np.uint8)).vectors[0]
    assert bench.visible()[str(file)][1] == vector.tobytes()


def test_tokens_of_another_recipe_are_made_again(bench: TokenBench, photos: Path) -> None:
    bench.run(photos)
    assert bench.count() == 6
    other = TokenBench(bench.folder, ColourTokenEncoder(recipe=2))
    assert other.run(photos).tokens_added == 6
    assert other.run(photos).tokens_added == 0
    assert bench.count() == 6


# -- interruptions and damage -------------------------------------------------------------------------------


class Interrupting:
    """A listener that ends the run once so many files are done."""

    def __init__(self, files: int) -> None:
        self.left = files

    def phase(self, name: str) -> None: ...
    def total(self, files: int) -> None: ...
    def advance(self, files: int) -> None:
        self.left -= files
        if self.left <= 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("old", [True, False], ids=["tokens added", "new store"])
def test_an_interrupted_run_goes_on(bench: TokenBench, photos: Path, tmp_path: Path, old: bool) -> None:
    for number in range(40):
        paint(photos / f"{number:02}.png", (number, 0, 0))
    if old:
        bench.without().run(photos)
    with pytest.raises(KeyboardInterrupt):
        bench.run(photos, progress=Interrupting(20))
    part = bench.count()
    assert 15 < part < 46
    report = bench.run(photos)
    assert (report.tokens_added if old else report.encoded + report.texts) == 46 - part
    undisturbed = TokenBench(tmp_path / "other.search")
    undisturbed.run(photos)
    assert same(bench.tokens(), undisturbed.tokens())
    assert bench.visible() == undisturbed.visible()


def test_a_kill_between_a_vector_and_its_tokens_keeps_neither(
    bench: TokenBench, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Tokens, "add", killed)
        with pytest.raises(Killed):
            bench.run(photos)
    assert bench.visible() == {}
    report = bench.run(photos)
    assert (report.encoded, report.texts, report.tokens_added) == (3, 3, 0)
    assert len(bench.tokens()) == 6


def test_damaged_tokens_are_found_removed_and_made_again(bench: TokenBench, photos: Path) -> None:
    bench.run(photos)
    whole, vectors = bench.tokens(), bench.visible()
    assert bench.change("UPDATE token SET data = zeroblob(16) WHERE content_id IN (1, 4)") == 2
    assert len(bench.tokens()) == 4
    [finding] = doctor.check(bench.folder)
    assert (finding.part, finding.grave) == ("tokens", True)
    assert "2 photographs or texts" in finding.problem
    [done] = doctor.repair(bench.folder)
    assert (done.part, done.remedy) == ("tokens", "removed; `index()` makes them again")
    [missing] = doctor.check(bench.folder)
    assert (missing.part, missing.grave) == ("tokens", False)
    assert "2 items have no tokens" in missing.problem
    assert bench.run(photos).tokens_added == 2
    assert doctor.check(bench.folder) == []
    assert same(bench.tokens(), whole)
    assert bench.visible() == vectors


def test_texts_whose_embeddings_were_damaged_are_found_again(bench: TokenBench, photos: Path) -> None:
    bench.run(photos)
    some = "SELECT content_id FROM item WHERE text = 'blue' UNION SELECT content_id FROM item WHERE id = 1"
    assert bench.change(f"UPDATE vector SET data = zeroblob(16) WHERE content_id IN ({some})") == 2
    assert "vectors" in {finding.part for finding in doctor.repair(bench.folder)}  # indexes without them are built
    report = bench.run(photos)
    assert (report.encoded, report.texts, report.tokens_added) == (1, 1, 0)
    with search.open(bench.folder, encoder=bench.encoder) as library:
        assert len(library.query("green", to="text", k=50)) == 3
        assert len(library.query("green", k=50)) == 3


# -- another encoder ----------------------------------------------------------------------------------------


def test_reencoding_makes_the_new_encoders_tokens(bench: TokenBench, photos: Path) -> None:
    bench.run(photos)
    other = TokenBench(bench.folder, ColourTokenEncoder("2"))
    report = other.run(reencode=True)
    assert (report.encoded, report.texts, report.tokens_added) == (3, 3, 0)
    assert len(other.tokens()) == 6
    assert other.count() == 6 + 6  # those of the former encoder are kept
    assert doctor.check(other.folder) == []


def test_until_reencoding_is_complete_the_former_tokens_answer(bench: TokenBench, photos: Path, tmp_path: Path) -> None:
    paint(tmp_path / "drive" / "d.png", RED, size=(30, 30))
    bench.run(photos, tmp_path / "drive")
    before = bench.tokens()
    bench.mount(tmp_path / "drive", tmp_path / "drive")
    (tmp_path / "drive").rename(tmp_path / "away")
    other = TokenBench(bench.folder, ColourTokenEncoder("2"))
    assert other.run(reencode=True).encoded == 3
    assert bench.count() == 7 + 6  # of both encoders
    assert same(bench.tokens(), before)
    assert bench.run(photos).tokens_added == 0
    (tmp_path / "away").rename(tmp_path / "drive")
    report = other.run(reencode=True)
    assert (report.encoded, report.unchanged, report.tokens_added) == (1, 4, 0)
    assert bench.count() == 7 + 7
    assert same(bench.tokens(), before)  # the same colours


def test_reencoding_to_an_encoder_without_tokens(bench: TokenBench, photos: Path) -> None:
    bench.run(photos)
    other = TokenBench(bench.folder, ColourEncoder("2"))
    other.run(reencode=True)
    assert (other.count(), len(other.visible())) == (6, 3)  # the former encoder's
    assert doctor.check(other.folder) == []
    with search.open(other.folder, encoder=other.encoder) as library:
        assert library.status().tokens is None


# -- what is said -------------------------------------------------------------------------------------------


def test_status_and_reports_say_how_many_have_tokens(
    bench: TokenBench, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.without().run(photos)
    with search.open(bench.folder, encoder=bench.encoder) as library:
        assert library.status().tokens is None
        report = library.index()
        run_report.print_report(report, quiet=False)
        assert "6 had tokens added" in capsys.readouterr().out
        assert run_report.report_json(report)["tokens_added"] == 6
        status = library.status()
        assert status_table.status_json(status)["tokens"] == {
            "wanted": True,
            "images": 3,
            "texts": 3,
            "image_bytes": 16,
        }
        assert "tokens       6 items, 16 B an image" in status_table.status_lines(status, None, failed=False)
        assert bench.change("DELETE FROM token WHERE content_id = 1") == 1
        lines = "".join(status_table.status_lines(library.status(), None, failed=False))
        assert "5 items, 16 B an image; 1 without (search index adds them)" in lines
