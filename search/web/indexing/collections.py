"""The indexed folders of a store, and whether the store has grown."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from search.calls.collecting import Collection
from search.calls.details import StoreState
from search.library import Library
from search.web.problems import ProblemError


@dataclass(frozen=True, slots=True)
class Size:
    """How many images a store has, and the generation of its catalog, which grows with every change."""

    images: int
    generation: int


class Sizes:
    """Reads the size of a store, and counts only when it has changed. Safe to use from several threads."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._last: tuple[StoreState, Size] | None = None

    def now(self) -> Size:
        """How large the store is. Raises StoreMissingError, StoreError."""
        with self._lock:
            state = self._library.state()
            if self._last is None or self._last[0] != state:
                self._last = state, Size(self._library.counts()["image"], state.generation)
            return self._last[1]


def chosen(known: Iterable[Collection], ids: Iterable[int] | None) -> list[str]:
    """The paths of the folders of these ids, each once; none where no id is given, which means all that there are.

    Raises ProblemError for an id that is none, or where there is no folder.
    """
    paths = {each.id: each.path for each in known}
    if not paths:
        raise ProblemError(
            422, "no-collection", "The store has no folder yet; `search index FOLDER` on its machine adds one."
        )
    wanted = dict.fromkeys(ids or ())
    for each in wanted:
        if each not in paths:
            raise ProblemError(422, "no-collection", f"There is no collection {each} here; /collections names them.")
    return [paths[each] for each in wanted]
