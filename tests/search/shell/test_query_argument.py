"""What the arguments of `search query` mean. Only the command line guesses; see test_engine.py for the library."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import threading
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from indexer.errors import ImageTooLargeError, NotAnImageError, PathNotFoundError, SearchError, UsageError
from indexer.settings import DecodeLimits
from search.console.given_fields import joined
from search.query.query import Query
from search.query.terms import Term, Words
from search.shell import query_stream
from search.shell.query_argument import image_named, open_image, read_query
from search.shell.query_stream import STANDARD_INPUT, is_stream
from tests.conftest import Cli


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a bit of everything."""
    monkeypatch.chdir(tmp_path)
    for folder in ("photos/cats", "album.jpg", "album.mp4"):
        (tmp_path / folder).mkdir(parents=True)
    Image.new("RGB", (3, 3), "red").save("photos/red.png")
    Image.new("RGB", (3, 3), "red").save("my holiday.jpg")
    Image.new("RGB", (3, 3), "red").save("no_suffix", "PNG")
    for name in ("photos/clip.mp4", "clip.mp4", "notes.pdf", "Makefile", "photos/README", "shot.CR2"):
        Path(name).write_bytes(b"II*\0 and so on" if name == "shot.CR2" else b"no image")
    return tmp_path


def meaning(*words: str, as_text: bool = False, as_image: bool = False) -> Query:
    return read_query(words, as_text=as_text, as_image=as_image)[0]


@pytest.mark.parametrize(
    "words",
    [
        *(["a red car"], ["a", "red", "car"], ["black/white"], ["photos"], ["cats"], ["Makefile"], ["St. Bernard"]),
        *(["jpg/png"], [" photos "], [".jpg"], ["St. Bernard/poodle"]),
        *(["9:16"], ["C:"], ["cats and dogs."], ["a \0 b"], ["x" * 5000], ["wait ... what"]),
        *(["3.5 litres, it's big"], ["a . b"], ["and / or"], ["cats photos"], ["a no_suffix thing"]),
    ],
    ids=lambda words: " ".join(words)[:20],
)
def test_words(here: Path, words: list[str]) -> None:
    assert meaning(*words) == Query(text=" ".join(words))


def test_a_name_with_spaces_around_it_that_is_there_is_taken_as_it_stands(here: Path) -> None:
    shutil.copy("photos/red.png", "red.png ")
    Image.new("RGB", (3, 3), "blue").save("red.png")
    assert meaning("red.png ") == Query(image=str(here / "red.png "))
    assert meaning(" red.png") == Query(image=str(here / "red.png"))


