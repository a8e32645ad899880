"""The library's calls refuse wrong arguments in a sentence, before anything is done."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import search
from indexer.arguments import RULES
from search.calls.query_options import DEFAULT_OPTIONS
from search.library import Library
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.colour_reranker import ColourReranker


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Three plain pictures."""
    folder = tmp_path_factory.mktemp("arguments")
    for name in ("red", "green", "blue"):
        Image.new("RGB", (16, 16), name).save(folder / f"{name}.png")
    with search.open(folder / "s.search", encoder=ColourTokenEncoder()) as opened:
        assert opened.index(folder).encoded == 3
        yield opened


def test_every_argument_of_every_call_has_a_rule() -> None:
    calls = [search.open, *(call for name, call in inspect.getmembers(Library, callable) if name[0] != "_")]
    assert len(calls) > 8
    for call in calls:
        parameters = inspect.signature(call).parameters
        wanted = {name for name in parameters if name not in ("self", "options")}
        wanted |= set(search.QueryOptions.__annotations__) if "options" in parameters else set()
        assert set(getattr(call, RULES, {})) == wanted, call.__name__


def test_the_options_of_queries_are_the_arguments_of_query() -> None:
    named = {
        name: each.annotation
        for name, each in inspect.signature(Library.query).parameters.items()
        if each.kind is each.KEYWORD_ONLY and name != "after"  # it belongs to one query
    }
    types = {name: one.__forward_arg__ for name, one in search.QueryOptions.__annotations__.items()}
    assert types == named
    assert list(named)[:2] == ["k", "to"]
    defaults = {name: inspect.signature(Library.query).parameters[name].default for name in named}
    assert defaults == DEFAULT_OPTIONS


def test_an_option_that_is_none(library: Library) -> None:
    with pytest.raises(TypeError, match=r"query_many\(\) got an unexpected keyword argument 'limit'"):
        library.query_many(["red"], limit=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="`k` takes a whole number"):
        library.query_many(["red"], k="3")  # type: ignore[arg-type]
    with pytest.raises(search.UsageError, match="`rerank` takes"):
        library.query_many(["red"], rerank=-1)


@pytest.mark.parametrize("query", [["red"], None, 5, Image, {"text": "red"}])
def test_what_is_no_query(library: Library, query: Any) -> None:
    with pytest.raises(
        TypeError, match=r"`query` takes words \(a str\), an image \(a pathlib.Path, the content of its"
    ):
        library.query(query)


def test_an_image_in_memory_is_a_query(library: Library) -> None:
    red = library.folder.parent / "red.png"
    picture = Image.open(red)
    for given in (red.read_bytes(), bytearray(red.read_bytes()), picture, picture.copy(), np.asarray(picture)):
        found = library.query(given, k=1)
        assert (found[0].path, found.query) == (str(red), "(bytes)")
        assert library.query(search.Query(image=given, name="upload"), k=1).query == "upload"
        assert library.query(search.Query(image=given), k=1)[0].score == pytest.approx(1, abs=1e-6)
    changing = np.zeros((4, 4, 3), np.uint8)
    changing[..., 2] = 255
    query = search.Query(image=changing)
    changing[:] = 0
    assert Path(library.query(query, k=1)[0].path).name == "blue.png"


def test_an_image_in_memory_that_is_none(library: Library) -> None:
    with pytest.raises(TypeError, match="array of uint8, 0 to 255, not of float64"):
        library.query(np.zeros((4, 4, 3)))  # type: ignore[arg-type]
    with pytest.raises(search.UsageError, match=r"not \(3, 5, 6\); the channels come last"):
        search.Query(image=np.zeros((3, 5, 6), np.uint8))
    with pytest.raises(search.DamagedImageError, match="image that was given as `query` cannot be used: it has 0 x 4"):
        library.query(np.zeros((4, 0, 3), np.uint8))
    with pytest.raises(search.NotAnImageError, match="cannot be used"):
        library.query(b"red")


def test_an_image_by_any_path_and_any_bytes(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    red = library.folder.parent / "red.png"
    content = red.read_bytes()
    monkeypatch.chdir(red.parent)
    for path in (red, str(red), Path("red.png"), "red.png"):
        assert search.Query(image=path) == search.Query(image=str(red))
        assert search.Query(image=path).image == str(red)
    changing = bytearray(content)
    for given in (content, changing, memoryview(changing)):
        query = search.Query(image_bytes=given)
        assert type(query.image_bytes) is bytes
        assert library.query(query, k=1)[0].path == str(red)
    query = search.Query(image_bytes=changing)
    changing[:] = bytes(len(changing))
    assert query.image_bytes == content


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"text": 5}, "`text` takes a str, not 5."),
        ({"text": b"red"}, "`text` takes a str, not bytes."),
        (
            {"image": 5},
            "`image` takes the path of an image file (a str or a pathlib.Path), its content (bytes), an image of "
            "Pillow, or an array (h, w, 3) uint8, not 5.",
        ),
        ({"image_bytes": "red.png"}, "`image_bytes` takes the content of a file as bytes, not 'red.png'."),
        ({"image_bytes": [1]}, "`image_bytes` takes the content of a file as bytes, not a list."),
        ({"text": "red", "name": 5}, "`name` takes a str, not 5."),
        (
            {"text": "red", "image": "a.png"},
            "A query is one of text, image (a path) and image_bytes; give exactly one.",
        ),
        ({}, "A query is one of text, image (a path) and image_bytes; give exactly one."),
    ],
)
def test_what_a_query_is_not_made_of(given: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError) as refused:
        search.Query(**given)
    assert str(refused.value) == said
    with pytest.raises(search.UsageError, match="empty"):
        search.Query(image="")


