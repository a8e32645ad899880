"""Answers against a plain comparison with every vector, whatever the index is and however far it is behind."""

from __future__ import annotations

import json
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import search
from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.catalog.vectors import Vectors
from indexer.errors import EmptyQueryError, FileError, NotAnImageError, PathNotFoundError, StoreMissingError, UsageError
from indexer.vectors.base import INDEX_TYPES, IndexType, SearchParameters
from search.query.query import Query
from search.query.words import MAX_CHARACTERS
from tests.fixtures.colour_encoder import ColourEncoder


def paint(folder: Path, count: int, seed: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        Image.new("RGB", (8, 8), tuple(int(part) for part in rng.integers(0, 256, 3))).save(
            folder / f"{seed}-{number:04}.png"
        )


@pytest.fixture
def library(tmp_path: Path) -> Iterator[search.Library]:
    with search.open(tmp_path / "s", encoder=ColourEncoder(batch_size=64)) as opened:
        yield opened


def plain(library: search.Library, words: str, k: int) -> list[tuple[str, float]]:
    """(path, score) of the k best images by comparing with every vector."""
    query = ColourEncoder().encode_texts([words]).vectors[0].astype(np.float64)
    rows = []
    assert library._opened is not None
    with library._opened.store.catalog.snapshot() as snapshot:
        active = Encoders(snapshot).active()
        assert active is not None
        for ids, vectors in Vectors(snapshot).pages("image", active[0], active[1].dimension):
            paths = Items(snapshot).get(ids.tolist())
            for number, vector in zip(ids.tolist(), vectors, strict=True):
                rows.append((-np.float32(vector.astype(np.float64) @ query), number, paths[number].path))
    return [(path, float(-score)) for score, _, path in sorted(rows)[:k]]


def answers(library: search.Library, words: str, k: int) -> list[tuple[str, float]]:
    return [(hit.path, hit.score) for hit in library.query(words, k=k)]


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_every_index_gives_the_exact_scores_and_new_files_at_once(
    library: search.Library, tmp_path: Path, index_type: IndexType
) -> None:
    paint(tmp_path / "photos", 300)
    library.index(tmp_path / "photos", index_type=index_type)
    for words in ("red", "green blue", "white"):
        assert answers(library, words, 7) == plain(library, words, 7)
    status = library.status().indexes["image"]
    assert status is not None
    assert (status.index_type, status.behind) == (index_type, 0)
    paint(tmp_path / "photos", 30, seed=1)
    (tmp_path / "photos" / "0-0000.png").unlink()
    library.index(tmp_path / "photos")  # for all but flat the index stays behind, and the tail is compared
    for words in ("red", "green blue", "white"):
        assert answers(library, words, 7) == plain(library, words, 7)
    results = library.query("red", k=400)
    assert len(results) == 329
    assert library.status().images == 329


def test_the_recall_is_measured_remembered_and_shown(library: search.Library, tmp_path: Path) -> None:
    paint(tmp_path / "photos", 300)
    library.index(tmp_path / "photos", index_type="ivf-sq8", recall=0.8)
    first = library.status().indexes["image"]
    assert first is not None
    assert first.tuned is not None
    assert (first.asked, first.tuned.target) == ("ivf-sq8", 0.8)
    assert first.tuned.recall >= 0.8
    assert first.tuned.width > 0
    library.index()
    assert library.status().indexes["image"] == first
    library.index(recall=0.99)
    second = library.status().indexes["image"]
    assert second is not None
    assert second.tuned is not None
    assert (second.tuned.target, second.tuned.recall >= 0.99) == (0.99, True)
    for wrong in (0, -1, 1.1, float("nan")):
        with pytest.raises(UsageError, match="`recall` takes a number above 0 and up to 1"):
            library.index(recall=wrong)


@pytest.mark.parametrize("number", [1, 2])
def test_an_index_of_an_earlier_format_is_built_again(library: search.Library, tmp_path: Path, number: int) -> None:
    paint(tmp_path / "photos", 60)
    library.index(tmp_path / "photos")
    manifest = tmp_path / "s" / "vectors" / "image.json"
    manifest.write_text(json.dumps({"format": number, "file": "image-1-0123abcd.faiss", "index_type": "flat"}))
    (tmp_path / "s" / "vectors" / "image-1-0123abcd.faiss").write_bytes(b"of an earlier version")
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as other:
        assert answers(other, "red", 7) == plain(other, "red", 7)
    assert json.loads(manifest.read_bytes())["format"] == 4
    assert [path.suffix for path in (tmp_path / "s" / "vectors").glob("image-*")] == [".npy"]


def test_a_search_says_how_much_it_did(library: search.Library, tmp_path: Path) -> None:
    paint(tmp_path / "photos", 200)
    library.index(tmp_path / "photos", index_type="hnsw")
    paint(tmp_path / "photos", 5, seed=1)
    library.index()
    results = library.query("red", k=3)
    assert (results.work.indexed, results.work.scanned) == (200, 5)
    assert set(results.seconds) == {"open", "encode", "search"}


def test_ids_may_be_excluded_and_selected_by_the_call(library: search.Library, tmp_path: Path) -> None:
    paint(tmp_path / "photos", 50)
    library.index(tmp_path / "photos")
    ids = [hit.id for hit in library.query("red", k=50)]
    without = library.query("red", k=50, parameters=SearchParameters(exclude=np.array(ids[:10])))
    assert [hit.id for hit in without] == ids[10:]
    only = library.query("red", k=50, parameters=SearchParameters(only=np.array(ids[20:25])))
    assert [hit.id for hit in only] == ids[20:25]
    assert [hit.id for hit in library.query("red", k=50)] == ids


def test_equal_scores_are_ordered_by_id(library: search.Library, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in "dacb":
        Image.new("RGB", (8, 8), (9, 9, 9)).save(folder / f"{name}.png")
    library.index(folder)
    hits = library.query("red", k=4)
    assert [hit.id for hit in hits] == sorted(hit.id for hit in hits)
    assert len({hit.score for hit in hits}) == 1


def test_queries_from_many_threads_agree(library: search.Library, tmp_path: Path) -> None:
    paint(tmp_path / "photos", 200)
    library.index(tmp_path / "photos", index_type="ivf-flat")
    words = ["red", "green", "blue", "white", "black", "red blue", "green white", "nothing"]
    alone = [answers(library, word, 5) for word in words]
    together: dict[int, list[list[tuple[str, float]]]] = {}

    def ask(number: int) -> None:
        together[number] = [answers(library, words[number], 5) for _ in range(20)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(words))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(answer == alone[number] for number, given in together.items() for answer in given)
    assert len(together) == len(words)


def test_a_query_image_is_read_or_known(library: search.Library, tmp_path: Path) -> None:
    paint(tmp_path / "photos", 20)
    library.index(tmp_path / "photos")
    encoder = library._models._encoder
    assert isinstance(encoder, ColourEncoder)
    before = encoder.images
    inside = tmp_path / "photos" / "0-0003.png"
    assert library.query(inside, k=1)[0].path == str(inside)
    assert encoder.images == before  # its embedding was in the catalog
    Image.new("RGB", (30, 20), (255, 0, 0)).save(tmp_path / "red.png")
    expected = [hit.path for hit in library.query("red", k=3)]
    assert [hit.path for hit in library.query(tmp_path / "red.png", k=3)] == expected
    assert encoder.images == before + 1
    content = (tmp_path / "red.png").read_bytes()
    found = library.query(Query(image_bytes=content, name="upload.png"), k=3)
    assert [hit.path for hit in found] == expected
    assert found.query == "upload.png"
    assert library.query(Query(image_bytes=inside.read_bytes()), k=1)[0].path == str(inside)
    assert encoder.images == before + 2


def test_words_never_open_a_file(library: search.Library, tmp_path: Path) -> None:
    """A `str` is words, also where it names an image that is there."""
    paint(tmp_path / "photos", 3)
    library.index(tmp_path / "photos")
    path = str(tmp_path / "photos" / "0-0001.png")
    found = library.query(path)
    assert found.query == path
    assert "Path(...) asks with the image" in found.notes[0]
    asked = library.query(Path(path), k=1)
    assert (asked[0].path, asked[0].similarity) == (path, pytest.approx(1.0, abs=1e-3))
    assert asked.notes == library.query("red", k=1).notes


def test_a_query_image_that_cannot_be_used_is_an_error_with_its_name(library: search.Library, tmp_path: Path) -> None:
    paint(tmp_path / "photos", 2)
    library.index(tmp_path / "photos")
    with pytest.raises(PathNotFoundError, match=r"gone\.png is not there"):
        library.query(Query(image=str(tmp_path / "gone.png")))
    with pytest.raises(NotAnImageError, match=r"upload.png cannot be used: its content is no image"):
        library.query(Query(image_bytes=b"words", name="upload.png"))
    with pytest.raises(FileError, match=r"\(bytes\) cannot be used: it is empty"):
        library.query(Query(image_bytes=b""))
    with pytest.raises(UsageError, match="is not a file"):
        library.query(tmp_path)


def test_both_kinds_are_merged_and_each_keeps_its_order(library: search.Library, tmp_path: Path) -> None:
    paint(tmp_path / "photos", 20)
    for number, word in enumerate(("red", "green", "blue", "white")):
        (tmp_path / "photos" / f"0-{number:04}.txt").write_text(word)
    library.index(tmp_path / "photos")
    hits = library.query("red", k=24, to="any")
    assert len(hits) == 24
    for kind in ("image", "text"):
        scores = [hit.score for hit in hits if hit.kind == kind]
        assert scores == sorted(scores, reverse=True)
    assert {hit.kind for hit in hits[:6]} == {"image", "text"}
    texts = library.query("red", k=2, to="text")
    assert (texts[0].text, texts[0].kind) == ("red", "text")
    assert texts[0].path == str(tmp_path / "photos" / "0-0000.png")
    assert texts[0].source == str(tmp_path / "photos" / "0-0000.txt")


def test_a_library_that_nothing_was_indexed_into(library: search.Library) -> None:
    with pytest.raises(StoreMissingError):
        library.query("red")
    assert not library.folder.exists()


def test_a_large_k_takes_no_memory(library: search.Library, tmp_path: Path) -> None:
    paint(tmp_path / "photos", 5)
    library.index(tmp_path / "photos")
    expected = library.query("red", k=5).hits
    tracemalloc.start()
    try:
        assert library.query("red", k=10**9).hits == expected
        assert tracemalloc.get_traced_memory()[1] < 10_000_000  # numbers for as many would take gigabytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("k", [0, -1])
def test_k_must_be_positive(library: search.Library, tmp_path: Path, k: int) -> None:
    paint(tmp_path / "photos", 2)
    library.index(tmp_path / "photos")
    with pytest.raises(UsageError, match="`k` takes a whole number from 1"):
        library.query("red", k=k)


def test_what_a_query_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Query(text="  a   red\ncar ") == Query(text="a red car")
    assert Query(text="cafe\u0301").text == "café"
    assert Query(text="bad \udcff byte").text == "bad ? byte"
    with pytest.raises(EmptyQueryError):
        Query(text="\n\t\0")
    with pytest.raises(UsageError):
        Query(text="x" * (MAX_CHARACTERS + 1))
    monkeypatch.chdir(tmp_path)
    assert Query(image="a.png").image == str(tmp_path / "a.png")
    assert "secret" not in repr(Query(image_bytes=b"secret"))
    for wrong in ({}, {"text": "a", "image": "b"}, {"text": b"a"}, {"image": 5}, {"image_bytes": "a"}):
        with pytest.raises(TypeError, match=r"exactly one|takes"):
            Query(**wrong)  # type: ignore[arg-type]