def test_a_word_that_is_also_a_folder_is_searched_and_said(here: Path) -> None:
    query, notes = read_query(["photos"], as_text=False, as_image=False)
    assert query.text == "photos"
    assert notes == (
        "photos is also a folder here: `search query path:photos` lists what it has, "
        "and `search index photos` indexes it.",
    )
    assert read_query(["photos"], as_text=True, as_image=False)[1] == ()


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (["photos/red.png"], "photos/red.png"),
        (["my holiday.jpg"], "my holiday.jpg"),
        (["my", "holiday.jpg"], "my holiday.jpg"),  # its quotes were forgotten
        (["no_suffix"], "no_suffix"),
        ([" photos/red.png "], "photos/red.png"),  # copied with what stood around it
        (["my holiday.jpg\n"], "my holiday.jpg"),
        (["my", "holiday.jpg", ""], "my holiday.jpg"),
        (["file://{here}/photos/red.png"], "photos/red.png"),
        (["FILE://localhost{here}/my%20holiday.jpg"], "my holiday.jpg"),
    ],
    ids=lambda given: str(given),
)
def test_images(here: Path, words: list[str], path: str) -> None:
    assert meaning(*(word.format(here=here) for word in words)) == Query(image=str(here / path))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["photos/"], "photos/ is a folder"),
        (["./photos"], "`search index ./photos`"),
        (["photos/cats"], "is a folder"),
        (["album.jpg"], "`search index album.jpg`"),
        (["album.mp4"], "album.mp4 is a folder"),
        ([" gone.jpg "], "gone.jpg is not there"),
        (["photos/red.png/"], "photos/red.png/ is not there"),
        (["photos/red.png/2"], "photos/red.png/2 is not there"),
        (["gone.JPG/"], "gone.JPG/ is not there"),
        (["my", "birthday.jpg", "/"], "birthday.jpg is not there"),
        (["."], "is a folder"),
        (["{here}"], "is a folder"),
        (["photos/clip.mp4"], "photos/clip.mp4 is no image"),
        (["clip.mp4"], "clip.mp4 is no image"),
        (["notes.pdf"], "notes.pdf is no image"),
        (["photos/README"], "is no image"),
        (["shot.CR2"], "camera raw"),
        (["gone.jpg"], "gone.jpg is not there"),
        (["*.png"], "for photographs whose names match it write name:*.png, or put"),
        (["my *.png"], "for photographs whose names match it write name:*.png, or put"),
        (["gone.mp4"], "gone.mp4 is not there"),
        (["gone.NEF"], "gone.NEF is not there"),
        (["./gone"], "./gone is not there"),
        (["{here}/gone"], "gone is not there"),
        (["https://example.org/a.jpg?w=9"], "nothing is fetched from the network"),
        (["like", "https://example.org/a.jpg"], "nothing is fetched from the network"),
        (["data:image/png;base64,AAAA"], "nothing is fetched from the network"),
        (["file://elsewhere/a.jpg"], "another machine"),
        (["file://{here}/gone.jpg"], "gone.jpg is not there"),
        (["-", "at", "night"], "like:-"),
        (["a cat in gone.jpg"], "gone.jpg is not there"),
        (["a", "cat", "+", "photos/"], "photos/ is a folder"),
        (["shot.CR2 at night"], "camera raw"),
        (["at night -gone.jpg"], "gone.jpg is not there"),
        (["at night + https://example.org/a.jpg"], "nothing is fetched from the network"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_what_is_plainly_neither_is_refused_and_says_what_to_do(here: Path, words: list[str], said: str) -> None:
    words = [word.format(here=here) for word in words]
    with pytest.raises(UsageError) as refused:
        meaning(*words)
    message = str(refused.value)
    assert said in message
    assert isinstance(refused.value, PathNotFoundError) == ("not there" in message)
    if "file:" not in words[0] and said not in ("camera raw", "like:-"):
        assert "give --text" in message
    assert meaning(*words, as_text=True).text == " ".join(words).strip()


def test_a_name_in_the_other_form_of_unicode_is_found(here: Path) -> None:
    shutil.copy(here / "photos" / "red.png", here / unicodedata.normalize("NFD", "Köln.png"))
    given = unicodedata.normalize("NFC", "Köln.png")
    assert Path(meaning(given).image or "").read_bytes() == (here / "photos" / "red.png").read_bytes()
    with pytest.raises(PathNotFoundError, match="give --text"):
        meaning("Bonn ü.png")
    assert meaning("Köln").text == "Köln"


def test_the_home_folder_is_meant_by_a_tilde(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    assert meaning("~/photos/red.png") == Query(image=str(here / "photos" / "red.png"))
    with pytest.raises(UsageError, match="is a folder"):
        meaning("~/photos")
    with pytest.raises(PathNotFoundError):
        meaning("~/gone")
    assert meaning("~nobody knows") == Query(text="~nobody knows")


def test_an_image_is_asked_for_by_name_only(here: Path) -> None:
    assert meaning("no_suffix", as_image=True) == Query(image=str(here / "no_suffix"))
    with pytest.raises(PathNotFoundError):
        meaning("a red car", as_image=True)
    with pytest.raises(UsageError, match="not a file"):
        meaning("photos", as_image=True)
    with pytest.raises(UsageError, match="ask with no_suffix alone"):
        meaning("no_suffix", "my holiday.jpg", as_image=True)


def image(here: Path, name: str, weight: float = 1.0) -> Term:
    return Term(image=str(here / name), weight=weight)


def words(text: str, weight: float = 1.0) -> Term:
    return Term((Words(text),), weight=weight)


def test_a_line_holds_words_and_images(here: Path) -> None:
    red, holiday = image(here, "photos/red.png"), image(here, "my holiday.jpg")
    assert meaning("photos/red.png", "at", "night").terms == (red, words("at night"))
    assert meaning("photos/red.png + at night - people").terms == (red, words("at night"), words("people", -1))
    assert meaning("photos/red.png", "my holiday.jpg").terms == (red, holiday)  # one that holds spaces
    assert meaning("at night", "-", "my holiday.jpg").terms == (words("at night"), image(here, "my holiday.jpg", -1))
    assert meaning('like:"my holiday.jpg" -photos/red.png').terms == (holiday, image(here, "photos/red.png", -1))
    assert meaning("2*photos/red.png sea").terms == (image(here, "photos/red.png", 2), words("sea"))
    assert meaning(f"sea file://{here}/my%20holiday.jpg").terms == (words("sea"), holiday)
    assert meaning('sea "photos/red.png"').terms == (Term((Words("sea"), Words("photos/red.png", exact=True))),)
    assert meaning("~/nobody" if not Path.home().exists() else "no_suffix").image == str(here / "no_suffix")


def test_an_address_of_a_file_begins_a_line(here: Path) -> None:
    red = f"file://{here}/photos/red.png"
    holiday = f"file://{here}/my holiday.jpg"
    assert list(meaning(f"{red} + grass").terms) == [image(here, "photos/red.png"), words("grass")]
    assert list(meaning(f"{red} + my holiday.jpg").terms) == [
        image(here, "photos/red.png"),
        image(here, "my holiday.jpg"),
    ]
    assert str(meaning(f"{red} in:2019").where) == "in:2019"
    assert list(meaning(holiday).terms) == [image(here, "my holiday.jpg")]
    assert list(meaning(f"{holiday} + grass").terms) == [image(here, "my holiday.jpg"), words("grass")]
    assert list(meaning(holiday.replace(" ", "%20")).terms) == [image(here, "my holiday.jpg")]
    with pytest.raises(PathNotFoundError, match=r"gone\.png is not there"):
        meaning(f"file://{here}/photos/gone.png + grass")


@pytest.mark.parametrize(
    ("text", "place", "notes"),
    [
        ("texas sunset", "paris", ('texas was taken for words; as a part of the place write --near "paris texas".',)),
        ("boats", "paris", ()),
        ("texas", "paris,5", ()),
    ],
)
def test_words_behind_a_place_are_missed(text: str, place: str, notes: tuple[str, ...]) -> None:
    assert joined(Query(text=text), {"near": [place]}, open_image).notes == notes


def test_a_place_of_several_words_without_quotation_marks_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no place is called 'new'; .* write --near \"new york\"\."):
        joined(Query(text="york skyline"), {"near": ["new"]}, open_image)


def test_a_line_holds_filters_and_settings(here: Path) -> None:
    assert meaning("red car -blue in:2021 sort:date") == Query.parse("red car -blue in:2021 sort:date")
    assert meaning("red", "car", "in:2021") == Query.parse("red car in:2021")
    assert str(meaning("in:2021 near:Paris sort:-date")) == "in:2021 near:Paris,20 sort:-date"
    assert meaning("red", "car", "in:2021", as_text=True) == Query(text="red car in:2021")
    query = meaning("Mission: Impossible")
    assert (query.text, len(query.notes)) == ("Mission: Impossible", 1)
    query = meaning("mission:impossible")
    assert (query.text, len(query.notes), "mission" in query.notes[0]) == ("mission:impossible", 1, True)


def test_quotation_marks_that_the_shell_has_taken_are_missed(here: Path) -> None:
    query, notes = read_query(["invoice", "text:ACME Corp"], as_text=False, as_image=False)
    assert str(query) == "invoice Corp text:ACME"
    assert notes == (
        "text: has ACME alone for its value; quotation marks are for the query to see: put the whole query between "
        "single ones, as in 'text:\"ACME Corp\"'.",
    )
    assert read_query(["invoice text:ACME Corp"], as_text=False, as_image=False)[1] == ()
    assert read_query(["invoice", 'text:"ACME Corp"'], as_text=False, as_image=False)[1] == ()


@given(st.text(st.sampled_from("abcXYZ019,' "), max_size=30))
@example("a  b")
@example("a AND b")
@example("A NOT B")
@example("a ANDOR b")
def test_plain_words_mean_the_same_without_the_parser(text: str) -> None:
    if text.strip():
        query = Query.parse(text.strip(), image_named)
        assert (meaning(text.strip()), meaning(text.strip()).notes) == (query, query.notes)


# -- streams ------------------------------------------------------------------------------------------------


def standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))  # type: ignore[arg-type]


