"""What a library promises to those who read, on both kinds: one that is open here, and one behind a server."""

from __future__ import annotations

import dataclasses
import inspect
import io
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import search
from indexer.training.work_folder import UnfinishedTraining
from indexer.vectors.base import SearchParameters
from search.remote.library import NOT_OVER_A_SERVER
from search.web.app import create_app
from search.web.settings import ServeSettings
from search.web.wording import in_api_words
from tests.fixtures.paths import ROOT
from tests.fixtures.running_server import running

KINDS = ("local", "tcp", "unix")
#: What reads, and what it tells of itself.
OWN_TO_ONE = {"folder", "address"}

Library = search.Library | search.RemoteLibrary


@pytest.fixture(scope="module")
def tokened() -> str:
    return "s3cret-Token_of.a-server"


@pytest.fixture(scope="module", params=KINDS)
def library(request: pytest.FixtureRequest, indexed: Path, tokened: str, tmp_path_factory: Any) -> Iterator[Library]:
    if request.param == "local":
        with search.open(indexed) as found:
            yield found
        return
    socket = tmp_path_factory.mktemp("run") / "s" if request.param == "unix" else None
    settings = ServeSettings() if socket is not None else ServeSettings(token=tokened)
    with running(create_app(indexed, settings), socket) as server:
        address = f"http://127.0.0.1:{server.port}" if socket is None else f"unix:{socket}"
        with search.connect(address, None if socket is not None else tokened) as remote:
            yield remote


@pytest.fixture(scope="module")
def local(indexed: Path) -> Iterator[search.Library]:
    """The reference."""
    with search.open(indexed) as found:
        yield found


def plain(hit: search.Hit) -> dict[str, Any]:
    """All that a hit tells people, as `--json` has it."""
    said = hit.to_json()
    said.pop("explain", None)
    return said


def same(found: search.Results, wanted: search.Results) -> None:
    assert [plain(hit) for hit in found] == [
        {**plain(hit), "score": pytest.approx(hit.score, abs=2e-6)} if hit.score is not None else plain(hit)
        for hit in wanted
    ]
    assert found.query == wanted.query
    assert in_api_words(" ".join(found.notes)) == in_api_words(" ".join(wanted.notes))
    assert len(found.notes) == len(wanted.notes)
    assert found.calibrated == wanted.calibrated
    assert found.nothing_matches == wanted.nothing_matches
    assert (found.matches, found.more_matches) == (wanted.matches, wanted.more_matches)
    assert found.left_out == wanted.left_out
    assert found.rest == wanted.rest
    assert found.hits or in_api_words(found.absence) == in_api_words(wanted.absence)
    assert (found.cursor is None) == (wanted.cursor is None)


ASKED = (
    "a ginger cat",
    "cat in:2021 -dog (like:x",  # words, whatever they look like
    "holiday.jpg",
    "https://example.org/a.jpg",
    '"',
    "ein Kätzchen \u2014 im Gras",
    search.Query.parse("cat -dog"),
    search.Query.parse('"ginger cat" 2*coffee type:png'),
    search.Query.parse("type:png"),
    search.Query.parse("sort:-name"),
    search.Query.parse("cat sort:name min:0.5%"),
    search.Query.parse("coffee to:text"),
    search.Query.parse("near:Paris,5 cat"),
    search.Query(text="in:2021", where=search.Filter(type="png"), sort="name"),
    search.Query(text="xyzzy", min_probability=0.99),
)
OPTIONS: tuple[search.QueryOptions, ...] = (
    {},
    {"k": 3},
    {"to": "text"},
    {"to": "any", "k": 40},
    {"sort": "-date"},
    {"min_probability": 0.3},
    {"all_copies": True, "k": 50},
    {"rerank": 0, "by_words": False},
    {"templates": False},
    {"where": search.Filter(type=["png", "jpeg"]) & ~search.Filter(name="coffee")},
)


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_queries_are_answered_alike(library: Library, local: search.Library, asked: str | search.Query) -> None:
    same(library.query(asked), local.query(asked))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_are_heard_alike(library: Library, local: search.Library, options: search.QueryOptions) -> None:
    for asked in ("a cat", search.Query.parse("a cup of coffee sort:name")):
        same(library.query(asked, **options), local.query(asked, **options))


