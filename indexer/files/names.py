"""The file that is meant by a path whose letters are written otherwise than its own (`indexer.path_forms`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from functools import lru_cache

from indexer.path_forms import composed
from indexer.paths import absolute
from indexer.storage.places import is_elsewhere, url_of

#: Folders whose entries are remembered.
_REMEMBERED = 64


def by_form(names: Collection[str]) -> dict[str, str]:
    """The names of one folder by their NFC; of several that are alike, the first in order."""
    return {composed(name): name for name in sorted(names, reverse=True)}


class Names:
    """Finds what is there under a path that is written otherwise. A folder is listed at most once, while remembered, so
    use one for one run.

    `loose`: also by another letter case, where only one entry is called so, and without spaces around the name.
    """

    def __init__(self, *, loose: bool = False) -> None:
        self._loose = loose
        self._forms: Callable[[str], dict[str, str]] = lru_cache(maxsize=_REMEMBERED)(_listed_by_form)
        self._folder: Callable[[str], str | None] = lru_cache(maxsize=_REMEMBERED)(self.find)
        self._cases: Callable[[str], dict[str, str]] = lru_cache(maxsize=_REMEMBERED)(self._listed_by_case)

    def find(self, path: str) -> str | None:
        """The path that is there, absolute where `path` is; itself when it is. None where there is none."""
        if _is_there(path):
            return path
        above, name = os.path.split(path)
        if not name or "\0" in path or (path.isascii() and not self._loose):
            return None
        folder = self._folder(above) if above else ""
        if folder is None:
            return None
        exact = os.path.join(folder, name)
        if folder != above and _is_there(exact):
            return exact
        found = self._forms(folder).get(composed(name))
        if not found and self._loose:
            found = self._cases(folder).get(_bare(name))
        return os.path.join(folder, found) if found else None

    def _listed_by_case(self, folder: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in self._forms(folder).values():
            found[_bare(name)] = "" if _bare(name) in found else name  # of several, none is meant for sure
        return found


def as_named(path: str | os.PathLike[str]) -> str:
    """The absolute path of what a person named: of what is there, however its name is written (file managers drop
    `file:` URLs into a terminal), else as it was given; of a URL the URL. Raises PathNotFoundError as `absolute` does,
    UsageError as `url_of`.
    """
    elsewhere = url_of(path)
    if elsewhere is not None:
        return elsewhere
    meant = absolute(path)
    if is_elsewhere(meant):
        return meant
    found, url = Names().find(meant), path_of_url(os.fspath(path))
    if found is None and url is not None:
        return Names().find(url) or url
    return found or meant


def path_of_url(text: str) -> str | None:
    """The absolute path that a `file:` URL names; None where `text` is none."""
    if text[:5].lower() != "file:":
        return None
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        path = url2pathname(urlsplit(text).path)
    except (ValueError, OSError):  # a host that is none
        return None
    return path if os.path.isabs(path) else None


def _bare(name: str) -> str:
    return composed(name).strip().casefold()


def _listed_by_form(folder: str) -> dict[str, str]:
    try:
        return by_form(os.listdir(folder or os.curdir))
    except OSError:
        return {}


def _is_there(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:  # a NUL, a lone surrogate
        return False
