"""What people see of folders: patterns, folders inside folders, what is left out, what was forgotten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Cli


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number, name in enumerate(("a.png", ".scans/b.png", "private/c.png", "web/d.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (60 * number, 90, 40)).save(folder / name)
    return folder


def _status(cli: Cli, store: Path) -> list[list[str]]:
    return [line.split() for line in cli("status", "-s", store).out.splitlines()]


def test_the_life_of_patterns(cli: Cli, photos: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    first = cli("index", photos, "-s", store, "--ignore", "private/", "--ignore", "*.pngg")
    assert (first.code, "2 encoded" in first.out) == (0, True)
    assert "'*.pngg' matched nothing" in first.err
    second = cli("index", photos, "-s", store, "--ignore", "web/")
    assert "1 file unchanged, 1 left out from now on;" in second.out
    assert "vanished" not in second.out
    assert ["ignores", "private/", "'*.pngg'", "web/"] in _status(cli, store)
    wrong = cli("index", photos, "-s", store, "--no-ignore", "privat/")
    assert (wrong.code, "'privat/' is no pattern of" in wrong.err, "private/, *.pngg, web/" in wrong.err) == (
        2,
        True,
        True,
    )
    assert json.loads(cli("index", photos, "-s", store, "--no-ignore", "private/", "--json").out)["encoded"] == 1
    assert cli("index", photos, "-s", store, "--no-default-ignores").code == 0
    found = json.loads(cli("status", "-s", store, "--json").out)
    assert (found["images"], found["newly_ignored"], found["roots"][0]["ignores"]) == (3, 1, ["*.pngg", "web/"])
    assert "without the default patterns" in cli("status", "-s", store).out


def test_folders_inside_folders_and_forgetting(cli: Cli, photos: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    assert cli("index", photos / ".scans", "-s", store).code == 0
    outer = cli("index", photos, "-s", store)
    assert ("3 encoded, 1 file unchanged;" in outer.out, "lies inside" in outer.err) == (True, True)
    assert f"inside {photos})" in cli("status", "-s", store).out
    gone = cli("forget", photos / "private", "-s", store)
    assert gone.out.splitlines() == [
        "Forgot 1 file.",
        f"{photos / 'private'} stays out from now on; `search index {photos / 'private'}` brings it back.",
    ]
    assert "3 files unchanged;" in cli("index", "-s", store).out
    assert ["forgotten", str(photos / "private")] in [row[:2] for row in _status(cli, store)]
    assert json.loads(cli("status", "-s", store, "--json").out)["exclusions"] == [str(photos / "private")]
    assert "1 encoded;" in cli("index", photos / "private", "-s", store).out
    assert json.loads(cli("forget", photos / ".scans", "-s", store, "--json").out) == {
        "files": 1,
        "roots": [str(photos / ".scans")],
        "excluded": [str(photos / ".scans")],
    }


def test_a_forgotten_folder_that_is_renamed_comes_back_with_a_word(cli: Cli, photos: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    assert cli("index", photos, "-s", store).code == 0
    assert cli("forget", photos / "private", "-s", store).code == 0
    assert f"{photos / 'private'}  (search index {photos / 'private'})" in cli("status", "-s", store).out
    (photos / "private").rename(photos / "other")
    answer = cli("index", "-s", store)
    assert (answer.code, "1 encoded" in answer.out) == (0, True)
    assert f"{photos / 'private'} was forgotten and is no longer there." in answer.err
    assert f"new photographs in {photos / 'other'}; `search forget PATH` with the new name takes it out." in answer.err
    assert f"{photos / 'private'}  (not there just now)" in cli("status", "-s", store).out


def test_what_is_no_image_is_named_by_kind(cli: Cli, photos: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    for name in ("x.CR2", "y.cr2", "clip.mp4", "notes.pdf", "private/strange.qqq"):
        (photos / name).write_bytes(b"bytes")
    told = cli("index", photos, "-s", store).out
    assert "neither images nor captions: 2 camera raw (.cr2), 1 document (.pdf), 1 other (.qqq), 1 video (.mp4)" in told
    assert "2 camera raw (.cr2)" in cli("status", "-s", store).out
    listed = cli("status", "-s", store, "--left-out").out.splitlines()
    assert listed == sorted(str(photos / n) for n in ("clip.mp4", "notes.pdf", "private/strange.qqq", "x.CR2", "y.cr2"))
    found = json.loads(cli("status", "-s", store, "--left-out", "--json").out)
    assert (found["left_out"][0], found["left_out_files"]) == (
        {"kind": "camera raw", "suffix": ".cr2", "count": 2},
        listed,
    )
    again = json.loads(cli("index", photos, "-s", store, "--json").out)
    assert (again["ignored"], again["left_out"]) == (0, [])


def test_a_file_that_is_no_image_makes_no_store(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    answer = cli("index", tmp_path / "notes.txt", "-s", tmp_path / "s")
    assert (answer.code, "neither an image nor captions" in answer.err) == (2, True)
    assert not (tmp_path / "s").exists()


def test_a_single_file_is_called_a_file_and_has_no_patterns(cli: Cli, photos: Path, tmp_path: Path) -> None:
    hidden = photos / ".scans" / "b.png"
    store = tmp_path / "s"
    assert cli("index", photos, "-s", store).code == 0
    said = cli("index", hidden, "-s", store).err
    assert f"{hidden} lies inside {photos} and is a file that is looked at by itself" in said
    rows = _status(cli, store)
    (at,) = [number for number, row in enumerate(rows) if row[:2] == ["file", str(hidden)]]
    assert all(row[:1] not in (["ignores"], ["without"]) for row in rows[at + 1 :])
    refused = cli("index", hidden, "-s", store, "--ignore", "*.gif")
    assert (refused.code, "b.png is a file, and patterns are those of folders" in refused.err) == (2, True)


def test_one_is_one(cli: Cli, tmp_path: Path) -> None:
    store = tmp_path / "s"
    Image.new("RGB", (40, 30), (9, 90, 40)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("a plum")
    said = cli("index", tmp_path / "a.png", tmp_path / "a.txt", "-s", store).out
    assert "1 encoded, 1 text encoded;" in said
    shown = cli("status", "-s", store).out
    assert "1 vector," in shown
    assert "1 vectors" not in shown
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    (tmp_path / "b.txt").write_text("a pear\na fig")
    assert "2 texts encoded;" in cli("index", tmp_path / "b.png", tmp_path / "b.txt", "-s", store).out


def test_a_folder_that_is_at_another_place(cli: Cli, photos: Path, tmp_path: Path) -> None:
    store, new = tmp_path / "s", tmp_path / "new"
    assert cli("roots", "-s", store).code == 2
    cli("index", photos, "-s", store)
    assert cli("roots", "-s", store).out == f"{photos}: 3 images, 0 texts\n"
    photos.rename(new)
    assert cli("roots", "list", "-s", store).out == f"{photos}: 3 images, 0 texts, not there now\n"
    wrong = cli("roots", "move", "/q", new, "-s", store)
    assert (wrong.code, f"`search roots list --store {store}` lists the folders." in wrong.err) == (2, True)
    moved = cli("roots", "move", photos, new, "-s", store)
    assert moved.out == f"{photos} is {new} now: 3 files (3 photographs); nothing is encoded again.\n"
    assert "3 files unchanged" in cli("index", "-s", store).out
    (listed,) = json.loads(cli("roots", "--json", "-s", store).out)
    assert (listed["path"], listed["images"], listed["present"]) == (str(new), 3, True)
    (new / "web").rename(tmp_path / "web")
    found = json.loads(cli("roots", "move", new / "web", tmp_path / "web", "-s", store, "--json").out)
    assert (found["files"], found["roots"]) == (1, [str(tmp_path / "web")])
    assert len(cli("roots", "-s", store).out.splitlines()) == 2


def test_help_of_roots_and_what_people_type_instead(cli: Cli) -> None:
    for given in (["roots", "--help"], ["roots", "-h"], ["help", "roots"]):
        assert "move" in cli(*given).out
    assert "did you mean `search roots move /a /b`?" in cli("move", "/a", "/b").err