def test_a_dash_is_the_image_from_standard_input(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (here / "photos" / "red.png").read_bytes()
    for as_image in (False, True):
        standard_input(monkeypatch, data)
        query = meaning("-", as_image=as_image)
        assert (query.image_bytes, str(query)) == (data, STANDARD_INPUT)
    standard_input(monkeypatch, data)
    both = meaning("like:- + at night")
    assert [(term.image_bytes, term.text) for term in both.terms] == [(data, None), (None, "at night")]
    assert str(both) == f"{STANDARD_INPUT} + at night"
    assert meaning("-", as_text=True).text == "-"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has named pipes")
def test_an_image_comes_through_a_pipe(here: Path) -> None:
    os.mkfifo(here / "pipe.jpg")
    data = (here / "photos" / "red.png").read_bytes()
    writer = threading.Thread(target=(here / "pipe.jpg").write_bytes, args=(data,))
    writer.start()
    query = meaning("pipe.jpg")
    writer.join()
    assert (query.image_bytes, str(query)) == (data, "pipe.jpg")
    reading, writing = os.pipe()  # as `<(cat photo.jpg)` of a shell
    with open(writing, "wb") as stream:
        stream.write(data)
    assert meaning(f"/dev/fd/{reading}").image_bytes == data
    os.close(reading)


def test_what_comes_is_bounded_and_has_to_be_an_image(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (here / "photos" / "red.png").read_bytes()
    for sent, error, said in (
        (b"", NotAnImageError, "nothing came"),
        (b"a red car\n", NotAnImageError, "no image that can be read"),
        (data + bytes(1000), ImageTooLargeError, "limit of 1,000"),
    ):
        monkeypatch.setattr(query_stream, "DecodeLimits", lambda: DecodeLimits(max_bytes=1_000))
        standard_input(monkeypatch, sent)
        with pytest.raises(error, match=said):
            meaning("-")
    standard_input(monkeypatch, data + bytes(1_000 - len(data)))
    assert len(meaning("-").image_bytes or b"") == 1_000
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="closed"):
        meaning("-")
    if Path("/dev/zero").exists():
        with pytest.raises(NotAnImageError):
            meaning("/dev/zero")  # never ends


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="has terminals")
def test_nobody_types_an_image(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    with open(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        with pytest.raises(UsageError, match=r"`search query - < photo.jpg`"):
            meaning("-")
    os.close(ours)


def test_what_only_its_own_process_can_read(here: Path) -> None:
    for name in ("-", "/dev/stdin", "/dev/fd/63", "/proc/self/fd/0", "/dev/null"):
        assert is_stream(name), name
    for name in ("photos/red.png", "a red car", "photos", "gone.jpg", "a \0 b"):
        assert not is_stream(name), name


def test_an_image_from_standard_input_is_found_shown_and_named(
    cli: Cli, indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = (indexed.parent / "photos" / "chelsea.png").read_bytes()
    standard_input(monkeypatch, data)
    found = json.loads(cli("query", "-", "-k", 1, "-s", indexed, "--json", "--sheet", tmp_path / "out.html").out)
    assert found["query"] == STANDARD_INPUT
    assert found["hits"][0]["path"].endswith("chelsea.png")
    page = (tmp_path / "out.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2  # what was asked with, and the hit
    assert f"<h1>{STANDARD_INPUT}</h1>" in page
    standard_input(monkeypatch, data)
    captions = cli("query", "-", "-k", 1, "-s", indexed, "--to", "text")
    assert "a ginger cat looks at the camera" in captions.out
    standard_input(monkeypatch, b"words")
    refused = cli("query", "-", "-s", indexed)
    assert (refused.code, refused.out) == (2, "")
    assert "cannot be used: it is no image" in refused.err


def test_several_words_are_one_query(cli: Cli, indexed: Path) -> None:
    one = cli("query", "a cup of coffee", "-k", 3, "--paths", "-s", indexed)
    several = cli("query", "a", "-k", 3, "cup", "--paths", "of", "-s", indexed, "coffee")
    assert (several.code, several.out) == (0, one.out)
    by_typer = cli("query", "a", "-k3", "cup", "--paths", "of", "-s", indexed, "coffee")
    assert by_typer.out == one.out
    assert one.out.startswith(str(indexed.parent / "photos" / "coffee.png"))


def test_a_folder_gone_from_under_us_is_one_sentence(
    cli: Cli, indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    cat = indexed.parent / "photos" / "chelsea.png"
    found = cli("query", "a cat", "-k", 1, "-s", indexed, "--copy-to", tmp_path / "picks", "--no-resident")
    assert (found.code, found.err) == (0, "")
    assert str(cat) in found.out
    assert (tmp_path / "picks" / "chelsea.png").exists()
    assert cli("query", cat, "-k", 1, "-s", indexed, "--paths").out == f"{cat}\n"
    for wish in (("--copy-to", "picks"), ("--sheet", "x.html")):
        refused = cli("query", "a cat", "-s", indexed, *wish)
        assert (refused.code, "working folder is gone" in refused.err) == (2, True)
    with pytest.raises(SearchError, match="not there"):
        meaning("a.jpg")
    assert meaning("a red car").text == "a red car"
    with pytest.raises(PathNotFoundError, match="working folder"):
        Query(image="a.jpg")