def test_an_argument_that_there_is_not_is_told_as_python_does(library: Library) -> None:
    calls: Any = (
        (lambda: search.open("x", settings={}), "open() got an unexpected keyword argument 'settings'"),
        (lambda: library.query("car", foo=1), "Querying.query() got an unexpected keyword argument 'foo'"),
        (lambda: library.query(), "Querying.query() missing 1 required positional argument: 'query'"),
        (lambda: search.Query(file="x"), "Query.__init__() got an unexpected keyword argument 'file'"),
        (
            lambda: search.SearchParameters(foo=1),
            "SearchParameters.__init__() got an unexpected keyword argument 'foo'",
        ),
    )
    for call, said in calls:
        with pytest.raises(TypeError) as refused:
            call()
        assert str(refused.value) == said
        assert refused.value.__context__ is None


def test_words_that_look_like_an_image_are_searched_and_said(library: Library) -> None:
    for address in ("https://a.b/c.jpg", "https://a.b/c", "data:image/png;base64,AAAA", "file:///a/red.png"):
        (note,) = library.query(address).notes
        assert "nothing is fetched" in note
    assert library.query("red.png").notes == (
        "A query that is a str is words; Path(...) asks with the image of that name.",
    )
    for words in ("red", "9:16", "C:"):
        assert library.query(words).notes == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("k", "3"),
        ("k", 2.5),
        ("k", True),
        ("to", None),
        ("parameters", {}),
        ("parameters", search.SearchParameters),
        ("rerank", 2.0),
        ("reranker", object()),
        ("reranker", ColourReranker),
        ("explain", "yes"),
        ("min_probability", "x"),
    ],
)
def test_a_wrong_type_in_a_query(library: Library, name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"`{name}` takes "):
        library.query("red", **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("k", 0), ("k", 10**30), ("to", "images"), ("rerank", -1), ("min_probability", float("nan"))],
)
def test_a_value_out_of_range_in_a_query(library: Library, name: str, value: Any) -> None:
    with pytest.raises(search.UsageError, match=f"`{name}` takes "):
        library.query("red", **{name: value})


def test_numbers_of_numpy_and_more_hits_than_there_are(library: Library) -> None:
    assert len(library.query("red", k=np.int64(2), rerank=np.int32(2))) == 2  # type: ignore[arg-type]
    assert len(library.query("red", k=10**9)) == 3
    assert len(library.query("red", min_probability=np.float32(0))) == 3  # type: ignore[arg-type]


def test_only_and_exclude_in_lists(library: Library) -> None:
    ids = [hit.id for hit in library.query("red")]
    assert [hit.id for hit in library.query("red", parameters=search.SearchParameters(only=ids[1:]))] == ids[1:]  # type: ignore[arg-type]
    assert [hit.id for hit in library.query("red", parameters=search.SearchParameters(exclude=ids[1:]))] == ids[:1]  # type: ignore[arg-type]


def test_wrong_types_elsewhere(library: Library, tmp_path: Path) -> None:
    calls: list[tuple[str, Any]] = [
        ("roots", lambda: library.index([tmp_path])),  # type: ignore[arg-type]
        ("roots", lambda: library.index(5)),  # type: ignore[arg-type]
        ("settings", lambda: library.index(tmp_path, settings={})),  # type: ignore[arg-type]
        ("progress", lambda: library.index(tmp_path, progress=print)),  # type: ignore[arg-type]
        ("recall", lambda: library.index(tmp_path, recall="high")),  # type: ignore[arg-type]
        ("paths", lambda: library.forget([tmp_path])),  # type: ignore[arg-type]
        ("vanished", lambda: library.forget(vanished=1)),  # type: ignore[arg-type]
        ("source", lambda: library.evaluate(5)),  # type: ignore[arg-type]
        ("settings", lambda: library.evaluate(tmp_path, settings={})),  # type: ignore[arg-type]
        ("source", lambda: library.calibrate(None)),  # type: ignore[arg-type]
        ("table", lambda: library.train_reranker(5)),  # type: ignore[arg-type]
        ("epochs", lambda: library.train_reranker(tmp_path, epochs="x")),  # type: ignore[arg-type]
        ("store", lambda: search.open(5)),  # type: ignore[arg-type]
        ("encoder", lambda: search.open(tmp_path, encoder=object())),  # type: ignore[arg-type]
        ("encoder", lambda: search.open(tmp_path, encoder=ColourTokenEncoder)),  # type: ignore[arg-type]
        ("device", lambda: search.open(tmp_path, device=0)),  # type: ignore[arg-type]
        ("cutoffs", lambda: search.EvaluationSettings(cutoffs=5)),  # type: ignore[arg-type]
        ("seed", lambda: search.CalibrationSettings(seed="x")),  # type: ignore[arg-type]
    ]
    for name, call in calls:
        with pytest.raises(TypeError) as refused:
            call()
        assert str(refused.value).startswith((f"`{name}` takes ", f"`{name}` are given one by one")), refused.value


def test_a_path_of_nothing_is_not_the_working_folder(library: Library) -> None:
    for call in (lambda: search.open(""), lambda: library.index(""), lambda: library.evaluate(" ")):
        with pytest.raises(search.UsageError, match="empty"):
            call()
