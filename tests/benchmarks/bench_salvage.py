"""What salvage saves of damaged catalogs, beside the `.recover` of SQLite's shell.

Debian's shell lacks what `.recover` needs (SQLITE_ENABLE_DBPAGE_VTAB) and stops with an error; `--shell` names another.

A catalog of photographs with vectors and tokens is damaged in several ways. Counted are the rows of the tables that
hold the truth which come back with the very values that they had; wrong rows are those that come back with others.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import numpy as np

from indexer.catalog.tokens import Tokens
from indexer.errors import SearchError
from tests.fixtures.catalog_rows import add_photo, new_catalog
from tests.fixtures.damaged import salvage

PAGE = 4_096
TABLES = {
    "content": "id, digest, kind",
    "vector": "content_id, encoder_id, data, crc",
    "token": "content_id, encoder_id, count, data, crc",
    "photo": "content_id, width, height, format, captions",
    "file": "id, path, role, state, content_id",
    "item": "id, file_id, kind, content_id, about, text",
}


def make(path: Path, count: int) -> None:
    catalog = new_catalog(path)
    with catalog.batch() as batch:
        for number in range(1, count + 1):
            add_photo(batch, 1, f"/photos/{number:05}.jpg", number)
        tokens = np.random.default_rng(0).integers(-127, 128, (count, 64, 32), np.int8)
        Tokens(batch).add(1, {number + 1: own for number, own in enumerate(tokens)})
    catalog.close()


def pages(share: float, least: int = 1) -> Callable[[bytearray], bytearray]:
    """Overwrites pages here and there, the first ones apart."""

    def damage(data: bytearray) -> bytearray:
        count = len(data) // PAGE
        for page in np.random.default_rng(1).choice(
            np.arange(20, count), max(least, int(share * count)), replace=False
        ):
            data[page * PAGE : (page + 1) * PAGE] = b"\xa5" * PAGE
        return data

    return damage


def first_page(data: bytearray) -> bytearray:
    data[:PAGE] = bytes(PAGE)
    return data


def roots(data: bytearray) -> bytearray:
    """Overwrites the pages on which the tables begin."""
    data[PAGE : 20 * PAGE] = b"\xa5" * (19 * PAGE)
    return data


DAMAGE: dict[str, Callable[[bytearray], bytearray]] = {
    "three pages": pages(0.0, 3),
    "1 % of the pages": pages(0.01),
    "10 % of the pages": pages(0.1),
    "the second half cut off": lambda data: data[: len(data) // 2],
    "the first page": first_page,
    "where the tables begin": roots,
}


def rows(path: Path) -> dict[str, set[tuple[object, ...]]]:
    found: dict[str, set[tuple[object, ...]]] = {name: set() for name in TABLES}
    with closing(sqlite3.connect(path)) as connection:
        for name, columns in TABLES.items():
            with suppress(sqlite3.Error):
                found[name] = set(connection.execute(f"SELECT {columns} FROM {name}"))
    return found


def by_salvage(path: Path, _shell: str) -> None:
    with suppress(SearchError):
        salvage(path)


def by_recover(path: Path, shell: str) -> None:
    out = path.with_name("recovered.sqlite")
    dump = subprocess.run([shell, path, ".recover"], capture_output=True, check=False).stdout
    subprocess.run([shell, out], input=dump, capture_output=True, check=False)
    shutil.move(out, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=2_000)
    parser.add_argument("--shell", default="sqlite3")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / "whole.sqlite"
        make(whole, given.photos)
        true = rows(whole)
        total = sum(map(len, true.values()))
        print(f"{total:,} rows, {whole.stat().st_size / 1e6:.0f} MB")
        for what, damage in DAMAGE.items():
            for way in (by_salvage, by_recover):
                path = Path(name) / way.__name__ / "catalog.sqlite"
                path.parent.mkdir()
                path.write_bytes(damage(bytearray(whole.read_bytes())))
                started = time.perf_counter()
                way(path, given.shell)
                seconds = time.perf_counter() - started
                saved = rows(path)
                right = sum(len(saved[table] & true[table]) for table in TABLES)
                wrong = sum(len(saved[table] - true[table]) for table in TABLES)
                print(f"{what:24} {way.__name__:11} {right / total:6.1%} right {wrong:6} wrong {seconds:6.1f} s")
                shutil.rmtree(path.parent)


if __name__ == "__main__":
    main()
