"""The images that the rows of a table name: found however people and programs write paths."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from indexer.files.names import Names

#: Rows whose image is not there that are named; of the rest, the count.
NAMED = 3


class TableImages:
    """Looks for the images that the rows of one table name.

    Below `folder`, or in `images` there. Names are tried as they stand, with slashes for backslashes, as `file:` URLs,
    without spaces around them, in another Unicode form (`names.Names`) and another letter case. An absolute path is
    taken where it lies in the folder (or in what the folder is a link to), with `anywhere` wherever it lies.
    """

    def __init__(self, folder: str, *, anywhere: bool = False) -> None:
        self._folder = os.path.normpath(folder)
        self._real = os.path.realpath(folder)
        self._anywhere = anywhere
        self._names = Names(loose=True)
        self._cached = lru_cache(maxsize=1024)(self._find)  # a data set names each image about five times in a row
        self._lacking: list[str] = []
        self._count = 0

    def find(self, name: str, line: int) -> str | None:
        """The path of the image that a row names; None where it is not there, which is noted."""
        found = self._cached(name)
        if found is None:
            self._count += 1
            if len(self._lacking) < NAMED:
                self._lacking.append(f"line {line}: {name[:200]}")
        return found

    @property
    def problems(self) -> list[str]:
        """A sentence about the rows whose image is not there, if there are any."""
        if not self._count:
            return []
        where = "" if self._anywhere else f", or not below {self._folder}"
        rows = "1 row names an image that is" if self._count == 1 else f"{self._count:,} rows name images that are"
        return [f"{rows} not there{where} ({'; '.join(self._lacking)}{'; ...' if self._count > NAMED else ''})"]

    def _find(self, name: str) -> str | None:
        paths = [path for spelling in _spellings(name) for path in self._places(spelling)]
        found = next((path for path in paths if os.path.isfile(path)), None)  # False for what no file can be called
        if found is None:
            others = (other for path in paths if (other := self._names.find(path)) is not None)
            found = next((other for other in others if os.path.isfile(other)), None)
        return found

    def _places(self, name: str) -> list[str]:
        """Where the image may lie, inside the folder unless it may lie anywhere."""
        places = []
        for inner in (name, os.path.join("images", name)):
            path = os.path.normpath(os.path.join(self._folder, inner))
            if not _is_in(path, self._folder) and _is_in(path, self._real):
                path = os.path.join(self._folder, path[len(os.path.join(self._real, "")) :])
            if path not in places and (self._anywhere or _is_in(path, self._folder)):
                places.append(path)
        return places


def _spellings(name: str) -> list[str]:
    found = [name, name.strip()]
    if "\\" in name:
        found.append(name.replace("\\", "/"))
    if name[:5].lower() == "file:":
        with suppress(ValueError):  # a host that is none
            found.append(unquote(urlsplit(name).path))
    return [each for each in dict.fromkeys(found) if each]


def _is_in(path: str, folder: str) -> bool:
    return path.startswith(os.path.join(folder, ""))
