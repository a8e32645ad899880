"""How often a query waits for a server that has the catalog: each step asks once, however many hits there are.

Each statement is a round trip, and so are the begin and the end of its two transactions. The library has
answered before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import Engine, event

import search
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.colour_reranker import ColourReranker
from tests.fixtures.postgres_server import PostgresServer
from tests.fixtures.tcp_proxy import TcpProxy, proxied


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """More than are reranked."""
    for number in range(60):
        Image.new("RGB", (16, 16), (4 * number, 255 - 4 * number, 2 * number)).save(tmp_path / f"{number:02}.png")
    (tmp_path / "captions.csv").write_text("image,caption\n07.png,a harbour at dawn\n")
    return tmp_path


@pytest.fixture
def far(
    photos: Path, postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[search.Library, TcpProxy]]:
    """A library over a catalog on a server, which has answered, and what lies between."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    with proxied(postgres_server.port) as proxy:
        address = postgres_server.new_database().set(port=proxy.port)
        with search.open(str(address), encoder=ColourTokenEncoder()) as library:
            library.index(photos)
            library.query("green", reranker=ColourReranker())
            library.query("harbour")
            yield library, proxy


@contextmanager
def statements() -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("asked", "options", "wanted"),
    [
        ("a red thing", {"rerank": 0}, {13}),
        ("a red thing", {"reranker": ColourReranker()}, {14}),
        (search.Query.parse("a red thing size:<1mb"), {"reranker": ColourReranker()}, {22}),
        ("a harbour", {"reranker": ColourReranker()}, {18, 19}),  # something says the word
        (search.Query.parse("size:<1mb"), {}, {20, 21}),
        (Path("07.png"), {}, {17}),
    ],
)
def test_a_query_asks_each_thing_once(
    far: tuple[search.Library, TcpProxy],
    photos: Path,
    asked: str | Path | search.Query,
    options: dict[str, object],
    wanted: set[int],
) -> None:
    library, proxy = far
    given = photos / asked if isinstance(asked, Path) else asked
    trips = set()
    for k in (2, 60):
        before = proxy.turns
        with statements() as said:
            found = library.query(given, k=k, **options)  # type: ignore[arg-type]
        trips.add(proxy.turns - before)
        assert len(found) == k
        assert sum("token.data" in statement for statement in said) == ("reranker" in options)
    assert trips == wanted