def test_an_image_is_asked_with(library: Library, local: search.Library, indexed: Path, tmp_path: Path) -> None:
    photo = indexed.parent / "photos" / "chelsea.png"
    copy = tmp_path / "copy with spaces.png"
    copy.write_bytes(photo.read_bytes())
    small = np.asarray(Image.open(photo).convert("RGB").resize((64, 48)))
    for asked in (photo, copy, photo.read_bytes(), small, Image.fromarray(small)):
        found = library.query(asked, k=5)
        same(found, local.query(asked, k=5))
        assert Path(found[0].path).name == "chelsea.png"
    assert library.query(photo)[0].same
    named = search.Query(image_bytes=photo.read_bytes(), name="the upload")
    assert library.query(named).query == "the upload"
    mixed = search.Query.parse(f'like:"{copy}" -2*cup type:png')
    same(library.query(mixed), local.query(mixed))
    number = library.query(photo)[0].id
    like = search.Query.parse(f"like:#{number} at night")
    same(library.query(like), local.query(like))


def test_explanations_come_with_hits(library: Library, local: search.Library) -> None:
    found, wanted = (each.query("a ginger cat", k=2, explain=True) for each in (library, local))
    for one, other in zip(found, wanted, strict=True):
        assert one.explanation is not None
        assert other.explanation is not None
        assert one.explanation.to_json() == other.explanation.to_json()
        for word, own in zip(one.explanation.words, other.explanation.words, strict=True):
            assert np.shape(word.attention) == np.shape(own.attention) == np.shape(one.explanation.grid)
            assert np.asarray(word.attention) == pytest.approx(np.asarray(own.attention), abs=1e-5)


def test_answers_go_on_behind_a_cursor(library: Library, local: search.Library) -> None:
    first = library.query("a photograph", k=5)
    second = library.query("a photograph", k=7, after=first.cursor)
    whole = local.query("a photograph", k=12)
    assert [hit.id for hit in (*first, *second)] == [hit.id for hit in whole]
    with pytest.raises(search.UsageError, match="cursor of another query"):
        library.query("something else", after=first.cursor)
    with pytest.raises(search.UsageError, match="none that an answer gave"):
        library.query("something else", after="zzz")


def test_many_are_answered_in_their_order(library: Library, local: search.Library, indexed: Path) -> None:
    asked = ["a cat", "  ", Path("gone.jpg"), b"no image", indexed.parent / "photos" / "coffee.png", *["a dog"] * 40]
    found, wanted = library.query_many(asked, k=3), local.query_many(asked, k=3)
    assert [[hit.id for hit in each] for each in found] == [[hit.id for hit in each] for each in wanted]
    assert [type(each.error) for each in found] == [type(each.error) for each in wanted]
    assert [each.query for each in found] == [each.query for each in wanted]


def test_what_ends_many_queries_is_what_their_listener_raises(library: Library) -> None:
    class EndedError(Exception):
        pass

    class Listener:
        def phase(self, name: str) -> None: ...
        def total(self, files: int) -> None:
            assert files == 30

        def advance(self, files: int) -> None:
            raise EndedError

    with pytest.raises(EndedError):
        library.query_many(["a cat"] * 30, progress=Listener())


WRONG: tuple[tuple[str, dict[str, Any], type[Exception]], ...] = (
    ("query", {"query": ""}, search.EmptyQueryError),
    ("query", {"query": "cat", "k": 0}, search.UsageError),
    ("query", {"query": "cat", "k": "many"}, TypeError),
    ("query", {"query": "cat", "colour": "red"}, TypeError),
    ("query", {"query": 7}, TypeError),
    ("query", {"query": Path("gone.jpg")}, search.PathNotFoundError),
    ("query", {"query": b"GIF no"}, search.FileError),
    ("query", {"query": search.Query.parse("cat near:Nowhereville")}, search.UsageError),
    ("page", {"limit": 0}, search.UsageError),
    ("page", {"cursor": "zzz"}, search.UsageError),
    ("item", {"id": -1}, search.UsageError),
    ("values", {"field": "colour"}, search.UsageError),
    ("histogram", {"by": "week"}, search.UsageError),
)


@pytest.mark.parametrize(("call", "arguments", "error"), WRONG, ids=str)
def test_errors_are_the_same(
    library: Library, local: search.Library, call: str, arguments: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error) as here:
        getattr(library, call)(**arguments)
    with pytest.raises(error) as there:
        getattr(local, call)(**arguments)
    assert type(here.value) is type(there.value)


def test_items_are_listed_alike(library: Library, local: search.Library) -> None:
    for options in ({}, {"kind": "text"}, {"sort": "-size"}, {"where": search.Filter(type="png"), "sort": "name"}):
        found, wanted = list(library.items(**options)), list(local.items(**options))  # type: ignore[arg-type]
        assert [alike(each) for each in found] == [alike(each) for each in wanted]
        assert len(found) > 1
    page = library.page(limit=5, sort="name")
    assert len(page.items) == 5
    rest = library.page(limit=10_000, sort="name", cursor=page.cursor)
    assert rest.cursor is None
    assert [each.id for each in (*page.items, *rest.items)] == [each.id for each in local.items(sort="name")]
    with pytest.raises(search.UsageError, match="another listing"):
        library.page(sort="date", cursor=page.cursor)


