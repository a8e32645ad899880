"""What several threads may take of memory at once, so that large files do not meet in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from indexer.errors import ImageTooLargeError
from indexer.memory import FLOOR, Room, in_words, process_limit, room

T = TypeVar("T")


class Share(Protocol):
    """What the work on one file may take."""

    def grow(self, wanted: int, doing: str) -> None:
        """Let it take `wanted` bytes in all from now on; `doing` says what for ("reading it").

        Raises ImageTooLargeError where it may not.
        """
        ...


class _Alone:
    """Nobody else at work in this process: a query."""

    def grow(self, wanted: int, doing: str) -> None:
        if wanted > FLOOR and wanted > (left := room()).most:
            raise too_large(wanted, doing, left)


#: For one file at a time.
ALONE: Share = _Alone()


def too_large(wanted: int, doing: str, left: Room) -> ImageTooLargeError:
    """The error for a file that takes more than is left for it."""
    enough = -(-(left.beside + wanted) // 10**7) * 10  # MB, in tens
    amount = f"{enough}MB" if enough < 10_000 else f"{-(-enough // 100) / 10}GB"
    return ImageTooLargeError(
        f"{doing} takes up to {in_words(wanted)} of memory, and of the {in_words(process_limit())} that this process "
        f"may use, {in_words(left.most)} are left for it; SEARCH_MEMORY={amount} would do, if the machine has as much"
    )


class MemoryBudget:
    """At most `left.most` bytes at once. Safe to use from several threads."""

    def __init__(self, left: Room) -> None:
        self._left = left
        self._used = 0
        self._changed = threading.Condition()

    def work(self, on: Callable[[Share], T]) -> T:
        """What `on` returns, which takes what it needs from the share that it is given.

        When a share cannot grow at once, because others hold too much, `on` is left and what it holds is let go of;
        once all that it asked for is free, it begins again. Nobody waits while he holds something, so none wait for
        each other.
        """
        wanted = 0
        while True:
            share = _Share(self)
            try:
                self._wait(share, wanted)
                return on(share)
            except _NotNowError as error:
                wanted = error.wanted
            finally:
                self._release(share)

    def _wait(self, share: _Share, wanted: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._used + wanted <= self._left.most)
            self._used += wanted
            share.held = wanted

    def _grow(self, share: _Share, wanted: int, doing: str) -> None:
        if wanted > self._left.most:
            raise too_large(wanted, doing, self._left)
        with self._changed:
            more = wanted - share.held
            if more <= 0:
                return
            if self._used + more > self._left.most:
                raise _NotNowError(wanted)
            self._used += more
            share.held = wanted

    def _release(self, share: _Share) -> None:
        with self._changed:
            self._used -= share.held
            share.held = 0
            self._changed.notify_all()


class _Share:
    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self.held = 0

    def grow(self, wanted: int, doing: str) -> None:
        self._budget._grow(self, wanted, doing)


class _NotNowError(BaseException):
    """No error: a turn to wait for. Nothing on the way takes it for one of a file."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
