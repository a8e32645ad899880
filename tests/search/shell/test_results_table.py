"""What the table of hits says beside a path."""

from __future__ import annotations

import io
import os
import sys
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image

from search.results import Cut, Hit, PlaceNames, Results
from search.shell.results_table import print_paths, print_results
from tests.conftest import Cli


def lines(capsys: pytest.CaptureFixture[str], *hits: Hit) -> list[str]:
    print_results(Results("x", hits))
    return capsys.readouterr().out.splitlines()


def test_copies_missing_files_and_the_query_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    copies = tuple(f"{tmp_path}/sub/{number}.jpg" for number in range(5))
    taken = datetime(2024, 5, 3, 18, 20, 11)
    first, second, third, fourth = lines(
        capsys,
        Hit(1, "image", "/p/a.jpg", 0.5, 0.5, 0.5, also=copies[:2], same=True, date=taken, date_from="taken"),
        Hit(2, "image", "/p/b.jpg", 0.4, 0.4, 0.5, also=copies, missing=True),
        Hit(3, "text", "/p/c.jpg", 0.3, 0.3, 0.5, text="a\ncaption", also=copies),
        Hit(4, "image", "/p/d.jpg", 0.2, 0.2, 0.5),
    )
    assert first.endswith("/p/a.jpg  2024-05-03  (the query image)  (also sub/0.jpg, sub/1.jpg)")
    assert second.endswith("/p/b.jpg  (the file is not there)  (also sub/0.jpg, sub/1.jpg, sub/2.jpg and 2 more)")
    assert third.endswith("/p/c.jpg  “a\\ncaption”")
    assert fourth.endswith("/p/d.jpg")


def test_when_and_where_it_was_taken(capsys: pytest.CaptureFixture[str]) -> None:
    moment = datetime(2024, 5, 3, 18, 20, 11)
    kreuzberg = PlaceNames("Kreuzberg", "Berlin", "State of Berlin", "Germany")
    ranked = (
        Hit(1, "image", "/p/a.jpg", 0.5, 0.5, 0.5, date=moment, date_from="name", place=kreuzberg),
        Hit(2, "image", "/p/b.jpg", 0.5, 0.5, 0.5, date=moment, date_from="file"),
        Hit(3, "image", "/p/c.jpg", 0.5, 0.5, 0.5, place=PlaceNames(None, None, None, "Australia")),
    )
    assert [line.split("/p/")[1] for line in lines(capsys, *ranked)] == [
        "a.jpg  2024-05-03  Kreuzberg (Berlin), Germany", "b.jpg", "c.jpg  Australia",
    ]  # fmt: skip
    (listed,) = lines(capsys, Hit(2, "image", "/p/b.jpg", None, None, None, date=moment, date_from="file"))
    assert listed == "1  2024-05-03 18:20  /p/b.jpg"


