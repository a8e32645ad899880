"""Patterns of paths: "*" and "?" stand for letters of one name, "**" for any number of folders, as in .gitignore.

A pattern without "/" is one of the name of a file, or of any folder above it: `*.png`, `2021*`. One that begins with
"/" begins at the root of the file system; every other may begin at any folder: `scans/*.png` is `**/scans/*.png`. What
matches a folder matches all that is below it; with "/" at its end a pattern is one of folders alone. Everything else,
brackets too, stands for itself. Patterns and paths are folded.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

#: What makes a text a pattern.
WILD: Final = frozenset("*?")


def is_glob(text: str) -> bool:
    """Whether `text` is a pattern, and no plain name or path."""
    return not WILD.isdisjoint(text)


class PathPattern:
    """A pattern, taken apart."""

    def __init__(self, pattern: str) -> None:
        parts = [part for part in pattern.split("/") if part]
        self.folders_alone = pattern.endswith("/") and bool(parts)
        anywhere = not pattern.startswith("/")
        if not parts:
            parts = ["**"]
        if parts[-1] == "**" and not self.folders_alone:
            parts.append("*")
        if anywhere and parts[0] != "**":
            parts.insert(0, "**")
        self._parts = [part for at, part in enumerate(parts) if part != "**" or parts[at - 1 : at] != ["**"]]

    @property
    def name(self) -> str:
        """The pattern of the name of a file that matches: of its last part."""
        return self._parts[-1]

    def holds_folder(self, folder: str) -> bool:
        """Whether a folder (its path, "/" between its parts and at its end) or one above it matches: all of it does."""
        names = _names(folder)
        return self._parts[-1] == "**" or any(_match(self._parts, names[:count]) for count in range(1, len(names) + 1))

    def holds_files_of(self, folder: str) -> bool:
        """Whether files directly in a folder match whose names match `name`."""
        return not self.folders_alone and _match(self._parts[:-1], _names(folder))


def _names(folder: str) -> list[str]:
    return [name for name in folder.split("/") if name]


def _match(parts: Sequence[str], names: Sequence[str]) -> bool:
    """Whether names match parts, of which "**" stands for any number of them. In a time that grows with the product of
    their numbers: only the last "**" is tried again."""
    part = name = 0
    star = resume = -1
    while name < len(names):
        if part < len(parts) and parts[part] == "**":
            star, resume = part, name
            part += 1
        elif part < len(parts) and _test(parts[part])(names[name]):
            part, name = part + 1, name + 1
        elif star >= 0:
            resume += 1
            part, name = star + 1, resume
        else:
            return False
    return all(each == "**" for each in parts[part:])


@lru_cache(maxsize=1_000)
def _test(part: str) -> Callable[[str], object]:
    """Whether one name matches; `fnmatch` never tries a star again that another one follows."""
    return re.compile(fnmatch.translate(part.replace("[", "[[]"))).match


def longest_plain(pattern: str) -> str:
    """The longest piece of a pattern of one name that stands for itself."""
    return max(re.split(r"[*?]", pattern), key=len)
