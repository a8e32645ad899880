"""Photographs in one zip, made while it is sent: stored as they are, which no compression makes smaller."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Generator, Sequence
from io import FileIO
from pathlib import PurePosixPath
from typing import Final

from indexer.errors import FileError
from search.calls.originals import IndexedOriginal
from search.web.file_answer import Streamed, safe_name

#: What tells of photographs that are not in it.
LEFT_OUT: Final = "left out.txt"
#: The earliest and the latest year of a zip.
_YEARS: Final = (1980, 2107)


class _Sink(io.RawIOBase):
    """What a zip is written into: bytes that are taken from it as they come. It cannot be moved in."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        return len(part)

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def archive(
    photographs: Sequence[IndexedOriginal], left_out: Sequence[str], take: Callable[[IndexedOriginal], FileIO]
) -> Generator[bytes]:
    """The bytes of a zip of photographs, each under its name, or one like it where that is taken. `take` opens one, or
    raises FileError: a text in the zip names it then, and the reason, behind the lines of `left_out`.

    One file is open at a time. Raises OSError where a photograph changes while it is read: a zip that is cut short is
    told by its end, which is missing.
    """
    sink, names = _Sink(), Names()
    told = list(left_out)
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, strict_timestamps=False) as packed:
        for each in photographs:
            name = safe_name(each.original.paths[0])
            try:
                file = take(each)
            except FileError as error:
                told.append(f"{name}: {error}")
                continue
            streamed = Streamed(file)
            entry = zipfile.ZipInfo(names.new(name), _time_of(streamed.changed))
            entry.external_attr = 0o600 << 16
            with packed.open(entry, "w", force_zip64=True) as target:
                for piece in streamed:
                    target.write(piece)
                    yield sink.take()
        if told:
            packed.writestr(names.new(LEFT_OUT), "\n".join(told) + "\n")
    yield sink.take()


class Names:
    """Names of which no two are one on any system: `dog.jpg`, `dog-2.jpg`, ..."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def new(self, name: str) -> str:
        """`name`, or one like it."""
        path, given = PurePosixPath(name), name
        number = self._counts.get(name.casefold(), 1)
        while given.casefold() in self._taken:
            number += 1
            given = f"{path.stem}-{number}{path.suffix}"
        self._counts[name.casefold()] = number
        self._taken.add(given.casefold())
        return given


def _time_of(seconds: float) -> tuple[int, int, int, int, int, int]:
    try:
        found = time.localtime(seconds)
    except (OverflowError, ValueError, OSError):
        return (_YEARS[0], 1, 1, 0, 0, 0)
    if not _YEARS[0] <= found.tm_year <= _YEARS[1]:
        return (_YEARS[0], 1, 1, 0, 0, 0)
    return found[:6]
