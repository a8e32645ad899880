"""Every way to ask wrongly, by the real command: one clear sentence, exit code 2, and nothing lost."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with an image, a raw file and a folder in it."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("here")
    (folder / "photos").mkdir()
    Image.new("RGB", (30, 20), "red").save(folder / "red.png")
    (folder / "shot.CR2").write_bytes(b"II*\0 and so on")
    return folder


@pytest.fixture(scope="module")
def ask(indexed: Path, here: Path) -> Run:
    def run(*arguments: str, **given: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "search", "query", "-s", str(indexed), "--no-resident", *arguments]
        return subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=120, **given)  # type: ignore[call-overload, no-any-return]

    return run


def digest(store: Path) -> str:
    """Of what the store holds."""
    return hashlib.sha256((store / "catalog.sqlite").read_bytes()).hexdigest()


#: Arguments, what is said, and the character that is pointed at, from 1 (None: no line to point into).
WRONG: list[tuple[list[str], str, int | None]] = [
    (["camra:pixel car"], "there is no field camra:; did you mean camera:, as in camera:pixel?", 1),
    (["car in:2021-02-30"], "February 2021 has no day 30", 8),
    (["in:2021-13"], "there is no month 13", 4),
    (["--in", "2021-02-30"], "--in: 2021-02-30 is no date", None),
    (["2021-09..2021-06"], "ends before it begins; write 2021-06..2021-09", 1),
    (["size:5MB..1MB"], "ends before it begins; write 1MB..5MB", 6),
    (["near:,5"], "is a radius without a place; write near:Paris,5", 6),
    (["near:5km"], "is a radius without a place", 6),
    (["--near", "5km"], "--near: '5km' is a radius without a place", None),
    (["near:91,2"], "91 is no latitude", 6),
    (['red car "at night'], 'the quotation mark " has no partner', 9),
    (["(type:png | type:jpeg"], "this bracket is not closed", 1),
    (["type:png)"], "this bracket closes none", 9),
    (["big*car"], "'big' is no weight; one is a number from 0.01 to 100", 1),
    (["1000*car"], "'1000' is no weight", 1),
    (["--", "-blue"], "this says only what is not wanted; say what is wanted as well", 1),
    (["-blue"], "-blue begins like an option", None),
    (["car", "-blue"], "as in `search query 'car -blue' --store ", None),
    (["--not", "blue"], "say what is wanted as well", None),
    (["gone.jpg"], "The query image gone.jpg is not there", None),
    (["at night + gone.jpg"], "The query image gone.jpg is not there", None),
    (["like:gone.jpg"], "gone.jpg is not there", None),
    (["--like", "gone.jpg"], "gone.jpg is not there", None),
    (["http://example.org/a.jpg"], "nothing is fetched from the network", None),
    (["at night + https://example.org/a.jpg"], "nothing is fetched from the network", None),
    (["like:https://example.org/a.jpg"], "nothing is fetched from the network", None),
    (["photos/"], "photos/ is a folder", None),
    (["at night + ./photos"], "./photos is a folder", None),
    (["like:photos"], "is not a file", None),
    (["shot.CR2 at night"], "camera raw file, which is not read yet", None),
    (["file:///gone/a.jpg"], "/gone/a.jpg is not there", None),
    (["   "], "The query is empty", None),
    (['""'], "nothing stands between the quotation marks", 1),
    (["min:50"], "'50' is no probability from 0 to 1, as in 50% or 0.5; 50 % is 0.5", 5),
    (["near:Parisss"], "No place called 'Parisss' is known", None),
    (["--country", "Narnia"], "No country called 'Narnia' is known", None),
    (["sort:dat"], "did you mean date?", 6),
    (["sort:date sort:name"], "sort:date and sort:name say different things; give one", 11),
    (["min:50%"], "min:50% says how to answer; say what to look for as well", None),
    (["[in:2021]"], "filters are joined in round brackets", 1),
    (["cat OR dog"], "OR stands between filters in brackets, as in (type:png | type:jpeg)", 5),
    (["year:2019-2021"], "a range has two dots, as in year:2019..2021", 6),
    (["car size:>5 MB"], "the unit stands right behind its number, as in size:>5MB", 13),
    (["--size", "5MB-9MB"], "--size: a range has two dots, as in size:5MB..9MB", None),
    (["like:file://elsewhere/a.jpg"], "is a file of another machine", None),
]


@pytest.mark.parametrize(("arguments", "said", "character"), WRONG, ids=lambda given: str(given)[:40])
def test_one_sentence_and_2(ask: Run, indexed: Path, arguments: list[str], said: str, character: int | None) -> None:
    before = digest(indexed)
    answer = ask(*arguments)
    assert (answer.returncode, answer.stdout) == (2, "")
    sentence, *place = answer.stderr.splitlines()
    assert sentence.startswith("search: ")
    assert sentence.endswith((".", "?"))
    assert said in sentence
    if character is None:
        assert place == []
    else:
        line, caret = place
        assert f"at character {character}:" in sentence
        assert line == f"    {arguments[-1]}"
        assert caret == f"    {' ' * (character - 1)}^"
    assert digest(indexed) == before


def test_what_looks_odd_and_is_read(ask: Run, here: Path) -> None:
    with open(here / "red.png", "rb") as image:
        piped = ask("-", "-k", "1", stdin=image)
    assert (piped.returncode, piped.stderr) == (0, "")
    assert piped.stdout
    with open(here / "red.png", "rb") as image:
        assert ask("like:-", "-k", "1", stdin=image).stdout == piped.stdout
    assert ask(f"file://{here}/red.png", "-k", "1").stdout == piped.stdout
    words = ask("Mission: Impossible", "-k", "1")
    assert (words.returncode, words.stderr) == (0, "")
    assert words.stdout.startswith("Note: Mission: is no field of a query, and was taken for words.\n")


def test_names_of_several_words_are_images_where_they_are_there(ask: Run, here: Path) -> None:
    (here / "my red (1).png").write_bytes((here / "red.png").read_bytes())
    plain, odd = (ask(f"{name} + a cat -dog", "-k", "1", "--paths") for name in ("red.png", "my red (1).png"))
    assert (odd.returncode, odd.stderr, odd.stdout) == (0, "", plain.stdout)
    assert odd.stdout


def test_of_two_places_of_one_name_the_larger_is_taken(ask: Run) -> None:
    answer = ask("near:Springfield")
    assert (answer.returncode, answer.stderr) == (1, "")
    note, reason = answer.stdout.splitlines()
    assert note.startswith("Note: near:Springfield is taken for Springfield, Missouri")
    assert "others of that name: " in note
    assert reason == "Nothing here was taken near Springfield (within 20 km)."
