"""Runs that write into one catalog at once: who has which files in hand.

    take --> read, encode --> written, and the claim given up, in one transaction
      `-- the run ends, or says nothing for too long --> another takes them over

A claim has an end, by the server's clock: whoever is at work puts it off. It is worth nothing either when its run is
gone. A run whose claims were taken over meanwhile writes all the same: what is written twice is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class Writers(Protocol):
    """The runs that write into a catalog at once, as one of them sees them. Safe to use from several threads. Each of
    the methods raises StoreError."""

    @property
    def number(self) -> int:
        """This run's, which no other has."""

    def take(self, paths: Sequence[str]) -> set[str]:
        """Claim files: returns those that are this run's now. Waits for nobody."""

    def leave(self, paths: Sequence[str]) -> None:
        """Give up claims of this run: the files need not be read."""

    def keep(self) -> None:
        """Put off the end of this run's claims, where it is time for that."""

    def take_over(self, folder: str, most: int) -> list[str]:
        """Claim up to so many files, at or below `folder`, whose run is gone or has said nothing for too long."""

    def others_hold(self, folder: str) -> bool:
        """Whether others have files in hand at or below `folder`."""

    def be_alone(self, waiting: Callable[[], None]) -> bool:
        """At the end of a run: be the only one. False where others are at work, of whom the last will be. `waiting`:
        called before waiting for one that ends just now."""
