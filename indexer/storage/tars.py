"""Members of a tar as files: `/photos/a.tar/000001.jpg`, each read with one access to the place where it lies.

A member's number besides size and time (`Seen.ctime_ns`) says where in the tar its content begins and which tar that
was: whoever reads it, on whatever machine, needs no list of members.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Protocol

from indexer.storage.base import ChangedError, Flat, Found, Seen, Walk, mark, nothing_at
from indexer.storage.member_lists import keep, kept
from indexer.storage.places import is_url
from indexer.storage.tar_format import BLOCK, Members, is_member, read_members
from indexer.types import Candidate, Failure

#: Of the number of a member, the bits that tell its tar; the others tell the block where its content begins.
_MARK_BITS: Final = 26


class Bytes(Protocol):
    """The tar itself. Raises OSError as `Storage` does."""

    def look(self, path: str) -> Seen | None:
        """See `Storage.look`."""
        ...

    def part(self, path: str, start: int, size: int) -> bytes:
        """At most `size` bytes from an offset on; fewer only at the end."""
        ...

    @property
    def piece(self) -> int:
        """How many bytes are best read at once where headers are looked for."""
        ...


class LocalBytes:
    """A tar of the file system."""

    piece = 4_096  # the headers of one entry, and those of small ones around it

    def look(self, path: str) -> Seen | None:
        """See `Storage.look`."""
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return Seen(False, found.st_size, found.st_mtime_ns)

    def part(self, path: str, start: int, size: int) -> bytes:
        """See `Bytes.part`."""
        with open(path, "rb") as file:
            file.seek(start)
            return file.read(size)


#: The file system of this machine.
LOCAL: Final = LocalBytes()


class Tars:
    """`Storage` of the members of tars, whose bytes lie in `source`."""

    def __init__(self, source: Bytes, container: str) -> None:
        self._source = source
        self._tar = container
        self._members = lru_cache(maxsize=1)(self._read_members)
        self._folders = lru_cache(maxsize=1)(self._read_folders)

    def look(self, path: str) -> Seen | None:
        """See `Storage.look`."""
        tar = self._source.look(self._tar)
        if tar is None:
            return None
        if path == self._tar:
            return Seen(True)
        members = self._members(tar).files
        inner = os.fsencode(path[len(self._tar) + 1 :])
        member = members.get(inner)
        if member is not None:
            return Seen(False, member.size, member.mtime_ns, _number(member.start, tar))
        below = inner + b"/"
        return Seen(True) if any(name.startswith(below) for name in members) else None

    def names(self, folder: str) -> frozenset[str]:
        """See `Storage.names`."""
        tar = self._source.look(self._tar)
        if tar is None:
            return frozenset()
        return self._folders(tar).get(os.fsencode(folder[len(self._tar) + 1 :]), frozenset())

    def walk(self, asked: Walk) -> Iterator[Found]:
        """See `Storage.walk`. A tar that ends early, or is damaged, is reported, and gives what is whole of it."""
        tar = self._source.look(self._tar)
        if tar is None:
            raise nothing_at(self._tar)
        members = self._members(tar)
        if members.fault:
            asked.report_error(Failure(self._tar, members.fault))
        if members.skipped:
            what = "1 entry is" if members.skipped == 1 else f"{members.skipped:,} entries are"
            asked.note(
                f"{self._tar}: {what} left out, as links, devices or names that lead out of it (first: "
                f"{members.first_skipped})."
            )
        top = os.fsencode(asked.top[len(self._tar) + 1 :])
        below = top + b"/" if top else b""
        flat = Flat(asked)
        start = os.fsencode(self._tar) + b"/"
        for name in sorted(members.files):
            if name == top or (name.startswith(below) and flat.keeps(os.fsdecode(name[len(below) :]))):
                member = members.files[name]
                yield start + name, member.size, member.mtime_ns, _number(member.start, tar)

    def read(self, candidate: Candidate) -> bytes:
        """See `Storage.read`."""
        tar = self._tar_of(candidate)
        if candidate.ctime_ns is None:
            candidate = self._as_seen(candidate)
        assert candidate.ctime_ns is not None
        start = (candidate.ctime_ns >> _MARK_BITS) * BLOCK
        data = self._source.part(self._tar, start - BLOCK, BLOCK + candidate.size)
        if not is_member(data[:BLOCK], candidate.size) or self._tar_of(candidate) != tar:
            raise ChangedError
        return data[BLOCK:]

    def beginning(self, path: str, size: int) -> bytes:
        """See `Storage.beginning`."""
        found = self.look(path)
        if found is None or found.is_folder:
            raise nothing_at(path)
        return self._source.part(self._tar, (found.ctime_ns >> _MARK_BITS) * BLOCK, min(size, found.size))

    def _as_seen(self, candidate: Candidate) -> Candidate:
        """The file as it is now, where size and time are those of `candidate`. Raises OSError."""
        found = self.look(candidate.path)
        if found is None:
            raise nothing_at(candidate.path)
        now = found.candidate(candidate.path)
        if (now.size, now.mtime_ns) != (candidate.size, candidate.mtime_ns):
            raise ChangedError
        return now

    def _tar_of(self, candidate: Candidate) -> Seen:
        """The tar as it is now. Raises OSError where it is not the one in which the file was seen."""
        tar = self._source.look(self._tar)
        if tar is None:
            raise nothing_at(self._tar)
        if candidate.ctime_ns is not None and candidate.ctime_ns & ((1 << _MARK_BITS) - 1) != _mark(tar):
            raise ChangedError
        return tar

    def _read_members(self, tar: Seen) -> Members:
        if not is_url(self._tar):
            return self._read_headers(tar)
        members = kept(self._tar, tar)
        if members is None:
            members = self._read_headers(tar)
            keep(self._tar, tar, members)
        return members

    def _read_headers(self, tar: Seen) -> Members:
        held, begins = b"", 0

        def read_at(start: int, size: int) -> bytes:
            nonlocal held, begins
            size = max(0, min(size, tar.size - start))
            if start < begins or start + size > begins + len(held):
                held, begins = self._source.part(self._tar, start, max(size, self._source.piece)), start
            return held[start - begins : start - begins + size]

        return read_members(read_at, tar.size)

    def _read_folders(self, tar: Seen) -> dict[bytes, frozenset[str]]:
        """The names in each folder."""
        found: dict[bytes, set[str]] = {}
        for name in self._members(tar).files:
            inner = name
            while inner:
                folder, _, last = inner.rpartition(b"/")
                entries = found.setdefault(folder, set())
                entry = os.fsdecode(last)
                if entry in entries:
                    break
                entries.add(entry)
                inner = folder
        return {folder: frozenset(names) for folder, names in found.items()}


def _number(start: int, tar: Seen) -> int:
    return (start // BLOCK) << _MARK_BITS | _mark(tar)


def _mark(tar: Seen) -> int:
    return mark(tar.size, tar.mtime_ns, tar.ctime_ns)
