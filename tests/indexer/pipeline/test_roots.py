"""Which folders a run looks through: roots inside roots, parts of roots, patterns that add up, exclusions that last."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from indexer import doctor
from indexer.catalog.exclusions import Exclusions
from indexer.catalog.files import Files
from indexer.catalog.roots import Roots
from indexer.errors import PathNotFoundError, UsageError
from indexer.pipeline.forget import Forgotten, forget, forget_vanished
from indexer.settings import DEFAULT_IGNORES, IndexSettings
from indexer.store import Store
from tests.indexer.pipeline.test_run import BLUE, GREEN, RED, Bench, bench, paint

__all__ = ["bench"]  # a fixture


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """One visible photograph, one in a hidden folder, one in a private one."""
    folder = tmp_path / "photos"
    paint(folder / "a.png", GREEN)
    paint(folder / ".scans" / "b.png", RED)
    paint(folder / "private" / "c.png", BLUE)
    return folder


def _names(bench: Bench) -> set[str]:
    return set(map(os.path.basename, bench.visible()))


def _roots(bench: Bench) -> dict[str, tuple[str, ...]]:
    """The patterns beside the usual ones, by the root's name."""
    store = Store.open(bench.folder)
    try:
        with store.catalog.snapshot() as snapshot:
            rows = Roots(snapshot).all()
            return {os.path.basename(r.path): tuple(p for p in r.ignores if p not in DEFAULT_IGNORES) for r in rows}
    finally:
        store.close()


def _forget(bench: Bench, path: Path) -> Forgotten:
    store = Store.open(bench.folder)
    try:
        with store.writing():
            return forget(store.catalog, str(path))
    finally:
        store.close()


def _excluded(bench: Bench) -> list[str]:
    store = Store.open(bench.folder)
    try:
        with store.catalog.snapshot() as snapshot:
            return Exclusions(snapshot).all()
    finally:
        store.close()


def _ignores(*patterns: str, **more: object) -> IndexSettings:
    return IndexSettings(ignores=patterns, **more)  # type: ignore[arg-type]


# -- roots inside roots -------------------------------------------------------------------------------------


def test_a_hidden_folder_that_was_indexed_stays_when_the_one_around_it_is(bench: Bench, photos: Path) -> None:
    bench.run(photos / ".scans")
    report = bench.run(photos)
    assert (report.encoded, report.vanished, report.unchanged) == (2, 0, 1)
    assert len(report.warnings) == 1
    assert ".scans lies inside" in report.warnings[0]
    assert _names(bench) == {"a.png", "b.png", "c.png"}
    again = bench.run(photos)
    assert (again.unchanged, again.vanished, again.warnings) == (3, 0, [])  # said once


def test_doctor_counts_a_file_below_two_roots_once(bench: Bench, photos: Path) -> None:
    bench.run(photos / "private")
    bench.run(photos)
    (photos / "private" / "c.png").unlink()
    problems = [finding.problem for finding in doctor.check(bench.folder) if finding.part == "files"]
    assert problems == ["1 indexed files are no longer there"]


def test_the_other_order(bench: Bench, photos: Path) -> None:
    bench.run(photos, settings=_ignores("c.*", "/private/"))
    report = bench.run(photos / ".scans")
    assert (report.encoded, len(report.warnings)) == (1, 1)
    assert _roots(bench) == {"photos": ("c.*", "/private/"), ".scans": ("c.*",)}  # a place in another means nothing
    assert bench.run().vanished == 0


def test_a_root_around_brings_those_inside_up_to_date_each_by_its_patterns(bench: Bench, photos: Path) -> None:
    bench.run(photos / "private", settings=_ignores("*.jpg"))
    bench.run(photos, settings=_ignores("*.gif"))
    (photos / "private" / "c.png").unlink()
    for folder in (photos, photos / "private"):
        for name in ("new.jpg", "new.gif"):
            paint(folder / name, RED)
    report = bench.run(photos)
    assert (report.encoded, report.vanished) == (2, 1)
    found = {os.path.relpath(path, photos) for path in bench.visible()}
    assert found == {"a.png", "new.jpg", "private/new.gif"}


