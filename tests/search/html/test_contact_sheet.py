"""The contact sheet: everything is inside, and nothing that a file or a person says becomes HTML."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

import pytest
from PIL import Image

from indexer.errors import UsageError
from indexer.types import Metadata
from search.engine.indexed_file import Indexed
from search.html.contact_sheet import sheet, write_sheet
from search.query.filter import Filter
from search.query.query import Query
from search.rerank.explain import Explanation, WordMatch
from search.results import NOTHING_MATCHES, Hit, PlaceNames, Results
from tests.fixtures.page_elements import HOSTILE, assert_harmless

AREA = (0.0, 0.0, 1.0, 1.0)


def hostile_hit(path: str) -> Hit:
    word = WordMatch(HOSTILE, 1.0, 0.5, AREA, ((1.0,),))
    metadata = Metadata(40, 30, "png", camera=HOSTILE)
    explanation = Explanation((word,), ((1.0,),), AREA)
    return Hit(
        1,
        "image",
        path,
        0.3,
        0.2,
        0.01,
        HOSTILE,
        path,
        metadata,
        explanation,
        place=PlaceNames(HOSTILE, HOSTILE, HOSTILE, HOSTILE),
    )


def test_hostile_names_texts_and_notes_are_escaped_wherever_they_stand(tmp_path: Path) -> None:
    folder = tmp_path / "<script>alert(1)<"  # a name may not hold a slash
    folder.mkdir()
    name = HOSTILE.replace("/", "∕") + ".png"
    Image.new("RGB", (40, 30), "red").save(folder / name)
    path = str(folder / name)
    known = {path: Indexed(hashlib.sha256((folder / name).read_bytes()).hexdigest())}
    results = Results(HOSTILE, (hostile_hit(path), hostile_hit("/gone/" + name)), (HOSTILE,))
    for query in (Query(text=HOSTILE), Query(image=path)):
        page = assert_harmless(sheet(results, query, known))
        assert name in page.text
        assert str(folder) in page.text
        assert page.text.count(HOSTILE) >= 2 * 2 + 1 + 1  # a word and a text of each hit, the note, the legend
        assert f"40 × 30 · {HOSTILE} ({HOSTILE}), {HOSTILE} · {HOSTILE}" in page.text
        assert name in page.attributes("alt")
        (link,) = page.attributes("href")  # of the one that is there
        assert unquote(link) == f"file://{path}"


def test_a_picture_that_is_gone_leaves_its_place_and_bytes_that_are_no_utf8_a_question_mark() -> None:
    hit = Hit(1, "image", "/gone/\udcff.png", 0.3, 0.2, 0.5)
    page = assert_harmless(sheet(Results("x", (hit,)), Query(text="x"), {hit.path: Indexed("")}))
    assert "no picture to show" in page.text
    assert "?.png" in page.text
    assert [tag for tag, _ in page.elements].count("img") == 0


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
def test_a_picture_links_to_its_file_where_that_is_what_was_indexed(tmp_path: Path) -> None:
    known: dict[str, Indexed] = {}
    hits = []
    for number, name in enumerate(("a b#c?d%20.png", "é\u202e.png", os.fsdecode(b'\xff".png'), "plain.png", "odd.png")):
        path = str(tmp_path / name)
        Image.new("RGB", (8 + number, 8), "red").save(path, "PNG")
        known[path] = Indexed(hashlib.sha256(Path(path).read_bytes()).hexdigest())
        hits.append(Hit(number + 1, "image", path, 0.3, 0.2, 0.5))
    Image.new("RGB", (9, 9), "blue").save(tmp_path / "plain.png")  # changed since
    known[hits[4].path] = replace(known[hits[4].path], inside=False)
    page = assert_harmless(sheet(Results("x", tuple(hits)), Query(text="x"), known))
    links = page.attributes("href")
    assert [unquote_to_bytes(link.removeprefix("file://")) for link in links] == [os.fsencode(h.path) for h in hits[:3]]
    assert links[0].endswith("/a%20b%23c%3Fd%2520.png")
    assert "not shown: it was changed" in page.text
    assert "not shown: it lies outside" in page.text


def test_no_hits_are_said() -> None:
    page = assert_harmless(sheet(Results("x"), Query(text="x"), {}))
    assert "Nothing found." in page.text


def test_a_weak_hit_is_marked_and_where_nothing_was_fitted_a_word_stands() -> None:
    hits = (Hit(1, "image", "a.png", 0.3, 0.2, 0.5), Hit(2, "image", "b.png", 0.1, 0.1, 0.01))
    page = assert_harmless(sheet(Results("x", hits, calibrated=True), Query(text="x"), {}))
    assert "50 %" in page.text
    assert "weak match, 1 %" in page.text
    assert page.attributes("class").count("weak") == 1
    assert NOTHING_MATCHES not in page.text
    page = assert_harmless(sheet(Results("x", hits[1:], calibrated=True), Query(text="x"), {}))
    assert NOTHING_MATCHES in page.text
    guesses = tuple(replace(hit, probability=None, guess=hit.probability) for hit in hits)
    page = assert_harmless(sheet(Results("x", guesses), Query(text="x"), {}))
    assert "strong match" in page.text
    assert "weak match" in page.text
    assert "%" not in page.text
    assert page.attributes("class").count("weak") == 1


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none/out\.html cannot be written"):
        write_sheet(tmp_path / "none" / "out.html", Results("x"), Query(text="x"), {})
    assert list(tmp_path.iterdir()) == []


def test_copies_a_file_that_is_gone_and_the_query_image_are_told() -> None:
    also = (f"/a/{HOSTILE}", "/b/two.png")
    hits = (
        Hit(1, "image", "/gone/a.png", 0.3, 0.2, 0.5, also=also, missing=True),
        Hit(2, "image", "/gone/b.png", 0.3, 0.2, 0.5, also=also[1:], same=True),
        Hit(3, "image", "/gone/c.png", 0.3, 0.2, 0.5),
    )
    page = assert_harmless(sheet(Results("x", hits), Query(text="x"), {hit.path: Indexed("") for hit in hits}))
    assert "2 more copies" in page.text
    assert "1 more copy" in page.text
    assert also[0] in page.text
    assert page.text.count("the file is not there") == page.text.count("the query image") == 1
    assert page.text.count("no picture to show") == 2


def test_why_a_hit_is_there_and_where_it_is_is_told() -> None:
    moment, size = datetime(2024, 5, 3, 18, 20), Metadata(40, 30, "PNG")
    of_file = Hit(1, "image", "/gone/a.png", 0.3, 0.2, 0.5, metadata=size, date=moment, date_from="file")
    said = replace(of_file, id=2, found_by="words")
    indexed = {of_file.path: Indexed("")}

    def shown(query: Query, *hits: Hit) -> str:
        return assert_harmless(sheet(Results("x", hits, matches=7), query, indexed)).text

    ranked = shown(Query(text="x"), of_file, said)
    assert "2024-05-03" not in ranked
    assert ranked.count("found by its words") == 1
    assert "2 of 7 hits" in ranked
    assert "40 × 30 · 2024-05-03 18:20" in shown(Query(text="x", sort="-date"), of_file)
    assert "2024-05-03" not in shown(Query(text="x", sort="name"), of_file)
    listed = replace(of_file, score=None, similarity=None, probability=None)
    assert "2024-05-03" in shown(Query(where=Filter(type="png")), listed)
