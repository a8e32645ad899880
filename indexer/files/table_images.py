"""The images that the rows of a table name: found however people and programs write paths."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterator, Sequence
from functools import lru_cache

from indexer.files.names import Names, path_of_url
from indexer.storage.looking import names_in
from indexer.storage.places import normal
from indexer.storage.storages import folder_storage

#: Rows whose image is not there, or that name none, that are named; of the rest, the count.
NAMED = 3

#: No path is longer (PATH_MAX of Linux; three bytes of a URL may stand for one).
_LONGEST = 3 * 4096


class TableImages:
    """Looks for the images that the rows of one table name.

    Below `folder`, or in `images` there. Names are tried as they stand, with slashes for backslashes, as `file:` URLs,
    without spaces around them, in another Unicode form (`names.Names`) and another letter case. An absolute path is
    taken where it lies in the folder (or in what the folder is a link to), with `anywhere` wherever it lies.

    `without`: the paths of images, there or not, that are passed over; `known`: told paths, gives those of them at
    which the index has an image, there or not.
    """

    def __init__(
        self,
        folder: str,
        *,
        anywhere: bool = False,
        without: Container[str] = (),
        known: Callable[[Sequence[str]], Container[str]] | None = None,
    ) -> None:
        self._folder = normal(folder)
        self._inside = os.path.join(self._folder, "")
        self._elsewhere = folder_storage(folder) is not None
        self._inside_real = self._inside if self._elsewhere else os.path.join(os.path.realpath(folder), "")
        self._listed_elsewhere = lru_cache(maxsize=64)(names_in)
        self._anywhere = anywhere
        self._without = without
        self._known = known
        self._passed_over = lru_cache(maxsize=1024)(self._is_without)
        self._names = Names(loose=True)
        self._cached = lru_cache(maxsize=1024)(self._find)  # a data set names each image about five times in a row
        self._lacking: list[str] = []
        self._count = 0
        self._nameless: list[str] = []
        self._nameless_count = 0
        self._expected = False

    def find(self, name: str | None, line: int) -> str | None:
        """The path of the image that a row names; None where none is named, or it is not there, which is noted.

        `name`: "" where the row leaves the place for it empty, None where it has no such place. The second is a fault
        only where other rows have it: a table may hold nothing but texts.
        """
        if name is not None:
            self._expected = True
        if not name:
            self._nameless_count += 1
            if len(self._nameless) < NAMED:
                self._nameless.append(f"line {line}")
            return None
        found = self._cached(name) if len(name) <= _LONGEST else None
        if found is None:
            self._count += 1
            if len(self._lacking) < NAMED:
                self._lacking.append(f"line {line}: {name[:200]}")
        return found

    def places_known(self, names: Sequence[str]) -> dict[str, str]:
        """Where the index has the images of these names, which are not there; those that it does not know are left
        out."""
        if self._known is None:
            return {}
        places = {name: list(self._places(name)) for name in names if len(name) <= _LONGEST}
        known = self._known([place for each in places.values() for place in each])
        found = ((name, next((place for place in each if place in known), None)) for name, each in places.items())
        return {name: place for name, place in found if place is not None}

    def passes_over(self, name: str | None) -> bool:
        """Whether a row that names this image is to be passed over, with a word about nothing."""
        return bool(name and self._without) and self._passed_over(name)

    def _is_without(self, name: str | None) -> bool:
        places = list(self._places(name or ""))
        there = self._cached(name or "")
        return there in self._without if there is not None else any(place in self._without for place in places)

    @property
    def problems(self) -> list[str]:
        """A sentence about the rows whose image is not there, and one about those that name none, if there are any."""
        found = []
        if self._count:
            where = "" if self._anywhere else f", or not below {self._folder}"
            rows = "1 row names an image that is" if self._count == 1 else f"{self._count:,} rows name images that are"
            found.append(f"{rows} not there{where} {_listed(self._lacking, self._count)}")
        if self._nameless_count and self._expected:
            rows = "1 row names" if self._nameless_count == 1 else f"{self._nameless_count:,} rows name"
            found.append(f"{rows} no image {_listed(self._nameless, self._nameless_count)}")
        return found

    def _find(self, name: str) -> str | None:
        paths: list[str] = []
        for path in self._places(name):  # nearly always the first
            if self._is_file(path):
                return path
            paths.append(path)
        if self._elsewhere:
            return None
        others = (other for path in dict.fromkeys(paths) if (other := self._names.find(path)) is not None)
        return next((other for other in others if os.path.isfile(other)), None)

    def _is_file(self, path: str) -> bool:
        """False for what no file can be called. One listing says it of all files of a folder elsewhere."""
        if not self._elsewhere or not path.startswith(self._inside):
            return os.path.isfile(path)
        folder, name = os.path.split(path)
        return name in self._listed_elsewhere(folder)

    def _places(self, name: str) -> Iterator[str]:
        """Where the image may lie, inside the folder unless it may lie anywhere."""
        for spelling in _spellings(name):
            for inner in (spelling, os.path.join("images", spelling)):
                path = normal(os.path.join(self._folder, inner))
                if not path.startswith(self._inside) and path.startswith(self._inside_real):
                    path = self._inside + path[len(self._inside_real) :]
                if self._anywhere or path.startswith(self._inside):
                    yield path


def _spellings(name: str) -> Iterator[str]:
    yield name
    if name != name.strip():
        yield name.strip()
    if "\\" in name:
        yield name.replace("\\", "/")
    url = path_of_url(name)
    if url is not None:
        yield url


def _listed(named: list[str], count: int) -> str:
    return f"({'; '.join(named)}{'; ...' if count > len(named) else ''})"
