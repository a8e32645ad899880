"""Many queries in one call: the answers of one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine, event

import search
from indexer.vectors.backend import OpenIndex
from search import arguments
from search.calls import answering
from tests.fixtures.colour_encoder import ColourEncoder, ColourTokenEncoder
from tests.fixtures.colour_reranker import ColourReranker

COLOURS = ("red", "green", "blue", "white", "black", "yellow")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[search.Library]:
    """Plain pictures under an encoder whose rows are the same in any batch."""
    folder = tmp_path_factory.mktemp("many")
    for name in COLOURS:
        Image.new("RGB", (16, 16), name).save(folder / f"{name}.png")
    with search.open(folder / "s.search", encoder=ColourTokenEncoder()) as opened:
        assert opened.index(folder).encoded == len(COLOURS)
        yield opened


class Listener:
    """Notes what it is told; stops after so many."""

    def __init__(self, most: int = 1_000) -> None:
        self.phases: list[str] = []
        self.of, self.done, self._most = 0, 0, most

    def phase(self, name: str) -> None:
        self.phases.append(name)

    def total(self, files: int) -> None:
        self.of = files

    def advance(self, files: int) -> None:
        self.done += files
        if self.done == self._most:
            raise RuntimeError("stopped")


def plain(results: search.Results) -> Any:
    """All but what took how long."""
    return results.query, results.hits, results.notes, results.work, results.calibrated, results.cut


def test_every_answer_is_that_of_one_query(library: search.Library) -> None:
    folder = library.folder.parent
    queries: list[Any] = [
        *COLOURS,
        folder / "red.png",
        (folder / "blue.png").read_bytes(),
        np.full((8, 8, 3), 255, np.uint8),
        search.Query.parse("red -blue min:1%"),
        search.Query(image=folder / "green.png", sort="name"),
        "red.png",
        "red",
    ]
    for how in ({}, {"k": 2, "to": "any"}, {"reranker": ColourReranker(), "rerank": 3}, {"min_probability": 0.2}):
        expected = [library.query(query, **how) for query in queries]  # type: ignore[arg-type]
        found = library.query_many(queries, **how)  # type: ignore[arg-type]
        assert [plain(each) for each in found] == [plain(each) for each in expected]
        assert [each.error for each in found] == [None] * len(queries)
    assert library.query_many([]) == []


def test_an_option_that_the_query_contradicts_is_not_heard_and_named(library: search.Library) -> None:
    query = search.Query.parse("red min:1% sort:name to:any")
    found = library.query(query, min_probability=0.9, sort="date", to="text")
    assert [note for note in found.notes if "not heard" in note] == [
        "`min_probability=0.9` is not heard: the query itself says min:0.01.",
        "`sort='date'` is not heard: the query itself says sort:name.",
        "`to='text'` is not heard: the query itself says to:any.",
    ]
    assert library.query_many([query], sort="date")[0].notes[:1] == (
        "`sort='date'` is not heard: the query itself says sort:name.",
    )
    assert library.query(query, min_probability=0.01, sort="name").notes == library.query(query).notes
    assert not any("not heard" in note for note in library.query("red", sort="date", min_probability=0.01).notes)


def statements(library: search.Library, queries: list[Any], **how: Any) -> int:
    """How many statements the catalog is asked for the answers."""
    library.query_many(queries, **how)  # what is read once
    found = 0

    def count(*_: object) -> None:
        nonlocal found
        found += 1

    event.listen(Engine, "before_cursor_execute", count)
    try:
        library.query_many(queries, **how)
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    return found


def test_many_queries_read_as_often_as_two(library: search.Library) -> None:
    for how in ({}, {"by_words": False}, {"k": 3, "min_probability": 0.1}, {"reranker": ColourReranker()}):
        two = statements(library, ["red", "blue"], **how)
        assert 5 < two < 40
        assert statements(library, [*COLOURS, "grey", "pink", "orange"], **how) == two


def test_many_queries_by_words_read_as_often_as_two(library: search.Library, tmp_path: Path) -> None:
    """Whatever their words are said of: names, captions beside, nothing."""
    said = ["red church", "harbour -dog", "a cat", "harbour at night", "green church", "dog", "pink", '"by night"']
    lines = [search.Query.parse(line) for line in said]
    for number in range(20):
        Image.new("RGB", (16, 16), (200, 10 * number, 0)).save(tmp_path / f"{number}.png")
        caption = ("a church by night", "the church", "harbour", "a cat and a dog", "nothing else")[number % 5]
        (tmp_path / f"{number}.txt").write_text(caption)
    with search.open(tmp_path / "s", encoder=ColourTokenEncoder()) as told:
        told.index(tmp_path)
        for how in ({}, {"k": 3}, {"reranker": ColourReranker()}):
            two = statements(told, lines[:2], by_words=True, **how)
            assert 5 < two < 45
            assert statements(told, lines, by_words=True, **how) == two


def test_many_queries_ask_the_index_once(library: search.Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.query("red")
    assert library._opened is not None
    opened = library._opened.engine._indexes.open("image", ColourTokenEncoder().identity)
    assert opened is not None
    asked: list[tuple[int, ...]] = []

    class Counted:
        def __init__(self) -> None:
            self.ids = opened.index.ids

        def __len__(self) -> int:
            return len(opened.index)

        def search(self, queries: Any, k: int, parameters: Any = None) -> Any:
            asked.append(queries.shape)
            return opened.index.search(queries, k, parameters)

    cache = library._opened.engine._indexes
    monkeypatch.setattr(cache, "open", lambda kind, identity: OpenIndex(Counted(), opened.state))  # type: ignore[arg-type]
    found = library.query_many(COLOURS, k=2)
    assert asked == [(len(COLOURS), ColourTokenEncoder().identity.dimension)]
    monkeypatch.undo()
    ids, vectors = library.vectors([item.id for item in library.items()])
    for asking, answer in zip(library.embed(texts=COLOURS), found, strict=True):  # a plain reference
        order = np.lexsort((ids, -(vectors.astype(np.float64) @ asking).astype(np.float32)))
        assert [hit.id for hit in answer] == ids[order][:2].tolist()


def test_more_than_are_answered_at_once(library: search.Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "AT_ONCE", 4)
    five = COLOURS[:5]
    queries: list[Any] = [*five, " ", *five]
    listener = Listener()
    found = library.query_many(queries, k=1, progress=listener)
    assert [Path(each[0].path).stem if each else "" for each in found] == [*five, "", *five]
    assert (listener.of, listener.done) == (11, 11)


def test_the_bundled_encoder_gives_the_same_up_to_its_last_bits(indexed: Path) -> None:
    queries = ["a cat", "a cup of coffee", "a red flower in a garden", "an astronaut", "a dog", "a rocket at night"]
    with search.open(indexed) as library:
        expected = [library.query(query, k=5) for query in queries]
        found = library.query_many(queries, k=5)
    assert [[hit.path for hit in each] for each in found] == [[hit.path for hit in each] for each in expected]
    scores = [[[hit.score for hit in each] for each in answers] for answers in (found, expected)]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-5)


def test_one_that_cannot_be_asked_does_not_lose_the_others(library: search.Library, tmp_path: Path) -> None:
    gone = tmp_path / "gone.png"
    (tmp_path / "words.png").write_text("no image")
    queries = ["red", "  ", gone, tmp_path / "words.png", b"no image", np.zeros((0, 4, 3), np.uint8), "blue"]
    found = library.query_many(queries, k=1)
    assert [Path(each[0].path).stem if each else None for each in found] == ["red", *[None] * 5, "blue"]
    kinds = [type(each.error) for each in found]
    assert kinds == [
        type(None), search.EmptyQueryError, search.PathNotFoundError, search.NotAnImageError, search.NotAnImageError,
        search.DamagedImageError, type(None),
    ]  # fmt: skip
    for each in found[1:-1]:
        assert each.notes == (str(each.error),)
    assert (found[1].query, found[2].query, found[4].query) == ("  ", str(gone), "(bytes)")


def test_what_concerns_all_is_raised(library: search.Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("red", b"red", None, 5, library.folder, [5], [None]):
        with pytest.raises(TypeError, match=r"`queries` takes "):
            library.query_many(wrong)  # type: ignore[arg-type]
    with pytest.raises(search.StoreMissingError):
        search.open(tmp_path / "none").query_many(["red"])
    with pytest.raises(search.EncoderError), search.open(library.folder, encoder=ColourEncoder()) as other:
        other._models._encoder = None
        other._models._name = "bundled"
        other.query_many(["red"])
    monkeypatch.setattr(arguments, "MAX_QUERIES", 2)
    assert len(library.query_many(["red", "blue"])) == 2
    with pytest.raises(search.UsageError, match="2 queries at most"):
        library.query_many(["red", "blue", "green"])


def test_progress_is_told_and_may_stop_it(library: search.Library) -> None:
    listener = Listener()
    library.query_many(COLOURS, progress=listener)
    assert (listener.phases, listener.of, listener.done) == (["Answering 6 queries"], 6, 6)
    stopping = Listener(2)
    with pytest.raises(RuntimeError, match="stopped"):
        library.query_many(COLOURS * 50, progress=stopping)
    assert stopping.done == 2
    assert Path(library.query("red", k=1)[0].path).stem == "red"
