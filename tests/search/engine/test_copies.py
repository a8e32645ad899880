"""One hit a content: copies of a photograph, files that are gone, and the query image itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import search
from indexer.vectors.base import INDEX_TYPES, IndexType, SearchParameters
from tests.fixtures.colour_encoder import ColourEncoder


def paint(folder: Path, shades: int) -> list[Path]:
    """Squares from red to black, the reddest first."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03}.png" for number in range(shades)]
    for number, path in enumerate(paths):
        Image.new("RGB", (8, 8), (255 - 4 * number, 0, 0)).save(path)
    return paths


@pytest.fixture
def library(tmp_path: Path) -> Iterator[search.Library]:
    with search.open(tmp_path / "s", encoder=ColourEncoder(batch_size=64)) as opened:
        yield opened


def copied(path: Path, count: int) -> list[Path]:
    folder = path.parent / "copies"
    folder.mkdir(exist_ok=True)
    return [Path(shutil.copy(path, folder / f"{path.stem}-{number:03}.png")) for number in range(count)]


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_copies_are_one_hit_and_named(library: search.Library, tmp_path: Path, index_type: IndexType) -> None:
    paths = paint(tmp_path / "photos", 40)
    copies = copied(paths[0], 60) + copied(paths[1], 1)
    library.index(tmp_path / "photos", index_type=index_type)
    for k in (40,) if index_type in ("ivf-sq8", "ivf-pq") else (1, 3, 40):  # those two see no such small difference
        hits = library.query("red", k=k)
        assert [hit.path for hit in hits] == [str(path) for path in paths[:k]]
    assert hits[0].also == tuple(map(str, copies[:60]))
    assert hits[1].also == (str(copies[60]),)
    assert hits[2].also == ()
    assert len(library.query("red", k=200)) == 40
    assert hits[0].to_json()["also"] == list(hits[0].also)
    assert "also" not in hits[2].to_json()


def test_copies_take_nothing_from_each_others_probability(library: search.Library, tmp_path: Path) -> None:
    paths = paint(tmp_path / "photos", 12)
    library.index(tmp_path / "photos")
    before = [hit.estimate for hit in library.query("red", k=12)]
    copied(paths[0], 9)
    library.index(tmp_path / "photos")
    after = library.query("red", k=12)
    assert [hit.estimate for hit in after] == before
    assert len(after[0].also) == 9


def test_a_filter_sees_the_copies_that_it_lets_through(library: search.Library, tmp_path: Path) -> None:
    paths = paint(tmp_path / "photos", 5)
    (copy,) = copied(paths[0], 1)
    library.index(tmp_path / "photos")
    first, *_ = library.query("red", k=5)
    within = SearchParameters(exclude=np.array([first.id], np.int64))
    found = library.query("red", k=5, parameters=within)
    assert (found[0].path, found[0].also) == (str(copy), (str(paths[0]),))


def test_the_same_words_about_one_photograph_are_one_hit(library: search.Library, tmp_path: Path) -> None:
    paths = paint(tmp_path / "photos", 3)
    (copy,) = copied(paths[0], 1)
    for path in (paths[0], copy, paths[1]):
        path.with_suffix(".txt").write_text("red")
    (tmp_path / "photos" / "captions.csv").write_text("image,caption\n000.png,red\n")
    library.index(tmp_path / "photos")
    texts = library.query("red", to="text")
    assert [(hit.path, hit.text) for hit in texts] == [(str(paths[0]), "red"), (str(paths[1]), "red")]
    assert texts[0].also == (str(copy),)


def test_a_file_that_is_gone_is_marked_and_a_copy_takes_its_place(library: search.Library, tmp_path: Path) -> None:
    paths = paint(tmp_path / "photos", 3)
    (copy,) = copied(paths[0], 1)
    library.index(tmp_path / "photos")
    before = library.query("red")
    assert not any(hit.missing for hit in before)
    assert "missing" not in before[0].to_json()
    paths[0].unlink()
    paths[1].unlink()
    first, second, third = library.query("red")
    assert (first.path, first.source, first.missing, first.also) == (str(copy), str(copy), False, ())
    assert first.id != before[0].id
    assert (second.path, second.missing, second.to_json()["missing"]) == (str(paths[1]), True, True)
    assert not third.missing
    copy.unlink()
    assert [hit.missing for hit in library.query("red")] == [True, True, False]


def test_the_query_image_is_told_from_others(library: search.Library, tmp_path: Path) -> None:
    paths = paint(tmp_path / "photos", 3)
    library.index(tmp_path / "photos")
    inside = library.query(paths[1])
    assert (inside[0].path, inside[0].same) == (str(paths[1]), True)
    assert [hit.same for hit in inside[1:]] == [False, False]
    assert inside[0].to_json()["same"] is True
    outside = Path(shutil.copy(paths[1], tmp_path / "elsewhere.png"))
    assert library.query(outside)[0].same  # the same bytes under another name
    Image.new("RGB", (8, 8), (250, 0, 0)).save(tmp_path / "new.png")
    assert not any(hit.same for hit in library.query(tmp_path / "new.png"))
    assert not any(hit.same for hit in library.query("red"))


def test_copies_that_are_gone_are_not_named(library: search.Library, tmp_path: Path) -> None:
    paths = paint(tmp_path / "photos", 2)
    copies = copied(paths[0], 130)
    paths[1].with_suffix(".txt").write_text("red")
    (copy,) = copied(paths[1], 1)
    library.index(tmp_path / "photos")
    for gone in (copies[0], copies[99], copies[100], copy):
        gone.unlink()
    first = library.query("red", by_words=False)[0]
    assert (first.path, first.missing) == (str(paths[0]), False)
    assert first.also == tuple(map(str, [*copies[1:99], *copies[100:]]))  # of the first hundred it is seen
    (words,) = library.query("red", to="text")
    assert (words.path, words.also) == (str(paths[1]), ())
