"""`search query --copy-to`: nothing is overwritten, nothing is lost, nothing is there by half."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from PIL import Image

from indexer.errors import UsageError
from search.results import Hit
from search.shell import copy_hits as copying
from search.shell.copy_hits import Copies, copy_photographs, photographs
from tests.conftest import Cli

EARLY = 1_000_000_000_123_456_789


def hits(*paths: Path) -> list[Hit]:
    return [Hit(number, "image", str(path), 0.5, 0.5, 0.5) for number, path in enumerate(paths, 1)]


def copy_hits(hits: Iterable[Hit], folder: str) -> Copies:
    places = photographs(hits)
    known = {each for some in places.values() for each in some if os.path.isfile(each)}
    digests = {each: hashlib.sha256(Path(each).read_bytes()).hexdigest() for each in known}
    return copy_photographs(places, digests, folder)


def written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(EARLY, EARLY))
    return path


def content(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


def test_files_of_one_name_all_arrive_with_their_times(tmp_path: Path) -> None:
    found = [written(tmp_path / str(number) / "dog.jpg", b"dog %d" % number) for number in range(10)]
    copies = copy_hits(hits(*found), str(tmp_path / "new" / "picks"))
    picks = tmp_path / "new" / "picks"
    assert content(picks) == {f"dog{f'-{n + 1}' if n else ''}.jpg": b"dog %d" % n for n in range(10)}
    assert {entry.stat().st_mtime_ns for entry in picks.iterdir()} == {EARLY}
    assert (copies.copied, copies.there, copies.missing, copies.failed) == (10, 0, (), ())
    assert copies.targets[str(found[3])] == str(picks / "dog-4.jpg")


def test_nothing_is_overwritten_and_what_is_there_is_not_copied_again(tmp_path: Path) -> None:
    picks = tmp_path / "picks"
    written(picks / "a.jpg", b"another's")
    written(picks / "b.jpg", b"b")
    (picks / "c.jpg").symlink_to("nowhere")
    (picks / "d.jpg").mkdir()
    before = content_of_files = {"a.jpg": b"another's", "b.jpg": b"b"}
    found = [written(tmp_path / "from" / f"{name}.jpg", name.encode()) for name in "abcd"]
    copies = copy_hits(hits(*found), str(picks))
    assert (copies.copied, copies.there) == (3, 1)
    files = {entry.name: entry.read_bytes() for entry in picks.iterdir() if entry.is_file()}
    assert files == {**content_of_files, "a-2.jpg": b"a", "c-2.jpg": b"c", "d-2.jpg": b"d"}
    assert os.readlink(picks / "c.jpg") == "nowhere"
    again = copy_hits(hits(*found), str(picks))
    assert (again.copied, again.there) == (0, 4)
    assert {entry.name: entry.read_bytes() for entry in picks.iterdir() if entry.is_file()} == files
    assert before.items() <= files.items()


def test_copies_of_one_photograph_arrive_once(tmp_path: Path) -> None:
    found = [written(tmp_path / "from" / name, b"same") for name in ("a.jpg", "b.jpg")]
    found.append(written(tmp_path / "from" / "c.jpg", b"else"))
    copies = copy_hits(hits(*found, found[0]), str(tmp_path / "picks"))
    assert content(tmp_path / "picks") == {"a.jpg": b"same", "c.jpg": b"else"}
    assert copies.targets[str(found[1])] == copies.targets[str(found[0])] == str(tmp_path / "picks" / "a.jpg")
    assert copies.copied == 2


def test_a_hit_in_the_folder_itself_stays_as_it_is(tmp_path: Path) -> None:
    inside = written(tmp_path / "a.jpg", b"a")
    copies = copy_hits(hits(inside), str(tmp_path))
    assert (copies.copied, copies.there, content(tmp_path)) == (0, 1, {"a.jpg": b"a"})


def test_of_a_text_the_photograph_is_copied(tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    Image.new("RGB", (3, 3)).save(image)
    captions = written(tmp_path / "captions.jsonl", b"{}")

    def text(path: Path, source: Path) -> Hit:
        return Hit(1, "text", str(path), 0.5, 0.5, 0.5, "words", str(source))

    about, embedded, alone = text(image, captions), text(image, image), text(captions, captions)
    assert copy_hits([alone], str(tmp_path / "none")).targets == {}
    assert not (tmp_path / "none").exists()
    for hit in (about, embedded):
        copies = copy_hits([hit, alone], str(tmp_path / "picks"))
        assert list(copies.targets) == [str(image)]
    assert list(content(tmp_path / "picks")) == ["a.png"]


def test_of_copies_of_a_photograph_one_that_is_there_is_copied(tmp_path: Path) -> None:
    there = written(tmp_path / "from" / "b.jpg", b"b")
    gone = str(tmp_path / "from" / "a.jpg")
    hit = Hit(1, "text", gone, 0.5, 0.5, 0.5, "words", str(tmp_path / "captions.jsonl"), also=(str(there),))
    copies = copy_hits([hit], str(tmp_path / "picks"))
    assert copies.targets == {gone: str(tmp_path / "picks" / "b.jpg")}
    assert (copies.copied, copies.missing) == (1, ())


def test_one_that_is_gone_or_cannot_be_read_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [written(tmp_path / "from" / f"{name}.jpg", name.encode()) for name in "abc"]
    found[0].unlink()
    found[0].mkdir()
    gone = tmp_path / "from" / "gone.jpg"
    copies = copy_hits(hits(found[0], gone, *found[1:]), str(tmp_path / "picks"))
    assert content(tmp_path / "picks") == {"b.jpg": b"b", "c.jpg": b"c"}
    assert copies.missing == (str(gone),)
    assert [(failure.path, bool(failure.reason)) for failure in copies.failed] == [(str(found[0]), True)]


def test_a_full_disk_leaves_no_half_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [written(tmp_path / "from" / f"{name}.jpg", name.encode() * 9) for name in "ab"]
    honest = shutil.copyfile

    def full(source: str, target: str) -> str:
        if source.endswith("a.jpg"):
            Path(target).write_bytes(b"aa")
            raise OSError(errno.ENOSPC, "No space left on device")
        return honest(source, target)

    monkeypatch.setattr("search.shell.copy_hits.shutil.copyfile", full)
    copies = copy_hits(hits(*found), str(tmp_path / "picks"))
    assert content(tmp_path / "picks") == {"b.jpg": b"b" * 9}
    assert [failure.reason for failure in copies.failed] == ["No space left on device"]


def test_file_systems_without_hard_links_times_or_a_name_that_is_taken_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = written(tmp_path / "from" / "a.jpg", b"a")

    def refuse(*arguments: object, **more: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuse)
        patch.setattr(shutil, "copystat", refuse)
        assert copy_hits(hits(found), str(tmp_path / "picks")).copied == 1
        assert content(tmp_path / "picks") == {"a.jpg": b"a"}
    honest, taken = copying._move, []

    def beaten(aside: str, target: str) -> None:
        if not taken:
            taken.append(target)
            Path(target).write_bytes(b"another's")
        honest(aside, target)

    monkeypatch.setattr(copying, "_move", beaten)
    assert copy_hits(hits(found), str(tmp_path / "more")).copied == 1
    assert content(tmp_path / "more") == {"a.jpg": b"another's", "a-2.jpg": b"a"}


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = written(tmp_path / "a.jpg", b"a")
    with pytest.raises(UsageError, match="cannot be made"):
        copy_hits(hits(found), str(tmp_path / "file" / "picks"))


# -- the command --------------------------------------------------------------------------------------------


def test_the_command_copies_says_so_and_copies_nothing_twice(cli: Cli, indexed: Path, tmp_path: Path) -> None:
    asked = ("query", "a cat", "-k", 3, "-s", indexed, "--copy-to", tmp_path / "picks")
    first = cli(*asked)
    assert (first.code, first.err) == (0, "")
    assert first.out.splitlines()[-1] == f"Copied to {tmp_path / 'picks'}: 3"
    assert "chelsea.png" in content(tmp_path / "picks")
    assert cli(*asked).out.splitlines()[-1] == f"Copied to {tmp_path / 'picks'}: 0, 3 there already"
    found = json.loads(cli(*asked, "--json").out)
    assert found["copies"] == {
        "folder": str(tmp_path / "picks"),
        "copied": 0,
        "there": 3,
        "missing": [],
        "failed": [],
    }
    assert found["hits"][0]["copied_to"] == str(tmp_path / "picks" / "chelsea.png")
    assert len(content(tmp_path / "picks")) == 3
    nothing = cli(*asked[:-1], tmp_path / "none", "--min-probability", "0.9999")
    assert nothing.code == 1
    assert not (tmp_path / "none").exists()


def test_a_photograph_that_is_gone_is_named_and_3(cli: Cli, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("red", "blue"):
        Image.new("RGB", (30, 30), name).save(photos / f"{name}.png")
    assert cli("index", photos, "-s", tmp_path / "s").code == 0
    (photos / "red.png").unlink()
    answer = cli("query", "red", "-s", tmp_path / "s", "--copy-to", photos / "picks", "--json")
    assert answer.code == 3
    assert f"{photos / 'red.png'} is not there any more" in answer.err
    assert f"is inside the indexed folder {photos}" in answer.err
    found = json.loads(answer.out)["copies"]
    assert (found["copied"], found["missing"]) == (1, [str(photos / "red.png")])
    assert list(content(photos / "picks")) == ["blue.png"]
