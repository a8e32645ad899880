"""Which words met which regions: against pictures and numbers whose answer is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import search
from indexer.encoders.base import Preprocessing, ResizeMode
from indexer.images.preprocess import to_pixels
from indexer.settings import IndexSettings
from indexer.types import Int8
from search.rerank.base import Alignment, EncodedQuery
from search.rerank.explain import FOUND_FROM, explain, seen_area, strongest, whole_words
from tests.fixtures.colour_encoder import ColourEncoder, ColourTokenEncoder
from tests.fixtures.colour_reranker import ColourReranker
from tests.fixtures.pictures import quarters


def preprocessing(resize: ResizeMode, width: int = 64, height: int = 64) -> Preprocessing:
    return Preprocessing(height, width, resize, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


# -- words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pieces", "expected"),
    [
        ("a red car", ["a", "red", "car"], [("a", [0]), ("red", [1]), ("car", [2])]),
        ("a skateboarder", ["a", "skate", "board", "er"], [("a", [0]), ("skateboarder", [1, 2, 3])]),
        ("a skateboarder", ["a", "skate", "##board", "##er"], [("a", [0]), ("skateboarder", [1, 2, 3])]),
        ("red cars", ["red</w>", "car", "s</w>"], [("red", [0]), ("cars", [1, 2])]),
        ("it's", ["[CLS]", "it", "'", "s", "[SEP]"], [("it", [1]), ("s", [3])]),
        ("Skate SKATE board", ["skate", "skate", "board"], [("skate", [0]), ("skate", [1]), ("board", [2])]),
        ("café bar", ["cafe", "bar"], [("cafe", [0]), ("bar", [1])]),
        ("cafés bar", ["cafe", "##s", "bar"], [("cafes", [0, 1]), ("bar", [2])]),
        ("赤い車", ["赤", "い", "車"], [("赤", [0]), ("い", [1]), ("車", [2])]),
        ("red, car!", ["red", ",", "car", "!"], [("red", [0]), ("car", [2])]),
        ("a <b> tag", ["<s>", "a", "<b>", "tag", "</s>"], [("a", [1]), ("<b>", [2]), ("tag", [3])]),
        ("...", ["..."], []),
        ("", [""], []),
    ],
)
def test_pieces_of_one_word_are_read_as_one(
    text: str, pieces: list[str], expected: list[tuple[str, list[int]]]
) -> None:
    assert whole_words(pieces, text) == expected


def test_weights_of_pieces_add_up_and_the_rest_is_their_mean() -> None:
    attention = np.array([[[1, 0]], [[0, 1]], [[0.5, 0.5]]], np.float32)  # (t, rows, columns)
    alignment = Alignment(np.array([0.6, 0.2, 0.2], np.float32), attention, np.array([0.9, 0.5, -0.1], np.float32))
    found = explain(alignment, ["skate", "board", "!"], "skateboard!", preprocessing("squash"), (30, 20))
    (word,) = found.words
    assert (word.word, word.box) == ("skateboard", (0.0, 0.0, 0.5, 1.0))
    assert word.weight == pytest.approx(1.0)  # the mark has no share of what is read
    assert word.similarity == pytest.approx((0.6 * 0.9 + 0.2 * 0.5) / 0.8)
    assert word.attention[0] == pytest.approx((0.75, 0.25))
    assert found.grid[0] == pytest.approx((0.75, 0.25))
    with pytest.raises(ValueError, match="3 words are aligned, and 1 were named"):
        explain(alignment, ["skateboard!"], "skateboard!", preprocessing("squash"), (30, 20))


def test_pieces_without_weight_are_averaged_alike() -> None:
    attention = np.array([[[1, 0]], [[0, 1]]], np.float32)
    alignment = Alignment(np.zeros(2, np.float32), attention, np.array([0.2, 0.4], np.float32))
    (word,) = explain(alignment, ["a", "b"], "ab", preprocessing("squash"), (1, 1)).words
    assert (word.weight, word.similarity) == (1.0, pytest.approx(0.3))
    assert word.attention[0] == pytest.approx((0.5, 0.5))


def aligned(*similarities: float) -> Alignment:
    """As many words, the first of which weighs six times as much as each other; each looks at a region of its own."""
    count = len(similarities)
    weights = np.array([6.0] + [1.0] * (count - 1), np.float32)
    return Alignment(weights / weights.sum(), np.eye(count, dtype=np.float32)[:, None, :], np.float32(similarities))


def test_words_of_grammar_have_no_share_where_there_are_others() -> None:
    found = explain(aligned(0.9, 0.8, 0.7), ["a", "black", "dog"], "A black dog", preprocessing("squash"), (30, 20))
    assert [(word.word, word.weight) for word in found.words] == [("black", 0.5), ("dog", 0.5)]
    assert found.grid == ((0.0, 0.5, 0.5),)
    found = explain(aligned(0.9, 0.8), ["who", "are"], "who are", preprocessing("squash"), (30, 20))
    assert [word.word for word in found.words] == ["who", "are"]
    assert found.words[0].weight == pytest.approx(6 / 7)


def test_a_word_that_was_not_found_has_no_region() -> None:
    pieces, text = ["blue", "car"], "blue car"
    found = explain(aligned(FOUND_FROM - 0.01, FOUND_FROM), pieces, text, preprocessing("squash"), (30, 20))
    assert [word.box for word in found.words] == [None, (0.5, 0.0, 1.0, 1.0)]
    assert found.grid == ((0.0, 1.0),)  # where what was found is
    assert [word.weight for word in found.words] == pytest.approx([6 / 7, 1 / 7])
    said = found.to_json()["words"]
    assert isinstance(said, list)
    assert ["box" in word for word in said] == [False, True]
    none = explain(aligned(0.1, 0.1), pieces, text, preprocessing("squash"), (30, 20))
    assert none.grid[0] == pytest.approx((6 / 7, 1 / 7))


# -- places -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (250, 250), (640, 64)])
@pytest.mark.parametrize("target", [(64, 64), (96, 64)])
@pytest.mark.parametrize("resize", ["squash", "shortest", "longest"])
def test_the_area_is_what_the_encoder_really_sees(
    resize: ResizeMode, size: tuple[int, int], target: tuple[int, int]
) -> None:
    """A picture whose red says how far right a pixel is, and whose green how far down; blue is no padding."""
    wide, high = size
    ramp = np.zeros((high, wide, 3), np.float64)
    ramp[..., 0] = 255 * (np.arange(wide) + 0.5)[None, :] / wide
    ramp[..., 1] = 255 * (np.arange(high) + 0.5)[:, None] / high
    ramp[..., 2] = 255
    wanted = preprocessing(resize, *target)
    pixels = to_pixels(Image.fromarray(np.rint(ramp).astype(np.uint8)), wanted).astype(np.float64)
    left, upper, right, lower = seen_area(wanted, size)
    columns, rows = target
    checked = 0
    for row in range(2, rows, 7):
        for column in range(2, columns, 7):
            red, green, blue = pixels[row, column]
            x = left + (right - left) * (column + 0.5) / columns
            y = upper + (lower - upper) * (row + 0.5) / rows
            if blue > 254:
                assert (x, y) == pytest.approx((red / 255, green / 255), abs=0.03)
                checked += 1
            else:
                assert not (0.05 < x < 0.95 and 0.05 < y < 0.95)
    assert checked > 5


def test_the_strongest_region_lies_in_the_picture() -> None:
    attention = np.array([[9, 1, 2, 9]], np.float32)  # (1, 4)
    assert strongest(attention, (-0.5, 0.0, 1.5, 1.0)) == (0.5, 0.0, 1.0, 1.0)  # the outer ones are padding
    assert strongest(attention, (0.25, 0.25, 0.75, 0.75)) == (0.25, 0.25, 0.375, 0.75)
    assert strongest(attention, (-0.1, 0.0, 1.1, 1.0)) == pytest.approx((0.0, 0.0, 0.2, 1.0))  # cut to the picture


# -- in a search --------------------------------------------------------------------------------------------


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


def test_each_word_is_found_where_it_is(library: search.Library) -> None:
    hits = library.query("red green blue", reranker=ColourReranker(), explain=True)
    by_name = {Path(hit.path).name: hit for hit in hits}
    found = by_name["quarters.png"].explanation
    assert found is not None
    assert [(word.word, word.box) for word in found.words] == [
        ("red", (0.0, 0.0, 0.5, 0.5)),
        ("green", (0.5, 0.0, 1.0, 0.5)),
        ("blue", (0.0, 0.5, 0.5, 1.0)),
    ]
    assert np.array(found.grid).sum() == pytest.approx(1, abs=1e-5)
    assert found.area == (0.0, 0.0, 1.0, 1.0)
    fields = json.loads(json.dumps(by_name["quarters.png"].to_json()))["explain"]
    assert set(fields) == {"words", "found", "grid"}
    assert fields["words"][0].keys() == {"word", "weight", "similarity", "box"}
    assert (fields["grid"]["rows"], fields["grid"]["columns"]) == (2, 2)
    assert np.array(fields["grid"]["values"]).shape == (2, 2)
    plain = library.query("red green blue", reranker=ColourReranker())
    assert [hit.id for hit in plain] == [hit.id for hit in hits]
    assert all(hit.explanation is None and "explain" not in hit.to_json() for hit in plain)


def test_without_reranking_hits_are_explained_in_the_order_of_the_first(library: search.Library) -> None:
    hits = library.query("red", rerank=0, reranker=ColourReranker(), explain=True)
    assert len(hits) > 1
    assert all(hit.explanation is not None and hit.score == hit.similarity for hit in hits)


def test_texts_among_the_hits_stay_unexplained(library: search.Library) -> None:
    hits = library.query("blue", to="any", reranker=ColourReranker(), explain=True)
    assert {(hit.kind, hit.explanation is not None) for hit in hits} == {("image", True), ("text", False)}
    assert hits.notes == ()


def test_what_cannot_be_explained_is_said_once(library: search.Library, tmp_path: Path) -> None:
    class Silent(ColourReranker):
        def explain(self, query: EncodedQuery, tokens: Int8) -> Alignment | None:
            return None

    answers = {
        "alone have found can be explained; ask in words.": library.query(
            tmp_path / "photos" / "blue.png", explain=True, reranker=ColourReranker()
        ),
        "leave out `to='text'`": library.query("blue", to="text", explain=True, reranker=ColourReranker()),
        "colours cannot say which words": library.query("blue", explain=True, reranker=Silent()),
        "for the encoder colours; train one with `train_reranker(table=TABLE)`, or name": library.query(
            "blue", explain=True
        ),
    }
    for said, results in answers.items():
        assert len(results) >= 1
        assert [said in note for note in results.notes] == [True], results.notes
        assert all(hit.explanation is None for hit in results)


def test_hits_without_tokens_are_not_explained(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (30, 40), (0, 0, 255)).save(photos / "blue.png")
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(photos)
    with search.open(tmp_path / "s", encoder=ColourTokenEncoder()) as library:
        results = library.query("blue", explain=True, reranker=ColourReranker())
        assert results[0].explanation is None
        assert any("1 of 1 hits have no region tokens to explain; `index()` adds them." in n for n in results.notes)

        library.index(settings=IndexSettings(tokens=False))
        results = library.query("blue", explain=True, reranker=ColourReranker())
        assert any(note.endswith("`index(settings=IndexSettings(tokens=True))` adds them.") for note in results.notes)
        library.index(settings=IndexSettings(tokens=True))
        assert library.query("blue", explain=True, reranker=ColourReranker())[0].explanation is not None


def test_signs_alone_have_no_word_and_where_was_looked_all_the_same() -> None:
    alignment = aligned(0.9)
    found = explain(alignment, [","], ",", preprocessing("squash"), (64, 64))
    assert found.words == ()
    assert sum(map(sum, found.grid)) == pytest.approx(1)