def alike(item: search.Item) -> search.Item:
    """What a server tells of an item: of its metadata neither captions nor keywords."""
    about = item.metadata
    if about is None:
        return item
    latitude, longitude = item.position or (None, None)
    told = dataclasses.replace(about, captions=(), keywords=(), latitude=latitude, longitude=longitude)
    return dataclasses.replace(item, metadata=told)


def test_one_item_is_known(library: Library, local: search.Library) -> None:
    number = next(each.id for each in local.items() if each.path.endswith("chelsea.png"))
    found, wanted = library.item(number), local.item(number)
    assert found is not None
    assert wanted is not None
    assert alike(found.item) == alike(wanted.item)
    assert (found.captions, found.also, found.copies) == (wanted.captions, wanted.also, wanted.copies)
    assert found.captions == ("a ginger cat looks at the camera",)
    assert library.item(987_654) is None
    assert library.item(0) is None


def test_what_a_store_has(library: Library, local: search.Library) -> None:
    assert library.values("type") == local.values("type")
    assert library.values("path", prefix="pho", limit=3) == local.values("path", prefix="pho", limit=3)
    assert library.histogram("month") == local.histogram("month")
    where = search.Filter(type="png")
    assert library.histogram("year", where=where) == local.histogram("year", where=where)
    assert all(isinstance(each.start, date) for each in library.histogram("day"))
    assert library.collections() == local.collections()
    assert library.counts() == local.counts()


def test_the_status_is_told(library: Library, local: search.Library, monkeypatch: pytest.MonkeyPatch) -> None:
    training = UnfinishedTraining("encoder", 7)
    monkeypatch.setattr("search.status.unfinished", lambda _store: (training,))
    found, wanted = library.status(), local.status()
    assert found.trainings == (training,)
    roots = tuple(dataclasses.replace(each, ignores=(), mount=None) for each in wanted.roots)
    same_roots = tuple(dataclasses.replace(each, ignores=(), mount=None) for each in found.roots)
    assert dataclasses.replace(found, roots=roots) == dataclasses.replace(wanted, roots=roots)
    assert same_roots == roots


def test_a_closed_library_may_be_used_again(library: Library) -> None:
    library.close()
    assert library.query("a cat", k=1)[0].id


# -- the remote kind alone ----------------------------------------------------------------------------------


def test_both_kinds_have_the_same_calls() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(search.RemoteLibrary) | NOT_OVER_A_SERVER == (public(search.Library) | OWN_TO_ONE) - {"folder"}
    for name in public(search.Library) & public(search.RemoteLibrary) - {"query"}:
        here = inspect.signature(getattr(search.Library, name)).parameters
        there = inspect.signature(getattr(search.RemoteLibrary, name)).parameters
        assert list(here.values()) == list(there.values()), name


def test_what_a_server_cannot_do_is_documented() -> None:
    differs = (ROOT / "docs" / "server.md").read_text().split("What differs from a library that is open here:")[1]
    said = differs.split("raise a `UsageError`")[0]
    assert set(re.findall(r"`(\w+)`", said)) == NOT_OVER_A_SERVER


@pytest.mark.parametrize("call", sorted(NOT_OVER_A_SERVER))
def test_what_a_server_cannot_do_is_said(call: str) -> None:
    with pytest.raises(search.UsageError, match=f"`{call}` works where the store lies"):
        getattr(search.connect("http://127.0.0.1:9"), call)("anything", k=1)
    with pytest.raises(AttributeError):
        search.connect("http://127.0.0.1:9").colour  # noqa: B018
    for option in ({"parameters": SearchParameters()}, {"reranker": "x"}):
        with pytest.raises(search.UsageError, match="A server takes no"):
            search.connect("http://127.0.0.1:9").query("cat", **option)  # type: ignore[arg-type]


def image_of(number: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (number, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def test_an_upload_that_the_server_has_dropped_is_sent_again(indexed: Path) -> None:
    with (
        running(create_app(indexed, ServeSettings())) as server,
        search.connect(f"http://127.0.0.1:{server.port}") as remote,
    ):
        first = remote.query(image_of(1), k=1)
        server.service.uploads.drop(remote._uploads.name(image_of(1)))
        assert remote.query(image_of(1), k=1).hits == first.hits
