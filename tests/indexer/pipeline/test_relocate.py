"""A person says where a folder is now: everything follows, and the next run finds nothing to do."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from indexer.catalog.exclusions import Exclusions
from indexer.catalog.meta import LEFT_OUT, Meta
from indexer.catalog.roots import Root, Roots
from indexer.doctor import check
from indexer.errors import PathNotFoundError, UsageError
from indexer.pipeline.relocate import Relocated, place_of, relocate
from indexer.pipeline.suspects import Suspects
from indexer.settings import IndexSettings
from indexer.store import Store
from indexer.types import Candidate, Report
from tests.indexer.pipeline.test_run import BLUE, RED, paint
from tests.indexer.pipeline.test_run_moved import MovingBench


class RelocatingBench(MovingBench):
    """Also says where folders are now."""

    def relocate(self, old: Path, new: Path) -> Relocated:
        store = Store.create(self.folder)
        try:
            return relocate(store.catalog, str(old), str(new))
        finally:
            store.close()

    def rows(self) -> dict[str, Root]:
        store = Store.open(self.folder)
        try:
            with store.catalog.snapshot() as snapshot:
                return {row.path: row for row in Roots(snapshot).all()}
        finally:
            store.close()

    def finds_nothing_to_do(self, *named: Path) -> Report:
        """A run that neither reads nor encodes, nor changes what a search could see."""
        self.read.clear()
        encoded, generation = self.encoder.images, self.generation()
        report = self.run(*named)
        assert (self.read, self.encoder.images, self.generation()) == ([], encoded, generation)
        assert (report.vanished, report.reused, report.failures, report.warnings) == (0, 0, [], [])
        return report


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RelocatingBench:
    return RelocatingBench(tmp_path / "photos.search", monkeypatch)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "a"
    for number in range(12):
        paint(folder / f"{number % 3}" / f"{number}.bmp", (RED, BLUE, RED)[number % 3], (16, 12 + number))
    (folder / "captions.jsonl").write_text('{"image": "0/0.bmp", "caption": "a red field"}\n')
    paint(folder / "1" / "private" / "x.bmp", RED)
    return folder


def copied(old: Path, new: Path) -> None:
    """As to another drive: times of change are kept, those of the status are not."""
    shutil.copytree(old, new)
    shutil.rmtree(old)


@pytest.mark.parametrize("moved", [Path.rename, copied], ids=["renamed", "copied"])
def test_a_root_that_is_at_another_place(bench: RelocatingBench, photos: Path, tmp_path: Path, moved: object) -> None:
    bench.run(photos, settings=IndexSettings(ignores=("*.tmp",)))
    bench.forget(photos / "1" / "private")
    before, generation, row = bench.names(photos), bench.generation(), bench.rows()[str(photos)]
    new = tmp_path / "drive" / "b"
    new.parent.mkdir()
    moved(photos, new)  # type: ignore[operator]
    found = bench.relocate(photos, new)
    assert found == Relocated(str(photos), str(new), 13, 12, 1, (str(new),))
    assert (bench.names(new), bench.generation()) == (before, generation + 1)
    assert bench.texts() == {(str(new / "0" / "0.bmp"), "a red field")}
    now = bench.rows()
    assert list(now) == [str(new)]
    assert (now[str(new)].ignores, now[str(new)].scanned_at) == (row.ignores, row.scanned_at)
    assert now[str(new)].mount == row.mount
    assert bench.finds_nothing_to_do().unchanged == 13
    assert bench.finds_nothing_to_do(new).unchanged == 13
    assert check(bench.folder) == []


def test_a_part_of_a_root_becomes_a_root_with_its_patterns(
    bench: RelocatingBench, photos: Path, tmp_path: Path
) -> None:
    bench.run(photos, settings=IndexSettings(ignores=("*.tmp", "/1/raw/", "/2/raw/")))
    bench.forget(photos / "1" / "private")
    before = bench.visible()
    new = tmp_path / "b"
    (photos / "1").rename(new)
    found = bench.relocate(photos / "1", new)
    assert (found.files, found.photographs, found.exclusions, found.roots) == (4, 4, 1, (str(new),))
    after = {path.replace(str(new), str(photos / "1")): kept for path, kept in bench.visible().items()}
    assert after == before
    rows = bench.rows()
    assert list(rows) == [str(photos), str(new)]
    assert "/raw/" in rows[str(new)].ignores
    assert not any("2" in pattern for pattern in rows[str(new)].ignores)
    assert rows[str(new)].scanned_at == rows[str(photos)].scanned_at
    bench.finds_nothing_to_do()
    with pytest.raises(UsageError, match=r"b/private was forgotten and stays out; `index\("):
        bench.relocate(photos / "2", new / "private")


def test_a_part_that_stays_below_its_root(bench: RelocatingBench, photos: Path) -> None:
    bench.run(photos)
    (photos / "old").mkdir()
    (photos / "0").rename(photos / "old" / "0")
    assert bench.relocate(photos / "0", photos / "old" / "0").roots == ()
    assert bench.texts() == {(str(photos / "old" / "0" / "0.bmp"), "a red field")}
    assert bench.roots() == [str(photos)]
    bench.finds_nothing_to_do()


def test_where_patterns_leave_the_new_place_out_it_is_a_root(bench: RelocatingBench, photos: Path) -> None:
    bench.run(photos, settings=IndexSettings(ignores=("/old/",)))
    (photos / "old").mkdir()
    (photos / "0").rename(photos / "old" / "0")
    assert bench.relocate(photos / "0", photos / "old" / "0").roots == (str(photos / "old" / "0"),)
    bench.finds_nothing_to_do()


def test_a_folder_that_moves_up_into_one_that_held_it(bench: RelocatingBench, tmp_path: Path) -> None:
    """Names meet on the way: b/b/x.bmp comes to lie where b/x.bmp was."""
    folder = tmp_path / "a"
    paint(folder / "b" / "x.bmp", RED)
    paint(folder / "b" / "b" / "x.bmp", BLUE)
    bench.run(folder / "b", folder / "b" / "b")
    before = bench.names(folder / "b")
    (folder / "b").rename(tmp_path / "c")
    folder.rmdir()
    (tmp_path / "c").rename(folder)
    bench.relocate(folder / "b", folder)
    assert bench.names(folder) == before
    assert bench.roots() == [str(folder)]  # the inner one has the patterns of the one around it
    bench.finds_nothing_to_do()


def test_a_folder_that_only_holds_roots(bench: RelocatingBench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos / "0", photos / "2")
    photos.rename(tmp_path / "b")
    found = bench.relocate(photos, tmp_path / "b")
    assert found.roots == (str(tmp_path / "b" / "0"), str(tmp_path / "b" / "2")) == tuple(bench.roots())
    bench.finds_nothing_to_do()


def test_what_is_refused_changes_nothing(bench: RelocatingBench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos)
    other = tmp_path / "other"
    (other / "0").mkdir(parents=True)
    before, generation = bench.visible(), bench.generation()
    for old, new, error, said in (
        (photos, photos, UsageError, f"{photos} is its place already;"),
        (photos, photos / "0", UsageError, f"{photos / '0'} lies in {photos}, and"),
        (photos, tmp_path / "gone", PathNotFoundError, f"{tmp_path / 'gone'} is not there;"),
        (photos, other, UsageError, f"Of 14 files of {photos} that were looked for, 0 are at {other};"),
        (
            tmp_path / "b" / "0",
            other,
            PathNotFoundError,
            f"Nothing of {tmp_path / 'b' / '0'} is indexed; did you mean ",
        ),
        (tmp_path / "x" / "y", other, PathNotFoundError, f"Nothing of {tmp_path / 'x' / 'y'} is indexed; "),
    ):
        with pytest.raises(error) as raised:
            bench.relocate(old, new)
        assert str(raised.value).startswith(said)
    assert (bench.visible(), bench.generation()) == (before, generation)


def test_folders_near_an_unknown_one_are_named(bench: RelocatingBench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos)
    for wrong in (tmp_path / "aa", tmp_path / "elsewhere" / "1"):
        with pytest.raises(PathNotFoundError, match=r"did you mean .*/a"):
            bench.relocate(wrong, tmp_path)
    with pytest.raises(PathNotFoundError, match=r"`collections\(\)` lists the folders"):
        bench.relocate(Path("/q"), tmp_path)


def test_what_is_indexed_at_the_new_place_already(bench: RelocatingBench, photos: Path, tmp_path: Path) -> None:
    new = tmp_path / "b"
    bench.run(photos)
    shutil.copytree(photos, new)
    bench.run(new)
    before = bench.visible()
    with pytest.raises(UsageError, match=rf"14 of the files of {photos} are indexed at {new} already .*`forget\("):
        bench.relocate(photos, new)
    assert bench.visible() == before
    shutil.rmtree(new)
    bench.run()  # marks the copy as gone
    ids = bench.names(photos)
    photos.rename(new)
    bench.relocate(photos, new)
    assert bench.names(new) == ids
    assert bench.finds_nothing_to_do().unchanged == 14


def test_what_was_forgotten_at_the_new_place(bench: RelocatingBench, photos: Path, tmp_path: Path) -> None:
    new = tmp_path / "b"
    shutil.copytree(photos, new)
    bench.run(photos)
    bench.run(new)
    for number in ("0", "1", "2"):
        bench.forget(new / number)
    bench.forget(new / "captions.jsonl")
    said = rf"{new / '0'} was forgotten, and files of {photos / '0'} would come to lie there; `forget\("
    with pytest.raises(UsageError, match=said):
        bench.relocate(photos, new)


def test_a_file_that_ended_a_run_stays_left_out(bench: RelocatingBench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos)
    bad = photos / "0" / "0.bmp"
    size, time = bad.stat().st_size, bad.stat().st_mtime_ns
    store = Store.create(bench.folder)
    with store.catalog.batch() as batch:
        Meta(batch).set(LEFT_OUT, f'[["{bad}", {size}, {time}, 1, "it ended a run"]]')
    photos.rename(tmp_path / "b")
    relocate(store.catalog, str(photos), str(tmp_path / "b"))
    known = Suspects(store.catalog, bench.folder)
    store.close()
    assert known.why_not(Candidate(str(tmp_path / "b" / "0" / "0.bmp"), size, time)) == "it ended a run"
    assert known.why_not(Candidate(str(bad), size, time)) is None


def test_exclusions_follow(bench: RelocatingBench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos)
    bench.forget(photos / "1" / "private")
    photos.rename(tmp_path / "b")
    bench.relocate(photos, tmp_path / "b")
    store = Store.open(bench.folder)
    with store.catalog.snapshot() as snapshot:
        assert Exclusions(snapshot).all() == [str(tmp_path / "b" / "1" / "private")]
    store.close()
    assert bench.run(tmp_path / "b").encoded == 0


@pytest.mark.skipif(os.sep != "/", reason="there they are paths")
@pytest.mark.parametrize("path", [r"C:\Photos", "D:/Photos", r"\\server\photos"])
def test_a_path_of_another_system(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is a path as Windows writes it"):
        place_of(path)
    Path(path).mkdir(parents=True)
    assert place_of(path) == str(tmp_path / path)


def test_a_url_is_a_place(bench: RelocatingBench, photos: Path) -> None:
    """A folder that was put into a storage of objects; the shell gives it as a path."""
    import fsspec

    bench.run(photos)
    url = f"memory://{photos.parent.name}/photos"
    memory = fsspec.filesystem("memory")
    for path in photos.rglob("*"):
        if path.is_file():
            memory.pipe_file(f"/{photos.parent.name}/photos/{path.relative_to(photos)}", path.read_bytes())
    bench.relocate(photos, place_of(Path(url)))  # type: ignore[arg-type]
    assert bench.run(url).encoded == 0  # type: ignore[arg-type]
