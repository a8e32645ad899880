"""The indexed folders of a store, and whether the store has grown."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.catalog.items import Items
from indexer.catalog.meta import STORE, Meta
from indexer.catalog.root_counts import RootCount, RootCounts
from indexer.catalog.transaction import Transaction
from indexer.files.mounts import presence
from indexer.store import Store
from search.web.problems import ProblemError


@dataclass(frozen=True, slots=True)
class Size:
    """How many images a store has, and the generation of its catalog, which grows with every change."""

    images: int
    generation: int


#: Which store, and its generation.
_State = tuple[str | None, int]


class Collections:
    """Reads the store at a folder. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._store: Store | None = None
        #: What was counted last, and in which state.
        self._counted: tuple[_State, list[RootCount]] | None = None
        self._sized: tuple[_State, Size] | None = None

    def all(self) -> list[RootCount]:
        """The indexed folders, by path. Raises StoreMissingError, StoreError."""
        with self._lock, self._opened().catalog.snapshot() as snapshot:
            state = _state(snapshot)
            if self._counted is None or self._counted[0] != state:
                self._counted = state, RootCounts(snapshot).all()
            return self._counted[1]

    def size(self) -> Size:
        """How large the store is now. Raises StoreMissingError, StoreError."""
        with self._lock, self._opened().catalog.snapshot() as snapshot:
            state = _state(snapshot)
            if self._sized is None or self._sized[0] != state:
                self._sized = state, Size(Items(snapshot).count("image"), snapshot.generation)
            return self._sized[1]

    def paths(self) -> dict[int, str]:
        """The indexed folders by their numbers. Raises ProblemError where there is none; StoreMissingError,
        StoreError."""
        found = {each.id: each.path for each in self.all()}
        if not found:
            raise ProblemError(
                422, "no-collection", "The store has no folder yet; `search index FOLDER` on its machine adds one."
            )
        return found

    def close(self) -> None:
        """Let go of the store."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store.open(self._folder)
        return self._store


def _state(snapshot: Transaction) -> _State:
    return Meta(snapshot).get(STORE), snapshot.generation


def is_present(root: RootCount) -> bool:
    """Whether the folder can be reached now."""
    return presence(root.path, root.mount) == "there"


def name_of(path: str) -> str:
    """What a folder is called, without those above it."""
    return os.path.basename(path) or path


def chosen(known: Mapping[int, str], ids: Iterable[int]) -> list[str]:
    """The folders of these numbers, each once. Raises ProblemError for a number that is none."""
    wanted = dict.fromkeys(ids)
    for each in wanted:
        if each not in known:
            raise ProblemError(422, "no-collection", f"There is no collection {each} here; /collections names them.")
    return [known[each] for each in wanted]


def without_folders(sentence: str, paths: Iterable[str]) -> str:
    """A sentence of ours in which folders are named without those above them."""
    for path in sorted(paths, key=len, reverse=True):
        sentence = sentence.replace(path, name_of(path))
    return sentence


def placed(path: str, paths: Iterable[str]) -> tuple[str, str]:
    """A file below one of the folders `paths`: its name, and its folder from the indexed one on."""
    above, name = os.path.split(path)
    root = max(
        (each for each in paths if f"{above}{os.sep}".startswith(each.rstrip(os.sep) + os.sep)), key=len, default=None
    )
    folder = name_of(above) if root is None else os.path.join(name_of(root), os.path.relpath(above, root))
    return name, os.path.normpath(folder)
