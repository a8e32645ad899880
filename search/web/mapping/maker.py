"""The map of one store, as a server has it: kept, being made, or neither."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import Final

from search.library import Library
from search.projection.layout import check_installed
from search.projection.map_file import map_file
from search.projection.photo_map import PhotoMap
from search.web.indexing.own_process import Work
from search.web.indexing.run import RunState
from search.web.indexing.runs import Runs

MAPPING: Final = Work(
    program="from search.web.mapping.child import main; main()",
    does="makes the map",
    dead="nothing of it is kept: make it again, and end other programs first where memory is short",
    not_started="map-not-started",
    ended="map-ended",
)
#: Seconds for a process that was told to end.
_PATIENCE: Final = 5.0


class MapMaker(Runs):
    """Safe to use from several threads."""

    def __init__(self, library: Library, work: Work = MAPPING) -> None:
        super().__init__(work)
        self._library = library
        self._reading = threading.Lock()
        self._kept: tuple[object, PhotoMap | None] | None = None

    def current(self) -> PhotoMap | None:
        """The map that is kept, with what came since; None where it has to be made (anew). Read once for each state of
        the store. Raises StoreMissingError, StoreError."""
        with self._reading:
            version = self._version()
            if self._kept is None or self._kept[0] != version:
                self._kept = version, self._library.kept_map()
            return self._kept[1]

    def start(self) -> RunState:
        """Begin to make the map; nothing happens where that is under way. Raises ProblemError, UsageError where the
        package for it is missing."""
        check_installed()
        with self._lock:
            return self._begin({"store": str(self._library.folder)}) if self._is_free() else self.state

    def close(self) -> None:
        """End the run that is at work, and begin none any more."""
        self._close(_PATIENCE)

    def _version(self) -> object:
        state = self._library.state()
        with suppress(OSError):
            status = os.stat(map_file(self._library.folder))
            return state, status.st_mtime_ns, status.st_size, status.st_ino
        return state, None
