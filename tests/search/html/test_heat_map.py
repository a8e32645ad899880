"""Heat maps on the contact sheet: a map for each word, where it stands out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import search
from indexer.encoders.base import Preprocessing, ResizeMode
from search.html import heat_map
from search.html.contact_sheet import sheet
from search.query.query import Query
from search.rerank.base import Alignment
from search.rerank.explain import Explanation, explain
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.colour_reranker import ColourReranker
from tests.fixtures.pictures import quarters


def preprocessing(resize: ResizeMode, width: int = 64, height: int = 64) -> Preprocessing:
    return Preprocessing(height, width, resize, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[search.Library]:
    photos = tmp_path / "photos"
    photos.mkdir()
    quarters().save(photos / "quarters.png")
    Image.new("RGB", (30, 40), (0, 0, 255)).save(photos / "blue.png")
    (photos / "blue.txt").write_text("blue")
    with search.open(tmp_path / "s", encoder=ColourTokenEncoder()) as opened:
        opened.index(photos)
        yield opened


def test_the_sheet_shows_a_map_for_each_word(library: search.Library) -> None:
    results = library.query("red green <b>", reranker=ColourReranker(), explain=True)
    indexed = library.indexed(*(hit.path for hit in results))
    page = sheet(results, Query(text="red green <b>"), indexed)
    assert page.count('class="heat whole"') == 2
    for number in range(3):
        assert page.count(f'class="heat w{number}"') == 2
        assert page.count(f'class="word w{number}"') == 3  # each picture's, and the header's
        assert f".w{number}:is(:hover, :focus-visible)" in page
    assert "<b>" not in re.sub(r"<b>\d+</b>", "", page)
    assert "<script" not in page
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")
    without = sheet(library.query("red green"), Query(text="red green"), indexed)
    assert "heat" not in without


def test_a_frame_has_the_shape_of_its_picture() -> None:
    assert heat_map.frame_size(300, 100, 4, 3) == "aspect-ratio: 300 / 100; width: 100%"
    assert heat_map.frame_size(100, 100, 4, 3) == "aspect-ratio: 100 / 100; height: 100%"


def test_levels_show_what_stands_out() -> None:
    sharp = heat_map.levels(((0.97, 0.01), (0.01, 0.01)))
    assert sharp.tolist() == [[1.0, 0.0], [0.0, 0.0]]
    even = heat_map.levels(((0.25, 0.25), (0.25, 0.25)))
    assert even.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert 0 < heat_map.levels(((0.28, 0.24), (0.24, 0.24))).max() < 0.2  # hardly looks anywhere


def test_long_queries_show_the_words_that_count() -> None:
    count = 40
    weights = np.linspace(0.001, 1, count).astype(np.float32)
    attention = np.full((count, 1, 2), 0.5, np.float32)
    alignment = Alignment(weights / weights.sum(), attention, np.ones(count, np.float32))
    names = [f"w{number}" for number in range(count)]
    found: Explanation = explain(alignment, names, " ".join(names), preprocessing("squash"), (1, 1))
    assert [number for number, _ in found.heaviest(3)] == [37, 38, 39]
    assert len(found.to_json()["words"]) == count
    assert len(heat_map.layers(found)) == heat_map.WORDS + 1


def test_a_word_that_was_not_found_has_no_map_and_says_so() -> None:
    alignment = Alignment(np.float32([0.5, 0.5]), np.float32([[[1, 0]], [[0, 1]]]), np.float32([0.1, 0.9]))
    found = explain(alignment, ["blue", "car"], "blue car", preprocessing("squash"), (1, 1))
    assert [layer.name for layer in heat_map.layers(found)] == ["whole", "w1"]
    assert [chip.figure for chip in heat_map.chips(found, heat_map.fit_of)] == ["not found", "0.90"]
    assert [chip.figure for chip in heat_map.chips(found, heat_map.share_of)] == ["50%", "50%"]


def test_where_no_word_was_found_nothing_is_pointed_at(library: search.Library) -> None:
    alignment = Alignment(np.float32([0.5, 0.5]), np.float32([[[1, 0]], [[0, 1]]]), np.float32([0.1, 0.2]))
    none = explain(alignment, ["blue", "car"], "blue car", preprocessing("squash"), (1, 1))
    assert not none.found
    assert heat_map.layers(none) == ()
    said = none.to_json()
    assert (said["found"], said["grid"]["columns"]) == (False, 2)
    results = library.query("red green", reranker=ColourReranker(), explain=True)
    indexed = library.indexed(*(hit.path for hit in results))
    page = sheet(results, Query(text="red green"), indexed)
    assert "no word was found" not in page
    lost = replace(results, hits=tuple(replace(hit, explanation=none) for hit in results))
    page = sheet(lost, Query(text="red green"), indexed)
    assert page.count("no word was found in this picture") == len(results) == 2
    assert '<img class="heat' not in page
    assert '<i class="place' not in page


def test_what_is_tapped_has_the_focus_and_is_told_so(library: search.Library) -> None:
    results = library.query("red green", reranker=ColourReranker(), explain=True)
    page = sheet(results, Query(text="red green"), library.indexed(*(hit.path for hit in results)))
    assert "Point at a word" in page
    assert "Tap a word" in page
    for number in range(2):
        assert f"@media (hover: none) {{ li:has(.word.w{number}:focus) .heat.whole" in page
    assert page.count('class="frame" tabindex="0"') == 2
