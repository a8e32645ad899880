"""Queries of the library: which image `like:` names, in the sentences of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from indexer.errors import PathNotFoundError, UsageError
from search.query.query import Query
from search.shell.query_argument import read_query


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (3, 3), "red").save("my red.png")
    Path("shot.CR2").write_bytes(b"II*\0 and so on")
    return tmp_path


@pytest.mark.parametrize("name", ['"my red.png"', '"./my red.png"', "file://{here}/my%20red.png", "“my red.png”"])
def test_like_names_an_image_as_the_command_line_does(here: Path, name: str) -> None:
    line = f"calm like:{name.format(here=here)} -dog"
    query = Query.parse(line)
    assert [term.image for term in query.terms] == [None, str(here / "my red.png"), None]
    assert read_query([line], as_text=False, as_image=False)[0] == query
    assert Query.parse(str(query)) == query


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("http://example.org/a.jpg", "is an address, and nothing is fetched from the network; save the image and name"),
        ("data:image/png;base64,AAAA", "nothing is fetched from the network"),
        ("file://elsewhere/a.jpg", "is a file of another machine"),
        ("file://[a", "is no address of a file"),
        ("file:///gone/a.jpg", "/gone/a.jpg is not there"),
        ("gone.jpg", "gone.jpg is not there"),
        ("photos", "photos is not a file"),
        ("shot.CR2", "is a camera raw file, which is not read yet"),
    ],
)
def test_what_like_refuses(here: Path, name: str, said: str) -> None:
    for ask in (Query.parse, lambda line: read_query([line], as_text=False, as_image=False)):
        with pytest.raises(UsageError, match=said.replace("[", r"\[")) as refused:
            ask(f"calm like:{name}")
        assert isinstance(refused.value, PathNotFoundError) == ("not there" in said)


def test_standard_input_is_the_command_lines(here: Path) -> None:
    with pytest.raises(UsageError, match=r"the command line alone reads; ask with `Query\(image_bytes=...\)`"):
        Query.parse("calm like:-")
