"""Runs that write into one store at once, on one machine or many, where its catalog takes several (`writers.py`).

A run beside others holds its place among them, and one of the locks of its machine's folder, by which it is known there
and has a file for what it has in hand. The end of a run, which settles what all have brought and writes the caches of
the folder, is for who is alone: `end`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Final

from indexer.catalog.writers import Writers
from indexer.errors import StoreBusyError
from indexer.in_hand import IN_HAND
from indexer.store import Store, write_lock

#: Seconds that a run which ends waits for one that only looks whether it may write.
PATIENCE: Final = 30.0


@contextmanager
def side_by_side(store: Store, *, alone: bool) -> Iterator[SideBySide | None]:
    """Write into a store beside others that do; None where this run is the only one: it has to be (`alone`), or the
    catalog takes one at a time. Raises StoreBusyError."""
    if alone:
        with store.writing():
            yield None
        return
    with store.catalog.among_writers() as writers:
        if writers is None:
            with store.writing():
                yield None
            return
        with ExitStack() as held:
            yield SideBySide(store.folder, writers, held)


class SideBySide:
    """A run beside others. `held`: what it gives up before it is alone, and at its end."""

    def __init__(self, folder: Path, writers: Writers, held: ExitStack) -> None:
        self.writers = writers
        self._folder = folder
        self._held = held
        self._seat = self._sit()

    @property
    def in_hand(self) -> str:
        """The name of the file in which the run writes down what it reads."""
        return f"{IN_HAND}-{self._seat}" if self._seat else IN_HAND

    @contextmanager
    def end(self, waiting: Callable[[], None]) -> Iterator[bool]:
        """Whether nobody else is at work: then this run is alone for as long as the block lasts. `waiting`: see
        `Writers.be_alone`. Once for each run, when it has written all. Raises StoreBusyError."""
        self._held.close()
        if not self.writers.be_alone(waiting):
            yield False
            return
        until = time.monotonic() + PATIENCE
        with ExitStack() as alone:
            while True:
                try:
                    alone.enter_context(write_lock(self._folder))
                    break
                except StoreBusyError:
                    if time.monotonic() >= until:
                        raise
            yield True

    def _sit(self) -> int:
        """Hold the first lock of the folder that is free."""
        for number in count():
            try:
                self._held.enter_context(write_lock(self._folder, number))
            except StoreBusyError:
                continue
            return number
        raise AssertionError("There is no last number.")