def test_a_part_of_a_root_is_no_root_and_only_it_is_judged(bench: Bench, photos: Path) -> None:
    bench.run(photos, settings=_ignores("/private/raw/"))
    paint(photos / "private" / "new.png", RED)
    paint(photos / "private" / "raw" / "x.png", RED)
    paint(photos / "later.png", RED)
    (photos / "private" / "c.png").unlink()
    (photos / "a.png").unlink()
    report = bench.run(photos / "private")
    assert (report.encoded, report.vanished, report.warnings) == (1, 1, [])
    assert _names(bench) == {"a.png", "new.png"}
    assert list(_roots(bench)) == ["photos"]
    assert bench.run(photos).vanished == 1


def test_a_single_file_of_a_root_is_a_part_of_it(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    paint(photos / "new.png", RED)
    paint(photos / "newer.png", BLUE)
    report = bench.run(photos / "new.png")
    assert (report.encoded, report.vanished) == (1, 0)
    assert list(_roots(bench)) == ["photos"]


@pytest.mark.parametrize("order", [("private", "."), (".", "private")])
def test_a_root_and_its_part_named_together_are_one_root(bench: Bench, photos: Path, order: tuple[str, str]) -> None:
    assert bench.run(*(photos / each for each in order), settings=_ignores("*.gif")).encoded == 2
    assert _roots(bench) == {"photos": ("*.gif",)}


def test_what_the_patterns_hide_becomes_a_root_of_its_own(bench: Bench, photos: Path) -> None:
    bench.run(photos, settings=_ignores("private/"))
    assert _names(bench) == {"a.png"}
    assert bench.run(photos / "private").encoded == 1
    assert set(_roots(bench)) == {"photos", "private"}
    assert bench.run().unchanged == 2


# -- patterns -----------------------------------------------------------------------------------------------


def test_patterns_add_up_and_stay(bench: Bench, photos: Path) -> None:
    paint(photos / "web" / "d.png", RED)
    bench.run(photos, settings=_ignores("private/"))
    report = bench.run(photos, settings=_ignores("web/"))
    assert (report.vanished, report.newly_ignored, report.warnings) == (0, 1, [])
    assert _names(bench) == {"a.png"}
    assert _roots(bench) == {"photos": ("private/", "web/")}
    encoded = bench.encoder.images
    report = bench.run(photos, settings=IndexSettings(unignores=("web/",)))
    assert (report.unchanged, report.encoded) == (2, 0)
    assert bench.encoder.images == encoded  # embeddings were kept
    assert _names(bench) == {"a.png", "d.png"}
    assert bench.run(photos).unchanged == 2


def test_texts_about_what_is_ignored_now_are_hidden_with_it(bench: Bench, photos: Path) -> None:
    (photos / "captions.csv").write_text("image,caption\nprivate/c.png,blue\n")
    bench.run(photos)
    assert len(bench.texts()) == 1
    bench.run(photos, settings=_ignores("private/"))
    assert bench.texts() == set()
    store = Store.open(bench.folder)
    with store.catalog.snapshot() as snapshot:
        counts = Files(snapshot).counts()
    store.close()
    assert (counts["ignored"], counts["vanished"]) == (1, 0)
    bench.run(photos, settings=IndexSettings(unignores=("private/",)))
    assert len(bench.texts()) == 1


def test_an_ignored_file_is_gone_when_it_is_looked_for_again_and_not_there(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    bench.run(photos, settings=_ignores("private/"))
    (photos / "private" / "c.png").unlink()
    assert bench.run(photos).vanished == 0
    assert bench.run(photos, settings=IndexSettings(unignores=("private/",))).vanished == 1


def test_a_pattern_that_is_not_there_names_those_that_are(bench: Bench, photos: Path) -> None:
    bench.run(photos, settings=_ignores("private/"))
    with pytest.raises(UsageError, match=r"'privat/' is no pattern of .*photos; those are: .*private/"):
        bench.run(photos, settings=IndexSettings(unignores=("privat/",)))
    with pytest.raises(UsageError, match="no pattern"):
        bench.run(photos, settings=_ignores("/"))
    assert _roots(bench) == {"photos": ("private/",)}


@pytest.mark.parametrize("wrong", ["*", [1], (b"*.png",)])
def test_patterns_are_a_sequence_of_words(wrong: object) -> None:
    for name in ("ignores", "unignores"):  # the letters of a word would be patterns, each
        with pytest.raises(TypeError, match=f"`{name}` takes"):
            IndexSettings(**{name: wrong})  # type: ignore[arg-type]


def test_a_pattern_that_matched_nothing_is_named(bench: Bench, photos: Path, tmp_path: Path) -> None:
    report = bench.run(photos, settings=_ignores("*.pngg", "private/"))
    assert len(report.warnings) == 1
    assert "'*.pngg' matched nothing in " in report.warnings[0]
    paint(tmp_path / "more" / "x.gif", RED)
    assert bench.run(photos, tmp_path / "more", settings=_ignores("*.gif")).warnings == []  # it matched in one of them


def test_patterns_for_a_part_make_it_a_root_that_leaves_out_what_it_left_out_before(bench: Bench, photos: Path) -> None:
    paint(photos / "2020" / "d.png", RED)
    paint(photos / "2020" / "e.gif", GREEN)
    paint(photos / "2020" / "raw" / "f.png", BLUE)
    bench.run(photos, settings=_ignores("2020/raw/", "private/", "/a.png", default_ignores=False))
    assert _names(bench) == {"b.png", "d.png", "e.gif"}
    bench.run(photos / "2020", settings=_ignores("*.gif"))
    assert _names(bench) == {"b.png", "d.png"}
    assert _roots(bench)["2020"] == ("/raw/", "private/", "*.gif")
    paint(photos / "2020" / ".new" / "g.png", (9, 9, 9))
    bench.run(photos)  # hidden folders are looked into, as around it
    assert _names(bench) == {"b.png", "d.png", "g.png"}


def test_patterns_that_do_not_come_to_a_root_inside_are_told_with_the_next_step(bench: Bench, photos: Path) -> None:
    paint(photos / "2020" / "d.gif", RED)
    paint(photos / "2020" / "e.png", GREEN)
    bench.run(photos, settings=_ignores("private/"))
    bench.run(photos / "2020", settings=_ignores("e.*"))
    report = bench.run(photos, settings=_ignores("*.gif", "/2020/raw/", "/2021/"))
    inner = str(photos / "2020")
    assert report.warnings[0] == (
        f"{inner} lies inside {photos} and has patterns of its own, which stay as they are; "
        f"`index({inner!r}, ignores=('*.gif', '/raw/'))` changes them too."
    )
    assert report.warnings[1].startswith(
        f"The pattern '*.gif' matched nothing in {photos} outside {inner} (which has patterns of its own); it is kept"
    )
    assert _names(bench) == {"a.png", "d.gif"}
    taken = bench.run(photos / "2020", settings=_ignores("*.gif", "/raw/"))
    assert (taken.newly_ignored, _names(bench)) == (1, {"a.png"})
    again = bench.run(photos, settings=_ignores("*.gif", "/2020/raw/"))
    assert not any("lies inside" in each for each in again.warnings)  # it has them
    away = bench.run(photos, settings=IndexSettings(unignores=("*.gif",)))
    assert f"`index({inner!r}, unignores=('*.gif',))` changes them too." in away.warnings[0]


def test_patterns_are_not_those_of_a_file(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    with pytest.raises(UsageError, match=r"a\.png is a file, and patterns are those of folders; name the folder"):
        bench.run(photos / "a.png", settings=_ignores("*.gif"))
    assert _roots(bench) == {"photos": ()}
    bench.run(photos / ".scans" / "b.png")
    report = bench.run(photos, settings=_ignores("*.gif"))
    assert _roots(bench) == {"photos": ("*.gif",), "b.png": ()}
    assert not any("patterns of" in each for each in report.warnings)


def test_a_file_that_is_a_root_inside_another_is_called_a_file(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    (warning,) = bench.run(photos / ".scans" / "b.png").warnings
    assert warning == (
        f"{photos / '.scans' / 'b.png'} lies inside {photos} and is a file that is looked at by itself, whatever the "
        f"patterns there say; `index({str(photos)!r})` brings both up to date."
    )


def test_default_patterns_go_and_come(bench: Bench, photos: Path) -> None:
    assert bench.run(photos, settings=_ignores("private/", default_ignores=False)).encoded == 2
    assert _names(bench) == {"a.png", "b.png"}
    assert bench.run(photos).unchanged == 2
    assert bench.run(photos, settings=IndexSettings(default_ignores=True)).newly_ignored == 1
    assert _roots(bench) == {"photos": ("private/",)}
    assert bench.run(photos, settings=IndexSettings(unignores=(".*",))).unchanged == 2


def test_a_hidden_folder_can_be_taken_back(bench: Bench, photos: Path) -> None:
    paint(photos / ".cache" / "x.png", RED)
    bench.run(photos, settings=_ignores("!.scans/"))
    assert _names(bench) == {"a.png", "b.png", "c.png"}


def test_a_store_of_before_names_once_the_patterns_that_may_mean_something_else(bench: Bench, photos: Path) -> None:
    bench.run(photos, settings=_ignores("*/raw/*", "private/"))
    store = Store.open(bench.folder)
    with store.writing(), store.catalog.batch() as batch:
        batch.connection.exec_driver_sql("DELETE FROM meta WHERE key = 'ignore_rules'")
    store.close()
    warnings = bench.run(photos).warnings
    assert (len(warnings), "something else: */raw/* (" in warnings[0]) == (1, True)
    assert bench.run(photos).warnings == []


# -- forgetting ---------------------------------------------------------------------------------------------


def test_what_was_forgotten_stays_out_until_it_is_named(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    assert _forget(bench, photos / "private") == Forgotten(1, (), (str(photos / "private"),))
    paint(photos / "private" / "more.png", RED)
    report = bench.run(photos)
    assert (report.unchanged, report.encoded) == (1, 0)
    assert _names(bench) == {"a.png"}
    with pytest.raises(PathNotFoundError, match="forgotten already"):
        _forget(bench, photos / "private")
    assert bench.run(photos / "private").encoded == 2
    assert _excluded(bench) == []
    assert list(_roots(bench)) == ["photos"]
    assert bench.run(photos).unchanged == 3


def test_captions_of_what_was_forgotten_are_hidden_with_it(bench: Bench, photos: Path) -> None:
    """They stand in a table that stays."""
    (photos / "captions.csv").write_text("image,caption\nprivate/c.png,blue\na.png,green\n")
    bench.run(photos)
    _forget(bench, photos / "private")
    bench.run(photos)
    assert {text for _, text in bench.texts()} == {"green"}
    with pytest.raises(PathNotFoundError):  # nothing but its name is kept
        _forget(bench, photos / "private")
    bench.run(photos / "private")
    assert {text for _, text in bench.texts()} == {"green", "blue"}
    (photos / "private" / "c.png").unlink()
    assert bench.run(photos).vanished == 1
    store = Store.open(bench.folder)
    with store.writing():
        assert forget_vanished(store.catalog).files == 1
    store.close()
    assert {text for _, text in bench.texts()} == {"green"}
    assert bench.run(photos).vanished == 0
    paint(photos / "private" / "c.png", BLUE)
    bench.run(photos)
    assert {text for _, text in bench.texts()} == {"green", "blue"}


def test_a_part_of_what_was_forgotten_comes_back_alone(bench: Bench, photos: Path) -> None:
    paint(photos / "private" / "ours" / "d.png", RED)
    bench.run(photos)
    _forget(bench, photos / "private")
    assert bench.run(photos / "private" / "ours").encoded == 1
    assert bench.run(photos).unchanged == 2
    assert _names(bench) == {"a.png", "d.png"}
    assert _excluded(bench) == [str(photos / "private")]


def test_a_single_file_stays_out_too_but_not_one_that_is_gone(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    assert _forget(bench, photos / "a.png").excluded == (str(photos / "a.png"),)
    (photos / "private" / "c.png").unlink()
    assert _forget(bench, photos / "private" / "c.png").excluded == ()
    paint(photos / "private" / "c.png", RED)
    bench.run(photos)
    assert _names(bench) == {"c.png"}


def test_on_a_drive_that_is_not_there_it_stays_out(bench: Bench, photos: Path, tmp_path: Path) -> None:
    bench.run(photos)
    photos.rename(tmp_path / "away")
    _forget(bench, photos / "private")
    (tmp_path / "away").rename(photos)
    bench.run(photos)
    assert _names(bench) == {"a.png"}


def test_on_a_drive_in_whose_place_is_an_empty_folder_it_stays_out(
    bench: Bench, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(photos)
    photos.rename(tmp_path / "away")
    photos.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("os.path.ismount", lambda path: False)
        assert _forget(bench, photos / "private").excluded == (str(photos / "private"),)
    photos.rmdir()
    (tmp_path / "away").rename(photos)
    bench.run(photos)
    assert _names(bench) == {"a.png"}


def test_a_forgotten_root_takes_its_exclusions_along(bench: Bench, photos: Path) -> None:
    bench.run(photos)
    _forget(bench, photos / "private")
    assert _forget(bench, photos) == Forgotten(1, (str(photos),))
    assert (_excluded(bench), _roots(bench)) == ([], {})
    assert bench.run(photos).encoded == 2


def test_a_forgotten_root_inside_another_stays_out_of_it(bench: Bench, photos: Path) -> None:
    bench.run(photos, settings=_ignores("private/"))
    bench.run(photos / "private")
    assert _forget(bench, photos / "private") == Forgotten(1, (str(photos / "private"),), (str(photos / "private"),))
    bench.run(photos, settings=IndexSettings(unignores=("private/",)))
    assert _names(bench) == {"a.png"}


# -- files that are named -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [("notes.txt", r"document \(.txt\)"), ("x.pdf", "document"), ("y.CR2", "camera raw"), ("noname", "other")],
)
def test_a_file_that_is_no_image_is_refused_and_leaves_no_root(
    bench: Bench, photos: Path, name: str, kind: str
) -> None:
    (photos / name).write_bytes(b"words")
    for _ in range(2):  # in a new store, and below a root
        with pytest.raises(UsageError, match=f"{kind}.*, neither an image nor captions"):
            bench.run(photos / name)
        bench.run(photos)
        assert list(_roots(bench)) == ["photos"]


def test_a_root_that_was_such_a_file_is_dropped(bench: Bench, photos: Path) -> None:
    (photos / "notes.txt").write_text("words")
    bench.run(photos)
    store = Store.open(bench.folder)
    with store.writing(), store.catalog.batch() as batch:
        Roots(batch).add(str(photos / "notes.txt"), ())
    store.close()
    assert any("no longer looked at" in warning for warning in bench.run().warnings)
    assert list(_roots(bench)) == ["photos"]


def test_captions_and_damaged_images_may_be_named(bench: Bench, photos: Path) -> None:
    (photos / "a.txt").write_text("green")
    (photos / "bad.jpg").write_bytes(b"no image")
    (photos / "unnamed").write_bytes((photos / "a.png").read_bytes())
    report = bench.run(photos / "a.txt", photos / "bad.jpg", photos / "unnamed")
    assert (report.caption_files, len(report.failures), report.encoded) == (1, 1, 1)


def test_a_text_without_its_image_is_listed_and_becomes_captions_when_that_comes(bench: Bench, photos: Path) -> None:
    (photos / "later.txt").write_text("a red field")
    report = bench.run(photos)
    assert (report.ignored, report.left_out) == (1, {".txt": 1})
    assert bench.run(photos).ignored == 0  # looked at, and as it was
    store = Store.open(bench.folder)
    with store.catalog.snapshot() as snapshot:
        assert list(Files(snapshot).others()) == [str(photos / "later.txt")]
    store.close()
    paint(photos / "later.png", RED)
    assert bench.run(photos).caption_files == 1
    assert bench.texts() == {(str(photos / "later.png"), "a red field")}
