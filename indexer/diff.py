"""What changed in a folder: a merge join of a scan with the catalog.

Both sides come in ascending order of the bytes of their paths, so that one pass with two rows in memory is enough,
whatever the size of the collection.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from indexer.catalog.snapshot import FileRow
from indexer.types import Candidate


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Size and time are as they were, and it is encoded (with tokens, where they are wanted)."""

    row: FileRow


@dataclass(frozen=True, slots=True)
class Returned:
    """A file that had vanished is back, with the size and time that it had."""

    row: FileRow


@dataclass(frozen=True, slots=True)
class Work:
    """A file that is new, changed, failed before, or not yet encoded in full: it has to be read."""

    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Gone:
    """The catalog has the file, the scan did not find it."""

    row: FileRow


Difference = Unchanged | Returned | Work | Gone


def compare(found: Iterable[Candidate], known: Iterable[FileRow]) -> Iterator[Difference]:
    """Differences in ascending order of path; each path of either side exactly once.

    Both inputs must ascend by `os.fsencode(path)`. Files that are marked as vanished and still not there give
    nothing.
    """
    rows = iter(known)
    row = next(rows, None)
    row_key = b"" if row is None else os.fsencode(row.path)
    for candidate in found:
        key = os.fsencode(candidate.path)
        while row is not None and row_key < key:
            if row.state != "vanished":
                yield Gone(row)
            row = next(rows, None)
            row_key = b"" if row is None else os.fsencode(row.path)
        if row is None or row_key != key:
            yield Work(candidate)
            continue
        yield _same_path(candidate, row)
        row = next(rows, None)
        row_key = b"" if row is None else os.fsencode(row.path)
    while row is not None:
        if row.state != "vanished":
            yield Gone(row)
        row = next(rows, None)


def _same_path(candidate: Candidate, row: FileRow) -> Difference:
    same = candidate.size == row.size and candidate.mtime_ns == row.mtime_ns
    complete = row.encoded or row.role != "image"
    if not same or not complete or row.state == "failed" or row.reason is not None:
        return Work(candidate)
    return Returned(row) if row.state == "vanished" else Unchanged(row)
