"""Values of fields and bars of dates: as counting the items gives them, and each as a query that finds them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import search
from indexer.catalog.items import Item
from search.calls.field_values import LISTED, folders_around
from search.calls.tallying import begins
from search.console.status_table import status_lines
from search.query.quoting import quoted_where_needed
from search.query.words import clean_words
from tests.fixtures.pictures import encoded, jpeg_with, xmp_packet

PARIS, SPRINGFIELD, SEA = (48.8566, 2.3522), (39.8017, -89.6437), (0.0, -30.0)
#: Folder, camera, lens, when it was taken, where, keyword.
SHOTS: list[tuple[str, str, str | None, str, tuple[float, float] | None, str | None]] = [
    ("photos/trips/rome 2021", "Canon EOS 80D", "EF 50mm f/1.8", "2021:06:03 10:00:00", PARIS, "summer | sea"),
    ("photos/trips/rome 2021", "Canon EOS 80D", "EF 50mm f/1.8", "2021:06:03 23:59:59", PARIS, "summer | sea"),
    ("photos/trips", "Canon EOS 80D Mark II", None, "2021:06:04 00:00:01", SPRINGFIELD, 'the "best"'),
    ("photos", 'Weird (1) "Cam"', None, "1969:12:31 23:00:00", SEA, "été"),
    ("more/[x]", "Pixel 6", None, "2020:01:01 00:00:00", None, "dog-cat"),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[search.Library]:
    """Five photographs that say much, below two folders, and a copy of the first."""
    base = tmp_path_factory.mktemp("tallied")
    for number, (folder, camera, lens, taken, at, keyword) in enumerate(SHOTS):
        exif = Image.Exif()
        exif[0x0110] = camera
        inner = exif.get_ifd(0x8769)
        inner[0x9003] = taken
        if lens is not None:
            inner[0xA434] = lens
        if at is not None:
            gps = exif.get_ifd(0x8825)
            gps[1], gps[2] = "N" if at[0] >= 0 else "S", (abs(at[0]), 0.0, 0.0)
            gps[3], gps[4] = "E" if at[1] >= 0 else "W", (abs(at[1]), 0.0, 0.0)
        (base / folder).mkdir(parents=True, exist_ok=True)
        content = encoded(Image.new("RGB", (64, 48), (40 * number, 200 - 30 * number, 90)), "JPEG", exif=exif)
        if keyword is not None:
            escaped = keyword.replace('"', "&quot;")
            body = f"<dc:subject><rdf:Bag><rdf:li>{escaped}</rdf:li></rdf:Bag></dc:subject>"
            content = jpeg_with(content, xmp=xmp_packet(body).encode())
        (base / folder / f"{number}.jpg").write_bytes(content)
    shutil.copy(base / "photos/trips/rome 2021/0.jpg", base / "more" / "copy.jpg")
    with search.open(base / "s") as opened:
        report = opened.index(base / "photos", base / "more")
        assert report.encoded == 5
        yield opened


def told(library: search.Library, field: Any, **how: Any) -> dict[str, int]:
    return {each.value: each.count for each in library.values(field, **how)}


def photographs(items: Iterable[Item]) -> list[Item]:
    """Of items each content once."""
    return list({Path(item.path).read_bytes(): item for item in items}.values())


def test_values_are_those_of_the_photographs(library: search.Library) -> None:
    items = list(library.items())
    assert len(items) == 6
    metadata = [item.metadata for item in photographs(items) if item.metadata is not None]
    assert told(library, "camera") == Counter(each.camera for each in metadata)
    assert told(library, "lens") == {"EF 50mm f/1.8": 2}
    assert told(library, "keyword") == Counter(word for each in metadata for word in each.keywords)
    assert told(library, "type") == {"jpeg": 5}
    assert told(library, "year") == {"2021": 3, "2020": 1, "1969": 1}
    assert told(library, "month") == {"June": 3, "January": 1, "December": 1}
    assert told(library, "country") == {"France": 2, "United States": 1}
    assert told(library, "place") == {"Paris, Île-de-France, France": 2, "Springfield, Illinois, United States": 1}
    assert told(library, "path") == {
        "photos": 4,
        "photos/trips": 3,
        "photos/trips/rome 2021": 2,
        "more": 2,
        "more/[x]": 1,
    }


@pytest.mark.parametrize("field", LISTED)
def test_each_value_is_a_query_that_finds_what_has_it(library: search.Library, field: Any) -> None:
    found = library.values(field)
    assert [each.count for each in found] == sorted((each.count for each in found), reverse=True)
    assert found
    for each in found:
        line = search.Query.parse(each.query)
        assert line.terms == ()
        assert line.notes == ()
        items = photographs(library.items(where=search.Filter.parse(each.query)))
        more = field in ("camera", "lens", "place")  # "Canon EOS 80D" is part of "Canon EOS 80D Mark II"
        assert len(items) >= each.count if more else len(items) == each.count, each


def test_of_two_places_of_one_name_the_right_one_is_named(library: search.Library) -> None:
    [springfield] = library.values("place", prefix="spring")
    assert springfield.query == "near:Springfield,Illinois"
    [item] = library.items(where=search.Filter.parse(springfield.query))
    assert item.place is not None
    assert item.place.city == "Springfield"


def test_a_prefix_begins_a_word(library: search.Library) -> None:
    assert list(told(library, "camera", prefix="MARK")) == ["Canon EOS 80D Mark II"]
    assert list(told(library, "camera", prefix="canon eos")) == ["Canon EOS 80D", "Canon EOS 80D Mark II"]
    assert list(told(library, "camera", prefix="anon")) == []
    assert list(told(library, "keyword", prefix="ete")) == ["été"]
    assert list(told(library, "camera", limit=1)) == ["Canon EOS 80D"]


@pytest.mark.parametrize(
    ("value", "prefix", "held"),
    [
        ("Canon EOS", "eos", True),
        ("aab ab", "ab", True),
        ("rome 2021", "2021", True),
        ("x-ab", "ab", True),
        ("xab", "ab", False),
    ],
)
def test_what_begins_a_word(value: str, prefix: str, held: bool) -> None:
    assert begins(value, prefix) == held


def test_bars_are_counted_by_local_days(library: search.Library) -> None:
    def bars(by: Any, **how: Any) -> list[tuple[date, int, str]]:
        return [(each.start, each.count, each.query) for each in library.histogram(by, **how)]

    assert bars("day") == [
        (date(1969, 12, 31), 1, "in:1969-12-31"),
        (date(2020, 1, 1), 1, "in:2020-01-01"),
        (date(2021, 6, 3), 2, "in:2021-06-03"),
        (date(2021, 6, 4), 1, "in:2021-06-04"),
    ]
    assert bars("month", where=search.Filter(camera="mark")) == [(date(2021, 6, 1), 1, "in:2021-06")]
    assert bars("year") == [
        (date(1969, 1, 1), 1, "in:1969"),
        (date(2020, 1, 1), 1, "in:2020"),
        (date(2021, 1, 1), 3, "in:2021"),
    ]
    assert bars("year", where=search.Filter(camera="nikon")) == []
    for by in ("day", "month", "year"):
        for _, count, query in bars(by):
            assert len(photographs(library.items(where=search.Filter.parse(query)))) == count


def test_what_a_store_holds_counts_files_and_photographs(library: search.Library) -> None:
    status = library.status()
    assert (status.images, status.photographs) == (6, 5)
    lines = [line.split(None, 1) for line in status_lines(status, None, failed=False)]
    assert ["images", "6 files, 5 photographs without copies"] in lines
    (library.folder.parent / "more" / "copy.jpg").rename(library.folder.parent / "away.jpg")
    library.index()
    try:
        status = library.status()
        assert (status.images, status.photographs) == (5, 5)
        assert ["images", "5"] in [line.split(None, 1) for line in status_lines(status, None, failed=False)]
    finally:
        (library.folder.parent / "away.jpg").rename(library.folder.parent / "more" / "copy.jpg")
        library.index()


def test_wrong_questions_are_refused(library: search.Library) -> None:
    with pytest.raises(search.UsageError, match="field"):
        library.values("size")  # type: ignore[arg-type]
    with pytest.raises(search.UsageError, match="limit"):
        library.values("camera", limit=0)
    with pytest.raises(search.UsageError, match="by"):
        library.histogram("week")  # type: ignore[arg-type]
    with pytest.raises(search.UsageError, match="No place"):
        library.histogram("year", where=search.Filter(near="Nowhereatall"))


@given(st.text(min_size=1, max_size=30).filter(lambda text: clean_words(text) != ""))
def test_any_value_is_written_so_that_the_language_reads_it(value: str) -> None:
    query = search.Query.parse(f"camera:{quoted_where_needed(value)}")
    assert query.terms == ()
    assert query.where is not None


def test_the_folders_around_a_folder_begin_at_the_outermost_that_is_indexed() -> None:
    roots = ["/p", "/p/a", "/q"]
    assert folders_around("/p/a/b", roots) == ["p", "p/a", "p/a/b"]
    assert folders_around("/p", roots) == ["p"]
    assert folders_around("/q/x", roots) == ["q", "q/x"]
    assert folders_around("/elsewhere", roots) == folders_around("/p2", roots) == []
