"""The files that a table of names (Parquet) lists, below the path of the table: `/data/names.parquet/2024/a.jpg`.

    2024/a.jpg                 beside the table      /data/names.parquet/2024/a.jpg
    /nas/b.jpg                 where it says         /data/names.parquet/file:/nas/b.jpg
    s3://bucket/c.jpg          where it says         /data/names.parquet/s3:/bucket/c.jpg

A path says by its letters alone where its file is: whoever reads it, on whatever machine, needs no table. Whoever
indexes a table means the files that it names, wherever they are; one that merely lies in a folder is not looked into.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice
from typing import BinaryIO, Final, Protocol

from indexer.errors import UsageError
from indexer.reach import beginning, reason
from indexer.storage.base import ChangedError, Flat, Found, Seen, Storage, Walk, nothing_at
from indexer.storage.places import NAMES, is_url, normal, url_of
from indexer.types import Candidate, Failure

#: The member of a table that stands for its texts.
TEXTS: Final = "captions.parquet"
_ELSEWHERE: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):/")
#: Files that are looked at together, and how many at once where each takes a request.
_AT_ONCE: Final = 1_024
_THREADS: Final = 16


class Source(Protocol):
    """The table itself. Raises OSError as `Storage` does."""

    def look(self, path: str) -> Seen | None:
        """See `Storage.look`."""
        ...

    def open(self, path: str) -> BinaryIO:
        """Its bytes, to read from any place."""
        ...


class NamedFiles:
    """`Storage` of the files that one table names. `storage_of`: who reads a file, by its path."""

    def __init__(self, source: Source, table: str, storage_of: Callable[[str], Storage | None]) -> None:
        self._source = source
        self._table = table
        self._storage_of = storage_of
        self._names = lru_cache(maxsize=1)(self._read_names)
        self._folders = lru_cache(maxsize=1)(self._read_folders)

    def look(self, path: str) -> Seen | None:
        """See `Storage.look`. A file is there whether or not the table names it still."""
        table = self._source.look(self._table)
        if table is None or path == self._table:
            return None if table is None else Seen(True)
        if self._is_texts(path):
            return table
        place = self._place(path)
        found = None if place is None else self._look(place)
        if found is not None and not found.is_folder:
            return found
        return Seen(True) if path[len(self._table) + 1 :] in self._folders(table) else None

    def names(self, folder: str) -> frozenset[str]:
        """See `Storage.names`."""
        table = self._source.look(self._table)
        return frozenset() if table is None else self._folders(table).get(folder[len(self._table) + 1 :], frozenset())

    def walk(self, asked: Walk) -> Iterator[Found]:
        """See `Storage.walk`."""
        table = self._source.look(self._table)
        if table is None:
            raise nothing_at(self._table)
        inner, fault, odd, has_texts = self._names(table)
        if fault:
            asked.report_error(Failure(self._table, fault))
        top = os.fsencode(asked.top[len(self._table) + 1 :])
        below = top + b"/" if top else b""
        flat = Flat(asked)
        texts = os.fsencode(TEXTS)

        def is_wanted(name: bytes) -> bool:
            if name == top or not name.startswith(below):
                return name == top
            return name == texts or flat.keeps(os.fsdecode(name[len(below) :]))

        start = os.fsencode(self._table) + b"/"
        missing, first = 0, ""
        for name, seen in self._looked_at(filter(is_wanted, inner), asked):
            if name == texts and has_texts:
                yield start + name, *table[1:]
            elif seen is None:
                missing, first = missing + 1, first or os.fsdecode(name)
            else:
                yield start + name, *seen[1:]
        if odd:
            one = "1 name is left out, which leads out of its folder, holds a password, or is none"
            more = f"{odd:,} names are left out, which lead out of its folder, hold a password, or are none"
            asked.note(f"{self._table}: {one if odd == 1 else more}.")
        if missing:
            what = "1 file that it names is" if missing == 1 else f"{missing:,} files that it names are"
            asked.note(f"{self._table}: {what} not there (first: {first}).")

    def read(self, candidate: Candidate) -> bytes:
        """See `Storage.read`."""
        place = self._there(candidate.path)
        storage = self._storage_of(place)
        if storage is not None:
            return storage.read(Candidate(place, candidate.size, candidate.mtime_ns, candidate.ctime_ns))
        data = beginning(place, candidate.size + 1)
        now = Candidate.at(place)
        if (now.size, now.mtime_ns) != (candidate.size, candidate.mtime_ns):
            raise ChangedError
        return data

    def beginning(self, path: str, size: int) -> bytes:
        """See `Storage.beginning`."""
        place = self._there(path)
        storage = self._storage_of(place)
        return beginning(place, size) if storage is None else storage.beginning(place, size)

    def texts(self, candidate: Candidate) -> tuple[list[tuple[str, str]], str]:
        """(path of a photograph, text about it) of the rows that have a text; and why these are not all, or "".
        Raises OSError."""
        from indexer.storage.name_table import read_rows

        now = self._source.look(self._table)
        if now is None or now.candidate(candidate.path) != candidate:
            raise ChangedError
        with self._source.open(self._table) as stream:
            rows = read_rows(stream, texts=True)
        found = ((inner_path(name), text) for name, text in rows.texts)
        return [(f"{self._table}/{inner}", text) for inner, text in found if inner is not None], rows.fault

    def _is_texts(self, path: str) -> bool:
        return path == f"{self._table}/{TEXTS}"

    def _there(self, path: str) -> str:
        place = self._place(path)
        if place is None or self._is_texts(path):
            raise nothing_at(path)
        return place

    def _place(self, path: str) -> str | None:
        """Where the file is that stands for a path; None for what no name gives."""
        inner = path[len(self._table) + 1 :]
        match = _ELSEWHERE.match(inner)
        if match is None:
            return normal(f"{self._table.rpartition('/')[0]}/{inner}")
        rest = inner[match.end() :]
        return f"/{rest}" if match[1] == "file" else f"{match[1]}://{rest}"

    def _look(self, place: str) -> Seen | None:
        storage = self._storage_of(place)
        if storage is not None:
            return storage.look(place)
        try:
            found = os.stat(place)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return Seen(not os.path.isfile(place), found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def _looked_at(self, names: Iterable[bytes], asked: Walk) -> Iterator[tuple[bytes, Seen | None]]:
        """Each name with what is there, in order; what cannot be looked at is reported. Several at once, because a
        store of objects takes a request for each."""
        start = os.fsencode(self._table) + b"/"

        unread: list[str] = []

        def look(name: bytes) -> Seen | OSError | None:
            try:
                place = self._place(os.fsdecode(start + name))
                found = None if place is None else self._look(place)
            except OSError as error:
                return error
            except UsageError as error:  # a kind of address that is not read, or not without another package
                unread.append(str(error))
                return None
            return None if found is None or found.is_folder else found

        left = iter(names)
        with ThreadPoolExecutor(_THREADS, "look") as pool:
            while some := list(islice(left, _AT_ONCE)):
                for name, found in zip(some, pool.map(look, some), strict=True):
                    if isinstance(found, OSError):
                        asked.report_error(Failure(os.fsdecode(start + name), reason(found)))
                    else:
                        yield name, found
                if unread:
                    asked.report_error(Failure(self._table, unread[0].rstrip(".")))
                    unread.clear()

    def _read_names(self, table: Seen) -> tuple[list[bytes], str, int, bool]:
        """The paths below the table, ascending; why these are not all; how many names are none; whether it has
        texts."""
        try:
            from indexer.storage.name_table import read_rows
        except ImportError as error:
            raise UsageError(
                f"To read {self._table} takes the package pyarrow; `pip install 'image-collection-search[parquet]'` "
                "brings it."
            ) from error
        with self._source.open(self._table) as stream:
            rows = read_rows(stream, texts=False)
        found = {os.fsencode(inner) for name in rows.names if (inner := inner_path(name)) is not None}
        odd = sum(inner_path(name) is None for name in rows.names)
        return sorted({*found, os.fsencode(TEXTS)} if rows.has_texts else found), rows.fault, odd, rows.has_texts

    def _read_folders(self, table: Seen) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for name in self._names(table)[0]:
            inner = os.fsdecode(name)
            while inner:
                folder, _, last = inner.rpartition("/")
                entries = found.setdefault(folder, set())
                if last in entries:
                    break
                entries.add(last)
                inner = folder
        return {folder: frozenset(names) for folder, names in found.items()}


def inner_path(name: str) -> str | None:
    """The path below its table that stands for a name; None for one that leads out of the table's folder without
    saying where to, is no path, or holds a password."""
    if "\0" in name:
        return None
    if is_url(name):
        try:
            url = url_of(name)
        except UsageError:
            return None
        if url is None or normal(url) != url:
            return None
        return url.replace("://", ":/", 1)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        return None
    inner = "/".join(parts)
    if name.startswith("/"):
        return f"file:/{inner}"
    return None if _ELSEWHERE.match(inner) or inner == TEXTS else inner


def is_table(path: str) -> bool:
    """Whether a container is a table of names, by its letters."""
    return path.lower().endswith(NAMES)


class LocalTable:
    """A table of the file system."""

    def look(self, path: str) -> Seen | None:
        """See `Storage.look`."""
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return Seen(False, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def open(self, path: str) -> BinaryIO:
        """See `Source.open`."""
        return open(path, "rb")
