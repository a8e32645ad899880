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
from search.web.indexing.own_process import PROGRAM, OwnProcess
from search.web.indexing.run import Run, RunState
from search.web.problems import ProblemError

_PROGRAM: Final = PROGRAM.replace("search.web.indexing.child", "search.web.mapping.child")
#: Seconds for a process that was told to end.
_PATIENCE: Final = 5.0


class MapMaker:
    """Safe to use from several threads."""

    def __init__(self, library: Library, program: str = _PROGRAM) -> None:
        self._library = library
        self._program = program
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._run: Run | None = None
        self._closed = False
        self._kept: tuple[object, PhotoMap | None] | None = None

    @property
    def state(self) -> RunState:
        """How far the last run is; idle where there was none."""
        run = self._run
        return RunState() if run is None else run.state

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
            if self._closed:
                raise ProblemError(503, "server-leaving", "The server is shutting down; start it again.")
            before = self.state
            if not before.is_active:
                if self._run is not None:
                    self._run.join()
                process = OwnProcess(str(self._library.folder), (), verify=False, program=self._program)
                self._run = Run(process, before=before.version)
            return self.state

    def close(self) -> None:
        """End the run that is at work, and begin none any more."""
        with self._lock:
            self._closed = True
        run = self._run
        if run is not None:
            run.stop(_PATIENCE)
            run.process.end(_PATIENCE)
            run.join()

    def _version(self) -> object:
        state = self._library.state()
        with suppress(OSError):
            status = os.stat(map_file(self._library.folder))
            return state, status.st_mtime_ns, status.st_size, status.st_ino
        return state, None
