"""What of a path leaves the server: the name of the indexed folder and what is below it, unless all may be seen."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from search.web.wording import in_api_words


@dataclass(frozen=True, slots=True)
class Shown:
    """`roots`: the indexed folders; `store`: the folder of the store. `paths`: whether whole paths are told."""

    roots: Sequence[str]
    store: Path
    paths: bool = False

    def path(self, path: str) -> str | None:
        """The whole path, where it may be told."""
        return as_text(path) if self.paths else None

    def place(self, path: str) -> tuple[str, str]:
        """Its folder and its name. The folder begins with the name of the outermost indexed folder around it, "/"
        between; "" where there is none."""
        folder, name = os.path.split(path)
        root = self._root(path)
        if root is None or root == path:  # a photograph that was indexed by itself
            return "", as_text(name)
        below = folder[len(root.rstrip(os.sep)) :].replace(os.sep, "/")  # paths in a store are normal
        return as_text(f"{named(root)}{below.rstrip('/')}"), as_text(name)

    def relative(self, path: str) -> str:
        """Both as one: "trips/2021/a.jpg"."""
        return "/".join(part for part in self.place(path) if part)

    def sentence(self, said: str) -> str:
        """A sentence of the library in the words of the API, without the folders above the store and the indexed
        ones."""
        if not self.paths:
            for whole, short in self._shortened():
                said = said.replace(whole, short)
        return as_text(in_api_words(said))

    def _shortened(self) -> Iterator[tuple[str, str]]:
        """The longest first, as one may begin with another."""
        known = {os.fspath(self.store), *self.roots}
        for path in sorted(known, key=len, reverse=True):
            if path.strip(os.sep):
                yield path, named(path)

    def _root(self, path: str) -> str | None:
        """The outermost."""
        around = (root for root in self.roots if path == root or path.startswith(root.rstrip(os.sep) + os.sep))
        return min(around, key=len, default=None)


def named(root: str) -> str:
    """What an indexed folder is called; the whole of a drive by its own name."""
    return os.path.basename(root.rstrip(os.sep)) or root.strip(os.sep) or "files"


def as_text(text: str) -> str:
    """As JSON can carry it: bytes of a name that are no UTF-8 become replacement characters."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