def test_what_is_sorted_shows_by_what(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    moment = datetime(2024, 5, 3, 18, 20, 11)
    (tmp_path / "a.jpg").write_bytes(bytes(1_234))
    path = os.fspath(tmp_path / "a.jpg")
    hits = (
        Hit(1, "image", path, 0.5, 0.5, 0.5, date=moment, date_from="file"),
        Hit(2, "text", "/p/b.jpg", 0.5, 0.5, None, text="words", date=moment, date_from="taken"),
    )
    print_results(Results("x", hits), "-date")
    assert capsys.readouterr().out.splitlines() == [
        f"1   0.500   50 %  2024-05-03 18:20  {path}",
        "2   0.500         2024-05-03 18:20  /p/b.jpg  “words”",
    ]
    print_results(Results("x", hits[:1]), "size")
    assert capsys.readouterr().out == f"1   0.500   50 %           1,234 B  {path}\n"


def test_a_word_stands_where_nothing_was_fitted(capsys: pytest.CaptureFixture[str]) -> None:
    hits = [
        Hit(number, "image", "/p/a.jpg", 0.5, 0.5, None, guess=guess) for number, guess in enumerate((0.9, 0.2, 0.01))
    ]
    assert lines(capsys, *hits) == [
        "1   0.500  strong  /p/a.jpg",
        "2   0.500    fair  /p/a.jpg",
        "3   0.500    weak  /p/a.jpg",
    ]


def test_below_the_weak_mark_no_number_is_that_of_the_mark(capsys: pytest.CaptureFixture[str]) -> None:
    chances = (0.0505, 0.05, 0.0499, 0.0487, 0.045, 0.0449, 0.004)
    hits = [Hit(number, "image", "/p/a.jpg", 0.5, 0.5, chance) for number, chance in enumerate(chances)]
    assert [line[9:].split("  /p/")[0].strip() for line in lines(capsys, *hits)] == [
        "5 %", "5 %", "<5 % weak", "<5 % weak", "4 % weak", "4 % weak", "<1 % weak",
    ]  # fmt: skip


def test_a_terminal_is_told_what_the_columns_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = [Hit(number, "image", "/p/a.jpg", 0.5, 0.5, 0.5) for number in range(10)]
    assert len(lines(capsys, *scored)) == 10
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    head, first, *_ = lines(capsys, *scored)
    assert head.split() == ["#", "score", "prob.", "path"]
    assert head.index("path") == first.index("/p/a.jpg")
    assert head.index("score") + len("score") == first.index("0.500") + len("0.500")
    head, first = lines(capsys, Hit(1, "image", "/p/a.jpg", 0.5, 0.5, None, guess=0.9))
    assert head.split() == ["#", "score", "match", "path"]
    head, first = lines(capsys, Hit(1, "image", "/p/a.jpg", 0.5, 0.5, None))
    assert head.split() == ["#", "score", "path"]
    assert head.index("path") == first.index("/p/a.jpg")
    head, first = lines(capsys, Hit(1, "image", "/p/a.jpg", None, None, None, date=datetime(2024, 5, 3)))
    assert head.split() == ["#", "date", "path"]
    assert head.index("path") == first.index("/p/a.jpg")
    for order, name in (("-size", "size"), ("date", "date"), ("name", "date")):
        print_results(Results("x", tuple(scored)), order)  # type: ignore[arg-type]
        assert capsys.readouterr().out.splitlines()[0].split() == ["#", "score", "prob.", name, "path"]
    print_results(Results("x"))
    assert capsys.readouterr().out == "Nothing found.\n"


def test_where_all_hits_are_weak_that_stands_above_them(capsys: pytest.CaptureFixture[str]) -> None:
    for weak in (Hit(1, "image", "/p/a.jpg", 0.5, 0.5, 0.01), Hit(1, "image", "/p/a.jpg", 0.5, 0.5, None, guess=0.01)):
        assert lines(capsys, weak)[0] == "Nothing here matches well; these are the nearest:"
        assert Results("x", (weak,)).to_json()["nothing_matches"] is True
    assert len(lines(capsys, weak, Hit(2, "image", "/p/b.jpg", 0.4, 0.4, 0.5))) == 2
    assert "nothing_matches" not in Results("x").to_json()
    assert not Results("x", (Hit(1, "image", "/p/a.jpg", None, None, None),)).nothing_matches


def test_what_a_cut_left_out_is_said_below_what_is_sorted(capsys: pytest.CaptureFixture[str]) -> None:
    hit = Hit(1, "image", "/p/a.jpg", 0.5, 0.5, 0.5)
    print_results(Results("x", (hit,), cut=Cut(0.05, 1_234, 0.5), matches=7), "date")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "What is less probable than 5 % is left out; a lower --min-probability sorts more.",
        "1 of 7; -k 7 for all.",
    ]
    print_results(Results("x", (hit,), cut=Cut(0.002, 1, 0.5), matches=1), "date")
    assert capsys.readouterr().out.splitlines()[1].startswith("What is less probable than 0.2 % is left out;")
    print_results(Results("x", (hit,), cut=Cut(0.05, 0, 0.5), matches=1), "date")
    assert len(capsys.readouterr().out.splitlines()) == 1
    print_results(Results("x", (hit,), cut=Cut(0.05, 9, 0.5)))  # of the first alone, which somebody asked for
    assert len(capsys.readouterr().out.splitlines()) == 1
    print_results(Results("x", cut=Cut(0.05, 9, 0.02), matches=0), "date")
    assert capsys.readouterr().out.splitlines() == [
        "Nothing here matches well: the best hit has probability 0.02, and --min-probability 0.05 leaves it out; "
        "a lower one shows more."
    ]


def test_paths_name_each_photograph_once(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    hits = (Hit(1, "image", "/p/a", 0.5, 0.5, 0.5, also=("/p/b",)), Hit(2, "text", "/p/a", 0.4, 0.4, 0.5, text="x"))
    print_paths(Results("x", hits), b"\0")
    assert capfdbinary.readouterr().out == b"/p/a\0"


@pytest.mark.parametrize("terminal", [False, True])
def test_only_a_program_gets_the_bytes_of_a_name(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, "utf-8")
    monkeypatch.setattr(stream, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(sys, "stdout", stream)
    name = os.fsdecode(b"/p/\x1b]0;t\x07\xff\xc3\xa9.png")
    assert print_paths(Results("x", (Hit(1, "image", name, 0.5, 0.5, 0.5),)), b"\0") == (1, 0)
    stream.flush()
    expected = "/p/\\x1b]0;t\\x07\\udcffé.png\n".encode() if terminal else os.fsencode(name) + b"\0"
    assert written.getvalue() == expected


@pytest.mark.parametrize(("flag", "end"), [("--paths", "\n"), ("-0", "\0")])
def test_paths_are_those_of_files_that_are_there(cli: Cli, tmp_path: Path, flag: str, end: str) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("red", "blue", "green"):
        Image.new("RGB", (30, 30), name).save(photos / f"{name}.png")
    assert cli("index", photos, "-s", tmp_path / "s").code == 0
    asked = ("query", "red", "-s", tmp_path / "s", flag)
    whole = cli(*asked)
    assert sorted(whole.out.split(end)) == ["", *(str(photos / f"{name}.png") for name in ("blue", "green", "red"))]
    (photos / "red.png").unlink()
    some = cli(*asked)
    assert (some.code, some.out) == (0, whole.out.replace(f"{photos / 'red.png'}{end}", ""))
    assert "search: 1 hit was left out, its file is not there" in some.err
    (photos / "blue.png").unlink()
    (photos / "green.png").unlink()
    none = cli(*asked)
    assert (none.code, none.out) == (1, "")
    assert "3 hits were left out, their files are not there" in none.err


def test_of_a_text_the_copy_of_its_photograph_that_is_there_is_printed(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    there = tmp_path / "b.png"
    there.touch()
    about = (str(tmp_path / "gone.png"), 0.5, 0.5, 0.5, "words", "captions.jsonl")
    found = Results(
        "x", (Hit(1, "text", *about, also=(str(there),), missing=True), Hit(2, "text", *about, missing=True))
    )
    assert print_paths(found, b"\n") == (1, 1)
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == os.fsencode(f"{there}\n")
