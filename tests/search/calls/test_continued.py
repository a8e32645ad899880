"""Page after page of an answer, while others write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import search
from search.calibration import calibration_file
from search.calibration.calibration_file import Calibration, Entry
from search.calibration.curve import ProbabilityCurve, Slopes, TypicalBackground
from search.cursor_text import unpacked
from search.engine.continued import Continued
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.colour_reranker import ColourReranker

LEVELS = (0, 60, 120, 180, 240)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[search.Library]:
    """25 pictures, a copy of one, captions of two."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for red in LEVELS:
        for green in LEVELS:
            Image.new("RGB", (16, 16), (red, green, 90)).save(folder / f"{red}-{green}.png")
    (folder / "copy.png").write_bytes((folder / "60-60.png").read_bytes())
    captions = [{"image": "0-0.png", "captions": ["blue"]}, {"image": "240-0.png", "captions": ["red"]}]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, captions)))
    with search.open(tmp_path / "s", encoder=ColourTokenEncoder()) as opened:
        opened.index(folder)
        yield opened


def pages(library: search.Library, query: Any, k: int, **how: Any) -> list[list[int]]:
    results = library.query(query, k=k, **how)
    found = [[hit.id for hit in results]]
    while results.cursor is not None:
        results = library.query(query, k=k, after=results.cursor, **how)
        found.append([hit.id for hit in results])
    return found


@pytest.mark.parametrize(
    ("query", "how"),
    [
        ("red", {}),
        ("red", {"all_copies": True}),
        ("red", {"to": "any"}),
        ("red", {"reranker": ColourReranker(), "rerank": 5}),
        (search.Query.parse("red sort:-name min:0%"), {}),
        ("red", {"by_words": True}),
        ("red", {"where": search.Filter(name="*0.png")}),
        ("red", {"parameters": search.SearchParameters(only=np.arange(1, 12))}),
        (search.Query.parse("red -blue"), {}),
        (search.Query(where=search.Filter(type="png")), {"sort": "name"}),
        (search.Query(where=search.Filter(type="png")), {"all_copies": True}),
    ],
)
def test_pages_together_are_the_whole_answer(library: search.Library, query: Any, how: dict[str, Any]) -> None:
    whole = [hit.id for hit in library.query(query, k=100, **how)]
    assert len(whole) > 9
    assert library.query(query, k=100, **how).cursor is None
    for k in (4, 7):
        found = pages(library, query, k, **how)
        assert [number for page in found for number in page] == whole
        assert all(len(page) == k for page in found[:-1])


def test_a_page_has_the_scores_and_probabilities_of_the_whole(library: search.Library) -> None:
    first = library.query("red", k=5)
    second = library.query("red", k=6, after=first.cursor)
    assert (*first.hits, *second.hits) == library.query("red", k=11).hits


def test_while_others_write_none_comes_twice_and_what_is_new_does_not_show(library: search.Library) -> None:
    folder = library.folder.parent / "photos"
    every = search.Query(where=search.Filter(type="png"))
    for query, how in (("red", {}), ("red", {"by_words": False}), (every, {"sort": "-name"})):
        whole = [hit.id for hit in library.query(query, k=100, **how)]  # type: ignore[arg-type]
        first = library.query(query, k=6, **how)  # type: ignore[arg-type]
        gone = first[5].path  # the very item that the next page begins behind
        Image.new("RGB", (16, 16), (253, len(gone) % 7, 1)).save(folder / f"zz-{len(whole)}.png")  # nearer than all
        content = Path(gone).read_bytes()
        Path(gone).unlink()
        library.index()
        assert max(hit.id for hit in library.query(query, k=6, **how)) > max(whole)  # type: ignore[arg-type]
        rest: list[int] = []
        cursor = first.cursor
        while cursor is not None:
            page = library.query(query, k=6, after=cursor, **how)  # type: ignore[arg-type]
            rest += [hit.id for hit in page]
            cursor = page.cursor
        assert rest == whole[6:]
        Path(gone).write_bytes(content)
        library.index()


def test_the_last_page_is_where_nothing_is_probable_enough(library: search.Library) -> None:
    least = library.query("red", k=9)[8].estimate
    likely = library.query("red", k=100, min_probability=least)
    assert 9 <= len(likely) < 20
    found = pages(library, "red", 2, min_probability=least)
    assert [number for page in found for number in page] == [hit.id for hit in likely]


