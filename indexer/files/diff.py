"""What changed in a folder: a merge join of a scan with the catalog.

Both sides come in ascending order of the bytes of their paths, so that one pass with two rows in memory is enough,
whatever the size of the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from indexer import types
from indexer.catalog.known_files import KnownFile
from indexer.catalog.schema import FORGOTTEN, HIDDEN, VANISHED
from indexer.files.scan import Found, candidate
from indexer.images import sniff
from indexer.types import Candidate

#: Of files that a scan need not find.
_AWAY = (VANISHED, FORGOTTEN)


@dataclass(frozen=True, slots=True)
class Returned:
    """A file that had vanished, or was left out, is back, with the size and time that it had."""

    row: KnownFile


@dataclass(frozen=True, slots=True)
class Untimed:
    """A file that is as it was, as far as is known: the catalog is to learn when its status changed last."""

    row: KnownFile
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class ToRead:
    """A file that is new, changed, failed before, not yet encoded in full, or of an older reader: it has to be read."""

    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Gone:
    """The catalog has the file, the scan did not find it."""

    row: KnownFile


Difference = Returned | Untimed | ToRead | Gone


class Comparison:
    """Iterated once: differences in ascending order of path; each path of either side at most once.

    Both inputs must ascend by the bytes of their paths. What gives no difference is counted in `unchanged` (size and
    times are as they were, and the file is encoded, with tokens where they are wanted, and was read by the present
    readers), as what is `Untimed` is too, or is marked as vanished and still not there. A difference is yielded as soon
    as both sides have passed it. `verify`: every file is to be read, whatever its size and times say.
    """

    def __init__(self, found: Iterable[Found], known: Iterable[KnownFile], *, verify: bool = False) -> None:
        self.unchanged = 0
        self._found = found
        self._known = known
        self._verify = verify

    def __iter__(self) -> Iterator[Difference]:
        newest_format, newest_metadata = sniff.FORMAT_READER, types.METADATA_READER
        rows = iter(self._known)
        row = next(rows, None)
        row_key = b"" if row is None else row.key
        for found in self._found:
            key = found[0]
            while row is not None and row_key < key:
                if row.state not in _AWAY:
                    yield Gone(row)
                row = next(rows, None)
                row_key = b"" if row is None else row.key
            if row is None or row_key != key:
                yield ToRead(candidate(found))
                continue
            _, size, mtime_ns, _, role, state, reason, encoded, format_reader, metadata_reader, ctime_ns = row
            if role == "image":
                read = encoded and metadata_reader is not None and metadata_reader >= newest_metadata
            else:
                read = format_reader >= newest_format
            settled = read and reason is None and state != "failed"
            if settled and found[1] == size and found[2] == mtime_ns and found[3] == ctime_ns and not self._verify:
                if state in HIDDEN:
                    yield Returned(row)
                else:
                    self.unchanged += 1
            else:
                now = candidate(found)
                as_it_was = (now.size, now.mtime_ns) == (size, mtime_ns) and ctime_ns in (None, now.ctime_ns)
                if not settled or not as_it_was or self._verify:
                    yield ToRead(now)
                elif state in HIDDEN:
                    yield Returned(row)
                else:
                    self.unchanged += 1
                    if now.ctime_ns is not None and ctime_ns is None:
                        yield Untimed(row, now.ctime_ns)
            row = next(rows, None)
            row_key = b"" if row is None else row.key
        while row is not None:
            if row.state not in _AWAY:
                yield Gone(row)
            row = next(rows, None)
