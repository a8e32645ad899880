"""What the table of hits says beside a path."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image

from search.console.answer_text import Form, Printed, Surroundings, answer_text, reason_of_absence
from search.query.query import Query
from search.query.settings import Order
from search.rerank.explain import Explanation, WordMatch
from search.results import Cut, Hit, PlaceNames, Results
from tests.conftest import Cli


def printed(
    results: Results,
    order: Order | None = None,
    *,
    form: Form = "table",
    here: Path | None = None,
    terminal: bool = False,
) -> Printed:
    where = Surroundings(None if here is None else os.fspath(here), terminal)
    return answer_text(results, Query("x", sort=order), form, where, None, all_wanted=False)


def table(
    results: Results, order: Order | None = None, *, here: Path | None = None, terminal: bool = False
) -> list[str]:
    out = printed(results, order, here=here, terminal=terminal).out
    assert isinstance(out, str)
    return out.splitlines()


def lines(*hits: Hit, here: Path | None = None, terminal: bool = False) -> list[str]:
    return table(Results("x", hits), here=here, terminal=terminal)


def test_copies_missing_files_and_the_query_image(
    tmp_path: Path,
) -> None:
    copies = tuple(f"{tmp_path}/sub/{number}.jpg" for number in range(5))
    taken = datetime(2024, 5, 3, 18, 20, 11)
    first, second, third, fourth = lines(
        Hit(1, "image", "/p/a.jpg", 0.5, 0.5, 0.5, also=copies[:2], same=True, date=taken, date_from="taken"),
        Hit(2, "image", "/p/b.jpg", 0.4, 0.4, 0.5, also=copies, missing=True),
        Hit(3, "text", "/p/c.jpg", 0.3, 0.3, 0.5, text="a\ncaption", also=copies),
        Hit(4, "image", "/p/d.jpg", 0.2, 0.2, 0.5),
        here=tmp_path,
    )
    assert first.endswith("/p/a.jpg  2024-05-03  (the query image)  (also sub/0.jpg, sub/1.jpg)")
    assert second.endswith("/p/b.jpg  (the file is not there)  (also sub/0.jpg, sub/1.jpg, sub/2.jpg and 2 more)")
    assert third.endswith("/p/c.jpg  “a\\ncaption”")
    assert fourth.endswith("/p/d.jpg")


def test_when_and_where_it_was_taken() -> None:
    moment = datetime(2024, 5, 3, 18, 20, 11)
    kreuzberg = PlaceNames("Kreuzberg", "Berlin", "State of Berlin", "Germany")
    ranked = (
        Hit(1, "image", "/p/a.jpg", 0.5, 0.5, 0.5, date=moment, date_from="name", place=kreuzberg),
        Hit(2, "image", "/p/b.jpg", 0.5, 0.5, 0.5, date=moment, date_from="file"),
        Hit(3, "image", "/p/c.jpg", 0.5, 0.5, 0.5, place=PlaceNames(None, None, None, "Australia")),
    )
    assert [line.split("/p/")[1] for line in lines(*ranked)] == [
        "a.jpg  2024-05-03  Kreuzberg (Berlin), Germany", "b.jpg", "c.jpg  Australia",
    ]  # fmt: skip
    (listed,) = lines(Hit(2, "image", "/p/b.jpg", None, None, None, date=moment, date_from="file"))
    assert listed == "1  2024-05-03 18:20  /p/b.jpg"


def test_what_is_sorted_shows_by_what(tmp_path: Path) -> None:
    moment = datetime(2024, 5, 3, 18, 20, 11)
    (tmp_path / "a.jpg").write_bytes(bytes(1_234))
    path = os.fspath(tmp_path / "a.jpg")
    hits = (
        Hit(1, "image", path, 0.5, 0.5, 0.5, date=moment, date_from="file"),
        Hit(2, "text", "/p/b.jpg", 0.5, 0.5, None, text="words", date=moment, date_from="taken"),
    )
    assert table(Results("x", hits), "-date") == [
        f"1   0.500   50 %  2024-05-03 18:20  {path}",
        "2   0.500         2024-05-03 18:20  /p/b.jpg  “words”",
    ]
    assert table(Results("x", hits[:1]), "size") == [f"1   0.500   50 %           1,234 B  {path}"]


def test_a_word_stands_where_nothing_was_fitted() -> None:
    hits = [
        Hit(number, "image", "/p/a.jpg", 0.5, 0.5, None, guess=guess) for number, guess in enumerate((0.9, 0.2, 0.01))
    ]
    assert lines(*hits) == [
        "1   0.500  strong  /p/a.jpg",
        "2   0.500    fair  /p/a.jpg",
        "3   0.500    weak  /p/a.jpg",
    ]


def test_below_the_weak_mark_no_number_is_that_of_the_mark() -> None:
    chances = (0.0505, 0.05, 0.0499, 0.0487, 0.045, 0.0449, 0.004)
    hits = [Hit(number, "image", "/p/a.jpg", 0.5, 0.5, chance) for number, chance in enumerate(chances)]
    assert [line[9:].split("  /p/")[0].strip() for line in lines(*hits)] == [
        "5 %", "5 %", "4 % weak", "4 % weak", "4 % weak", "4 % weak", "<1 % weak",
    ]  # fmt: skip


def test_a_terminal_is_told_what_the_columns_are() -> None:
    scored = [Hit(number, "image", "/p/a.jpg", 0.5, 0.5, 0.5) for number in range(10)]
    assert len(lines(*scored)) == 10
    head, first, *_ = lines(*scored, terminal=True)
    assert head.split() == ["#", "score", "prob.", "path"]
    assert head.index("path") == first.index("/p/a.jpg")
    assert head.index("score") + len("score") == first.index("0.500") + len("0.500")
    head, first = lines(Hit(1, "image", "/p/a.jpg", 0.5, 0.5, None, guess=0.9), terminal=True)
    assert head.split() == ["#", "score", "match", "path"]
    head, first = lines(Hit(1, "image", "/p/a.jpg", 0.5, 0.5, None), terminal=True)
    assert head.split() == ["#", "score", "path"]
    assert head.index("path") == first.index("/p/a.jpg")
    head, first = lines(Hit(1, "image", "/p/a.jpg", None, None, None, date=datetime(2024, 5, 3)), terminal=True)
    assert head.split() == ["#", "date", "path"]
    assert head.index("path") == first.index("/p/a.jpg")
    for order, name in (("-size", "size"), ("date", "date"), ("name", "date")):
        head, *_ = table(Results("x", tuple(scored)), order, terminal=True)  # type: ignore[arg-type]
        assert head.split() == ["#", "score", "prob.", name, "path"]
    assert table(Results("x"), terminal=True) == ["Nothing found."]


def test_on_a_terminal_a_line_says_what_the_numbers_of_explanations_are() -> None:
    word = WordMatch("red", 1.0, 0.78, (0.0, 0.0, 1.0, 1.0), ((1.0,),))
    explained = Hit(1, "image", "/p/a.jpg", 0.5, 0.5, 0.5, explanation=Explanation((word,), ((1.0,),), (0, 0, 1, 1)))
    legend, head, _, below = lines(explained, terminal=True)
    assert (
        legend
        == "Below a hit: words, how well the best region of the picture fits each (up to 1), (its share of the query)"
    )
    assert head.split() == ["#", "score", "prob.", "path"]
    assert below.split() == ["red", "0.78", "(100%)"]
    assert len(lines(explained)) == 2


def test_where_all_hits_are_weak_that_stands_above_them() -> None:
    for weak in (Hit(1, "image", "/p/a.jpg", 0.5, 0.5, 0.01), Hit(1, "image", "/p/a.jpg", 0.5, 0.5, None, guess=0.01)):
        assert lines(weak)[0] == "Nothing here matches well; these are the nearest:"
        assert Results("x", (weak,)).to_json()["nothing_matches"] is True
    assert len(lines(weak, Hit(2, "image", "/p/b.jpg", 0.4, 0.4, 0.5))) == 2
    assert "nothing_matches" not in Results("x").to_json()
    assert not Results("x", (Hit(1, "image", "/p/a.jpg", None, None, None),)).nothing_matches


def test_what_a_cut_left_out_is_said_below_what_is_sorted() -> None:
    hit = Hit(1, "image", "/p/a.jpg", 0.5, 0.5, 0.5)
    assert table(Results("x", (hit,), cut=Cut(0.05, 1_234, 0.5), matches=7), "date")[1:] == [
        "What is less probable than 5 % is left out; a lower --min-probability sorts more.",
        "1 of 7; -k 7 for all.",
    ]
    assert table(Results("x", (hit,), cut=Cut(0.002, 1, 0.5), matches=1), "date")[1].startswith(
        "What is less probable than 0.2 % is left out;"
    )
    assert len(table(Results("x", (hit,), cut=Cut(0.05, 0, 0.5), matches=1), "date")) == 1
    # of the first alone, which somebody asked for
    assert len(table(Results("x", (hit,), cut=Cut(0.05, 9, 0.5)))) == 1
    assert table(Results("x", cut=Cut(0.05, 9, 0.02), matches=0), "date") == [
        "Nothing here matches well: the best hit has probability 2 %, and --min-probability 5% leaves it out; "
        "a lower one shows more."
    ]


def test_paths_name_each_photograph_once() -> None:
    hits = (Hit(1, "image", "/p/a", 0.5, 0.5, 0.5, also=("/p/b",)), Hit(2, "text", "/p/a", 0.4, 0.4, 0.5, text="x"))
    assert printed(Results("x", hits), form="paths0").out == b"/p/a\0"


def test_only_a_program_gets_the_bytes_of_a_name() -> None:
    name = os.fsdecode(b"/p/\x1b]0;t\x07\xff\xc3\xa9.png")
    found = Results("x", (Hit(1, "image", name, 0.5, 0.5, 0.5),))
    assert printed(found, form="paths0", terminal=True) == Printed(0, "/p/\\x1b]0;t\\x07\\udcffé.png\n")
    assert printed(found, form="paths0") == Printed(0, os.fsencode(name) + b"\0")


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


def test_of_a_text_the_copy_of_its_photograph_that_is_there_is_printed(tmp_path: Path) -> None:
    there = tmp_path / "b.png"
    there.touch()
    about = (str(tmp_path / "gone.png"), 0.5, 0.5, 0.5, "words", "captions.jsonl")
    found = Results(
        "x", (Hit(1, "text", *about, also=(str(there),), missing=True), Hit(2, "text", *about, missing=True))
    )
    assert printed(found, form="paths").out == os.fsencode(f"{there}\n")


def test_paths_have_the_notes_beside_them() -> None:
    results = Results("x", (), ("`min_probability=0.9` leaves nothing out.",))
    printed = answer_text(results, Query("x"), "paths", Surroundings(None, False), None, all_wanted=False)
    assert (printed.out, printed.said) == (b"", ("Note: --min-probability 90% leaves nothing out.",))


def test_captions_that_are_not_there_are_told_where_they_come_from(tmp_path: Path) -> None:
    said = reason_of_absence(Results("x"), "table", "text", tmp_path)
    assert said is not None
    assert "from photo.txt beside photo.jpg, or from captions.jsonl in their folder" in said
