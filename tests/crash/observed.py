"""What can be seen of a store and its surroundings: what is in it, what it answers, what lies there."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import search
from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.catalog.tokens import Tokens
from indexer.catalog.vectors import Vectors
from indexer.encoders import export_cache
from indexer.encoders.base import Encoder
from indexer.store import Store
from search.query.settings import Target
from tests.crash.worlds import World

#: What a store holds: id -> (kind, path, vector, tokens where the encoder yields them).
Committed = dict[int, tuple[str, str, bytes, bytes]]

QUERIES: Final[tuple[tuple[str, int, Target], ...]] = (
    ("red", 10, "image"),
    ("blue white", 200, "image"),
    ("green scene3", 9, "text"),
    ("black", 300, "any"),
)

#: Parts of names that chance or the clock chose.
_CHANCE = re.compile(
    r"(?<=damaged-)[0-9-]+|\b[0-9a-f]{8,64}\b|(?<=/image-)\d+|(?<=/text-)\d+|(?<=-)\w{8}(?=\.building)"
)
#: Columns that say when something came to be, or which row it is, and not what it is; checksums cover them.
_PASSING = {"id", "applied_at", "scanned_at", "generation", "encoder_id", "sum"}
#: Values of `meta` of that kind.
_PASSING_KEYS = ("store", "generation", "settled", "buried:image", "buried:text", "pace")


def is_there(store: Path) -> bool:
    """False where a kill came between the making of the file and its first page: nothing was committed."""
    catalog = store / "catalog.sqlite"
    return catalog.exists() and catalog.stat().st_size > 0


def committed(store: Path) -> Committed:
    """What can be found; the store must open, and be whole."""
    opened = Store.open(store)
    try:
        with opened.catalog.snapshot() as snapshot:
            assert snapshot.integrity() == []
            assert list(Vectors(snapshot).damaged()) == []
            assert list(Tokens(snapshot).damaged()) == []
            active = Encoders(snapshot).active()
            items: Committed = {}
            for kind in ("image", "text") if active else ():
                assert active is not None
                shape = Tokens(snapshot).shape(active[0])
                for ids, vectors in Vectors(snapshot).pages(kind, active[0], active[1].dimension):
                    rows = Items(snapshot).get(ids.tolist())
                    tokens = {} if shape is None else Tokens(snapshot).of_items(ids.tolist(), active[0], shape.width)
                    assert shape is None or len(tokens) == len(ids)  # kept together with the vectors
                    for number, vector in zip(ids.tolist(), vectors, strict=True):
                        own = tokens[number].tobytes() if number in tokens else b""
                        items[number] = (kind, rows[number].path, vector.tobytes(), own)
            return items
    finally:
        opened.close()


def answers(store: Path, encoder: Encoder) -> list[list[dict[str, Any]]]:
    """Of a few queries."""
    with search.open(store, encoder=encoder) as library:
        return [library.query(words, k=k, to=to).to_json()["hits"] for words, k, to in QUERIES]


def listing(*folders: Path) -> list[str]:
    """What lies in some folders, at any depth."""
    paths = (path.relative_to(folder.parent) for folder in folders for path in folder.rglob("*"))
    return sorted(_CHANCE.sub("*", str(path)) for path in paths)


def rows(store: Path) -> dict[str, list[dict[str, object]]]:
    """All that the catalog holds, by table, without what says when it came there. Only the ids of items are promised:
    a file is named by its path here, a content by its digest. Of an index of words what it holds (term, item, column,
    place): how that is laid out depends on the transactions in which it came."""
    found: dict[str, list[dict[str, object]]] = {}
    with closing(sqlite3.connect(store / "catalog.sqlite")) as connection:
        connection.row_factory = sqlite3.Row
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        indexes = [name for name in tables if {f"{name}_data", f"{name}_idx"} <= set(tables)]
        laid_out = {f"{name}_{part}" for name in indexes for part in ("data", "idx")}
        every = {name: _all(connection, name) for name in tables if name not in laid_out}
        for name in indexes:
            connection.execute(f"CREATE VIRTUAL TABLE temp.held_{name} USING fts5vocab(main, {name}, instance)")
            every[f"{name} as an index"] = _all(connection, f"held_{name}")
    ids_stay = {"item", *(f"{name}_{part}" for name in indexes for part in ("content", "docsize"))}
    contents = {row["id"]: row["digest"] for row in every["content"]}
    files = {row["id"]: row["path"] for row in every["file"]}
    for table, all_of_it in sorted(every.items()):
        for row in all_of_it:
            for column in (_PASSING - {"id"} if table in ids_stay else _PASSING) & row.keys():
                del row[column]
            for column, names in (("content_id", contents), ("file_id", files)):
                if row.get(column) is not None:
                    row[column] = names[row[column]]
        found[table] = sorted(all_of_it, key=repr)
    found["meta"] = [row for row in found["meta"] if row["key"] not in _PASSING_KEYS]
    del found["sqlite_sequence"]
    return found


def _all(connection: sqlite3.Connection, table: str) -> list[dict[str, object]]:
    return [dict(row) for row in connection.execute(f'SELECT * FROM "{table}"')]


def active_weights(store: Path) -> str:
    """The `weights` of the encoder that answers."""
    opened = Store.open(store)
    try:
        with opened.catalog.snapshot() as snapshot:
            active = Encoders(snapshot).active()
            return "1" if active is None else active[1].weights
    finally:
        opened.close()


def exported(world: World) -> bytes:
    """The vectors of the model that was exported, found without it."""
    name = f"open_clip:local-dir:{world.model}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEARCH_CACHE", str(world.cache))
        found = export_cache.find(name, None)
        assert found is not None, "no export is found"
        pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
        vectors = (found.encode_texts(["red", "a blue car"]).vectors, found.encode_images(pixels).vectors)
        return b"".join(each.tobytes() for each in vectors)
