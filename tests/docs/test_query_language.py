"""docs/query-language.md: its table is that of the fields, its twenty lines find what they say, its wrong lines are
answered so."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import search
from indexer.errors import SearchError
from search.query.parser import parse
from search.shell.query_argument import read_query
from tests.conftest import Cli
from tools.docs import query_reference

PAGE = query_reference.PAGE.read_text(encoding="utf-8")
PARIS, LISBON, CAPE = (48.8566, 2.3522), (38.7223, -9.1393), (28.4058, -80.6048)

#: Where each photograph lies, the picture of a package that it is, and what it says of itself: when it was taken, its
#: position, camera and lens. Those without a time are dated by their files.
PHOTOS: dict[str, tuple[str, dict[str, Any]]] = {
    "trips/paris/cup.jpg": ("coffee.png", {"taken": "2021:05:04 10:11:12", "at": PARIS, "camera": "Pixel 5"}),
    "trips/paris/cat.jpg": ("chelsea.png", {"taken": "2021:05:04 22:15:00", "at": PARIS, "camera": "Pixel 5"}),
    "trips/lisbon/temple.jpg": (
        "china.jpg",
        {"taken": "2019:07:12 15:30:00", "at": LISBON, "camera": "Canon EOS 80D", "lens": "EF 50mm f/1.8"},
    ),
    "garden/flower.jpg": ("flower.jpg", {"taken": "2020:06:20 09:00:00", "camera": "Canon EOS 80D"}),
    "space/rocket.jpg": (
        "rocket.jpg",
        {"taken": "2019:06:05 08:00:00", "at": CAPE, "camera": "NIKON D750", "keyword": "launch"},
    ),
    "space/astronaut.png": ("astronaut.png", {"file": "2023-01-15"}),
    "people/grace.jpg": ("grace_hopper.jpg", {"taken": "2018:12:24 23:30:00", "camera": "NIKON D750"}),
    "scans/page.png": ("page.png", {"file": "2024-03-10"}),
    "garage/motorcycle.png": ("motorcycle_left.png", {"file": "2022-08-14"}),
}

#: What each line of the page finds, by the names of the files. "...": others may follow.
FOUND: dict[str, list[str]] = {
    "a cat": ["cat.jpg", "..."],
    "a cat in:2021": ["cat.jpg", "cup.jpg"],
    "in:2021 near:Paris sort:date": ["cup.jpg", "cat.jpg"],
    "2019-06..2019-09": ["temple.jpg", "rocket.jpg"],
    'rocket near:"Cape Canaveral",50': ["rocket.jpg"],
    "trips/paris/cat.jpg": ["cat.jpg", "..."],
    "garden/flower.jpg + red": ["flower.jpg", "..."],
    "animal -cat": ["...", "cat.jpg", "..."],
    '2*"a motorcycle" + garage': ["motorcycle.png", "..."],
    "camera:pixel": ["cat.jpg", "cup.jpg"],
    "camera:canon lens:50mm": ["temple.jpg"],
    "month:june weekday:weekend": ["flower.jpg"],
    "time:21..4": ["cat.jpg", "grace.jpg"],
    "country:PT": ["temple.jpg"],
    "path:trips type:jpeg sort:name": ["cat.jpg", "cup.jpg", "temple.jpg"],
    "invoice text:ACME (type:png | path:**/old/**)": ["page.png"],
    "keyword:launch": ["rocket.jpg"],
    "date:taken -has:gps": ["flower.jpg", "grace.jpg"],
    "orientation:portrait megapixels:..1": ["grace.jpg"],
    "a flower min:50% sort:-date": ["flower.jpg"],
}


@pytest.fixture(scope="module")
def photos(real_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walk") / "photos"
    for name, (picture, said) in PHOTOS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            shutil.copy(real_photos / picture, path)
        else:
            write_photograph(real_photos / picture, path, said)
        moment = datetime.fromisoformat(f"{said.get('file', '2024-06-01')}T12:00:00").timestamp()
        os.utime(path, (moment, moment))
    row = {"image": "page.png", "caption": "an invoice of ACME"}
    (folder / "scans" / "captions.jsonl").write_text(json.dumps(row) + "\n")
    return folder


def write_photograph(picture: Path, path: Path, said: dict[str, Any]) -> None:
    """The picture as a camera would have written it."""
    exif = Image.Exif()
    exif[0x0110] = said["camera"]
    inner = exif.get_ifd(0x8769)
    inner[0x9003] = said["taken"]
    if "lens" in said:
        inner[0xA434] = said["lens"]
    if "at" in said:
        gps = exif.get_ifd(0x8825)
        latitude, longitude = said["at"]
        gps[1], gps[2] = "N" if latitude >= 0 else "S", (abs(latitude), 0.0, 0.0)
        gps[3], gps[4] = "E" if longitude >= 0 else "W", (abs(longitude), 0.0, 0.0)
    xmp = b""
    if "keyword" in said:
        xmp = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag>'
            f"<rdf:li>{said['keyword']}</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
        ).encode()
    Image.open(picture).convert("RGB").save(path, quality=92, exif=exif, xmp=xmp)


@pytest.fixture(scope="module")
def library(photos: Path) -> Iterator[search.Library]:
    with search.open(photos.parent / "photos.search") as opened:
        report = opened.index(photos)
        assert (report.encoded, report.failures) == (len(PHOTOS), [])
        yield opened


def rows(heading: str) -> list[tuple[str, str]]:
    """The table under a heading: its lines, and what stands beside them."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| `(.+?)` \| (.+) \|$", section, re.MULTILINE)
    return [(line.replace(r"\|", "|"), said.replace(r"\|", "|")) for line, said in cells]


def test_the_table_is_that_of_the_fields() -> None:
    assert query_reference.main(["--check"]) == 0, "python -m tools.docs.query_reference"


def test_there_are_twenty_lines() -> None:
    assert [line for line, _ in rows("Twenty lines")] == list(FOUND)
    assert len(FOUND) == 20


@pytest.mark.parametrize("line", FOUND)
def test_a_line_finds_what_it_says(
    library: search.Library, photos: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.chdir(photos)
    query, notes = read_query([line], as_text=False, as_image=False)
    found = [Path(hit.path).name for hit in library.query(query, k=20)]
    wanted = FOUND[line]
    assert notes == ()
    if "..." not in wanted:
        assert found == wanted
    elif wanted[0] == "...":  # it is there, and does not lead
        assert wanted[1] in found[1:]
    else:
        assert found[: len(wanted) - 1] == wanted[:-1]


@pytest.mark.parametrize(("line", "said"), rows("What is said to wrong lines"))
def test_a_wrong_line_is_told_so(line: str, said: str) -> None:
    with pytest.raises(SearchError, match=re.escape(said)):
        parse(line)


def test_line_and_options_say_the_same(cli: Cli, library: search.Library) -> None:
    line = cli("query", "a cat in:2021 near:Paris sort:date", "-s", library.folder, "--paths")
    options = cli(
        "query", "a", "cat", "--in", "2021", "--near", "Paris", "--sort", "date", "-s", library.folder, "--paths"
    )
    assert (line.code, line.out) == (0, options.out)