def test_the_cursor_of_another_query_is_refused(library: search.Library) -> None:
    cursor = library.query("red", k=3).cursor
    assert cursor is not None
    assert len(library.query("red", k=9, after=cursor, explain=True)) == 9
    for query, how in (("blue", {}), ("red", {"sort": "name"}), ("red", {"rerank": 0}), ("red", {"to": "any"})):
        with pytest.raises(search.UsageError, match="cursor of another query; ask with the same query and options"):
            library.query(query, after=cursor, **how)  # type: ignore[arg-type]
    images = [(library.folder.parent / "photos" / name).read_bytes() for name in ("0-0.png", "60-0.png")]
    own = library.query(images[0], k=3).cursor
    with pytest.raises(search.UsageError, match="cursor of another query"):
        library.query(images[1], after=own)
    assert len(library.query(images[0], k=3, after=own)) == 3
    for wrong in ("", "x", "é", "bm9uZQ==", cursor[:-4], "A" * 5_000, library.page(limit=2).cursor):
        with pytest.raises(search.UsageError, match=r"is none that an answer gave; pass `Results.cursor` as it is"):
            library.query("red", after=wrong)
    with pytest.raises(TypeError, match="`after` takes a str"):
        library.query("red", after=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unexpected keyword argument 'after'"):
        library.query_many(["red"], after=cursor)  # type: ignore[arg-type]
    later = replace(Continued.read(cursor, str(unpacked(cursor)[0])), generation=10**6)
    with pytest.raises(search.UsageError, match="of another store, or of a later state of it; begin anew"):
        library.query("red", after=str(later))


WAYS: list[tuple[Any, dict[str, Any]]] = [
    ("red dog", {}),
    ("red dog with white and blue cars near green houses", {}),
    ("red dog", {"by_words": False}),
    ("red dog", {"all_copies": True}),
    ("red dog", {"to": "any"}),
    ("red dog", {"reranker": ColourReranker(), "rerank": 5}),
    ("red dog", {"reranker": ColourReranker(), "rerank": 5, "by_words": False}),
    ("red dog", {"reranker": ColourReranker(), "rerank": 5, "to": "any"}),
    ("red dog", {"where": search.Filter(name="*0.png")}),
    ('red "dog"', {}),
    (search.Query.parse("red -dog"), {}),
]


@pytest.fixture
def told(library: search.Library, monkeypatch: pytest.MonkeyPatch) -> search.Library:
    """Words raise some, lower others, and bring some from behind the 6 of which they count."""
    monkeypatch.setattr("search.engine.by_words.DEPTH", 6)
    monkeypatch.setattr("search.engine.under_way.DEPTH", 6)
    folder = library.folder.parent / "photos"
    for name, text in (("240-0", "a dog"), ("180-0", "red"), ("240-60", "a red dog"), ("0-240", "a dog in red")):
        (folder / f"{name}.txt").write_text(text)
    for copy in range(3):
        (folder / f"copy{copy}.png").write_bytes((folder / "240-0.png").read_bytes())
    library.index(folder)
    return library


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize(("query", "how"), WAYS)
def test_a_hit_is_as_probable_whatever_number_is_asked_for(
    told: search.Library, query: Any, how: dict[str, Any], *, fitted: bool
) -> None:
    if fitted:
        curve = ProbabilityCurve(-3.0, Slopes(4.0, 0.0, 1.0, 0.0), TypicalBackground(0.1, 0.05))
        entries = [Entry("text", "image", None, curve, form=form) for form in ("short", "sentence")]
        fitted_for = ColourTokenEncoder().identity.weights
        calibration_file.write(told.folder / calibration_file.NAME, Calibration(fitted_for, tuple(entries)))
    whole = [replace(hit, found_by=None) for hit in told.query(query, k=100, **how)]
    assert any(hit.estimate for hit in whole)
    for k in (1, 2, 3, 5, 7, 13):
        assert [replace(hit, found_by=None) for hit in told.query(query, k=k, **how)] == whole[:k]
    least = whole[1].estimate or 0.0
    for k in (1, 5):
        likely = told.query(query, k=k, min_probability=least, **how)
        assert [hit.id for hit in likely] == [hit.id for hit in whole[:k] if (hit.estimate or 0.0) >= least]
    (alone,) = told.query_many([query], k=2, **how)
    assert [replace(hit, found_by=None) for hit in alone] == whole[:2]
    page = told.query(query, k=4, **how)
    found = list(page)
    while page.cursor is not None:
        page = told.query(query, k=9, after=page.cursor, **how)
        found += page
    assert [replace(hit, found_by=None) for hit in found] == whole
