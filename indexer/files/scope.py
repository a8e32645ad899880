"""What one scan answers for: a root or a part of it, without what belongs to others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from indexer.catalog.known_files import KnownFile


@dataclass(frozen=True, slots=True)
class Scope:
    """`top` and what lies below it: absolute paths, not resolved.

    `root`: what patterns are relative to; `top` is it or lies below it. `without`: files and folders below `top` that
    are not looked at and of which nothing may be said: roots of their own, what was forgotten, the store.
    """

    root: str
    top: str
    without: frozenset[str] = frozenset()
    _names: dict[str, set[str]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.without:
            folder, name = os.path.split(path)
            self._names.setdefault(folder, set()).add(name)

    @property
    def is_whole(self) -> bool:
        """Whether the whole root is looked at."""
        return self.top == self.root

    @property
    def prefix(self) -> str:
        """`top` relative to `root`, with a slash at its end; "" for the root itself."""
        return "" if self.is_whole else relative(self.top, self.root) + "/"

    def names_without(self, folder: str) -> set[str]:
        """Names of the entries of a folder that are not looked at."""
        return self._names.get(folder, set())

    def owned(self, rows: Iterable[KnownFile]) -> Iterator[KnownFile]:
        """Those of `rows`, ascending by the bytes of their paths, that this scan may judge."""
        if not self.without:
            yield from rows
            return
        outermost = [path for path in self.without if not any(is_below(path, other) for other in self.without)]
        files = {os.fsencode(path) for path in outermost}
        folders = iter(sorted(path + b"/" for path in files))
        folder = next(folders, None)
        for row in rows:
            key = row.key
            while folder is not None and key > folder and not key.startswith(folder):
                folder = next(folders, None)
            if (folder is None or key < folder) and key not in files:
                yield row


def is_below(path: str, folder: str) -> bool:
    """Whether `path` lies below `folder`; both absolute."""
    return path != folder and path.startswith(os.path.join(folder, ""))


def relative(path: str, folder: str) -> str:
    """The part of `path` below `folder`, which lies above it."""
    return path[len(os.path.join(folder, "")) :]


def nearest(path: str, folders: Iterable[str]) -> str | None:
    """The one of `folders` above `path` that is nearest to it; None where none is above it."""
    return max((folder for folder in folders if is_below(path, folder)), key=len, default=None)
