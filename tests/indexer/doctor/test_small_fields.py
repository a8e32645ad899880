"""Any value of any type in any small field of a catalog: said, refused or harmless, and `repair` mends it.

SMALL_FIELDS=500 python -m pytest tests/indexer/doctor/test_small_fields.py      more of them
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

import search
from indexer.errors import SearchError
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.damaged import run

EXAMPLES = int(os.environ.get("SMALL_FIELDS", "6"))

#: (table, column, condition)
FIELDS = [
    ("photo", "captions", "1"),
    ("photo", "keywords", "1"),
    ("photo", "camera", "1"),
    ("photo", "width", "1"),
    ("photo", "height", "1"),
    ("photo", "latitude", "1"),
    ("photo", "longitude", "1"),
    ("photo", "taken_at", "1"),
    ("photo", "metadata_reader", "1"),
    ("root", "ignores", "1"),
    ("root", "mount", "1"),
    ("root", "path", "1"),
    ("root", "scanned_at", "1"),
    ("exclusion", "path", "1"),
    ("encoder", "identity", "1"),
    ("content", "id", "id = 1"),
    ("content", "kind", "id = 1"),
    ("content", "digest", "id = 1"),
    ("file", "id", "id = 1"),
    ("file", "path", "id = 1"),
    ("file", "size", "id = 1"),
    ("file", "mtime_ns", "id = 1"),
    ("file", "ctime_ns", "id = 1"),
    ("file", "content_id", "id = 1"),
    ("file", "role", "id = 1"),
    ("file", "state", "id = 1"),
    ("file", "reason", "id = 1"),
    ("file", "digest", "id = 1"),
    ("file", "format_reader", "id = 1"),
    ("file", "item_count", "id = 1"),
    ("item", "id", "id = 1"),
    ("item", "file_id", "id = 1"),
    ("item", "content_id", "id = 1"),
    ("item", "kind", "id = 1"),
    ("item", "about", "kind = 'text'"),
    ("item", "text", "kind = 'text'"),
    ("item", "generation", "id = 1"),
    ("tombstone", "item_id", "1"),
    ("tombstone", "kind", "1"),
    ("tombstone", "generation", "1"),
    *(("sqlite_sequence", "seq", f"name = '{name}'") for name in ("encoder", "root", "content", "file", "item")),
    *(
        ("meta", "value", f"key = '{key}'")
        for key in (
            "store", "generation", "encoder", "recall", "index_type", "tokens", "token_shape:1", "items:image",
            "ignore_rules", "lost_exclusions", "sweep", "buried:image",
        )
    ),
]  # fmt: skip
JSON = [
    "[]", "{}", "null", "[1]", '[["a"]]', '"a"', "[" * 5_000, "1e999", "NaN", '["a", null]', "[\"" + "a" * 100 + '"]',
    '{"rows": 1000000000, "columns": 1000000000, "words": 1, "width": 1}', '{"rows": -1}', "{\"rows\": 1e9}",
    '{"name": "a", "weights": "b", "dimension": 1000000000, "preprocessing": {}}',
    '{"name": "colours", "weights": "1", "dimension": -4, "preprocessing": {"height": 8, "width": 8,'
    ' "resize": "squash", "interpolation": "bilinear", "mean": [0, 0, 0], "std": [1, 1, 1], "fill": 0}}',
]  # fmt: skip
#: Where numbers end: those of SQLite, and those of a catalog.
ENDS = [-(2**63), -1, 2**31, 2**61, 2**61 + 1, 2**62 - 2, 2**62 - 1, 2**62, 2**63 - 2, 2**63 - 1]
VALUES = (
    st.sampled_from([*ENDS, *map(str, ENDS), 1e308, -91.0, 181.0, b"/a\0b", "x", "2024-02-30T01:02:03"])
    | st.sampled_from([None, "", b"", "nan", "-1", "1e400", "9" * 30, "0", "99", "x" * 10_000, b"\xff\xfe", *JSON])
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.binary(max_size=20)
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store over three photographs with captions, with every single value that a store can have."""
    folder = tmp_path_factory.mktemp("whole")
    photos = folder / "photos"
    photos.mkdir()
    for name in ("red", "green", "blue", "white"):
        exif = Image.Exif()
        exif[0x010E] = f"a {name} thing"
        Image.new("RGB", (9, 9), name).save(photos / f"{name}.jpg", exif=exif)
    with search.open(folder / "s", encoder=ColourTokenEncoder()) as library:
        library.index(photos, recall=0.9, index_type="flat")
        library.forget(photos / "white.jpg")
        (photos / "white.jpg").unlink()
        library.index()
    run(
        folder / "s" / "catalog.sqlite",
        "INSERT OR IGNORE INTO meta (key, value) VALUES "
        "('lost_exclusions', '[]'), ('tokens', 'on'), ('buried:image', '1')",
        "INSERT INTO tombstone VALUES (99, 'image', 1)",
        sums=True,
    )
    return folder / "s"


def ways(photos: Path) -> list[Callable[[search.Library], object]]:
    return [
        lambda library: library.query("red", k=3),
        lambda library: library.query("red", to="text", k=3),
        lambda library: library.query(photos / "red.jpg", k=3),
        lambda library: library.status(),
        lambda library: library.check(),
        lambda library: library.index(photos),
        lambda library: library.forget(photos / "green.jpg"),
    ]


@settings(deadline=None, max_examples=EXAMPLES)
@given(st.sampled_from(FIELDS), VALUES, st.booleans())
@example(("file", "content_id", "id = 1"), "", False)  # which a run let go of, as of a number
def test_any_value(whole: Path, field: tuple[str, str, str], value: object, sums: bool) -> None:
    """`sums`: with the checksum of a stranger, who can make one; else as a disk would leave it."""
    table, column, which = field
    photos = whole.parent / "photos"
    with tempfile.TemporaryDirectory() as name:
        store = Path(shutil.copytree(whole, Path(name) / "s"))
        try:
            run(store / "catalog.sqlite", f"UPDATE {table} SET {column} = ? WHERE {which}", values=[value], sums=sums)
        except sqlite3.IntegrityError:  # SQLite refuses it
            return
        for way in ways(photos):
            with suppress(SearchError), search.open(store, encoder=ColourTokenEncoder()) as library:
                way(library)
        with search.open(store, encoder=ColourTokenEncoder()) as library:
            library.repair()
            assert [finding for finding in library.check() if finding.grave] == []
            library.index(photos / "green.jpg")
            library.index(photos)
            assert {Path(hit.path).stem for hit in library.query("red", k=9)} == {"red", "green", "blue"}
            texts = {hit.text for hit in library.query("red", to="text", k=9)}
            assert texts >= {"a red thing", "a green thing", "a blue thing"}
            assert [finding for finding in library.check() if finding.grave] == []
