"""Files that a killed run had in hand: each is tried alone before it is read again, and one that ends even a process of
its own is left out until it changes, or more memory may be used.

A person who kills a run harms no file: it is tried, reads, and is indexed as any other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from indexer.catalog.catalog import Catalog
from indexer.catalog.meta import LEFT_OUT, Meta
from indexer.catalog.moves import is_in, moved_path
from indexer.catalog.transaction import Transaction
from indexer.in_hand import IN_HAND, forget_in_hand, left_in_hand
from indexer.memory import process_limit
from indexer.storage.looking import candidate_at
from indexer.types import Candidate

Try = Callable[[Candidate], str | None]


class Suspects:
    """Files of one store that are not to be read, with the reason. `in_hand`: the name of the file in which those were
    that a killed run read."""

    def __init__(self, catalog: Catalog, folder: Path, in_hand: str = IN_HAND) -> None:
        self._catalog = catalog
        self._folder, self._in_hand = folder, in_hand
        self._left = left_in_hand(folder, in_hand)
        with catalog.snapshot() as snapshot:
            self._known = _parsed(Meta(snapshot).get(LEFT_OUT))

    def judge(self, why_not: Try) -> None:
        """Try those that a killed run left in hand, and those that were left out with less memory; write down which
        are left out from now on. Does nothing in nearly every run."""
        limit = process_limit()
        again = [one for one, (most, _) in self._known.items() if most < limit and _is_there(one)]
        doubtful = [one for one in dict.fromkeys([*self._left, *again]) if _is_there(one)]
        kept = {one: found for one, found in self._known.items() if one not in doubtful and _is_there(one)}
        for one in doubtful:
            if (reason := why_not(one)) is not None:
                kept[one] = (limit, reason)
        if kept != self._known:
            with self._catalog.batch() as batch:
                others = _parsed(Meta(batch).get(LEFT_OUT))  # of runs at work at the same time too
                kept |= {one: found for one, found in others.items() if one not in self._known}
                Meta(batch).set(LEFT_OUT, _written(kept))
            self._known = kept
        if self._left:
            forget_in_hand(self._folder, self._in_hand)
            self._left = []

    def why_not(self, candidate: Candidate) -> str | None:
        """Why this file is not read; None for nearly every one."""
        if not self._known:
            return None
        found = self._known.get(Candidate(candidate.path, candidate.size, candidate.mtime_ns))
        return None if found is None else found[1]


def follow_left_out(batch: Transaction, old: str, new: str) -> None:
    """What is left out in `old` stays so in `new`, where that folder is now."""
    known = _parsed(Meta(batch).get(LEFT_OUT))
    if any(is_in(one.path, old) for one in known):
        moved = {
            replace(one, path=moved_path(one.path, old, new)) if is_in(one.path, old) else one: found
            for one, found in known.items()
        }
        Meta(batch).set(LEFT_OUT, _written(moved))


def _is_there(one: Candidate) -> bool:
    """Whether the file is as it was."""
    with suppress(OSError, ValueError):
        now = candidate_at(one.path)
        return (now.size, now.mtime_ns) == (one.size, one.mtime_ns)
    return False


def _parsed(value: str | None) -> dict[Candidate, tuple[int, str]]:
    """What is written down: (path, size, time) -> the limit under which it was tried, and why it is left out. Of what
    was never written so, nothing."""
    found: dict[Candidate, tuple[int, str]] = {}
    with suppress(ValueError, TypeError, RecursionError):
        for path, size, mtime_ns, limit, reason in json.loads(value or "[]"):
            if isinstance(path, str) and isinstance(reason, str) and {type(size), type(mtime_ns), type(limit)} == {int}:
                found[Candidate(path, size, mtime_ns)] = (limit, reason)
    return found


def _written(files: dict[Candidate, tuple[int, str]]) -> str:
    rows: Iterable[tuple[object, ...]] = ((one.path, one.size, one.mtime_ns, *found) for one, found in files.items())
    return json.dumps(list(rows))
