"""The pages of a SQLite file, read without SQLite: what the tables and indexes hold whose trees are damaged.

A leaf of a table is told by its first byte and can be read whatever leads to it; to which table a row belongs, its
reader says. Nothing here trusts a number of the file. Format: https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Final, Literal

from indexer.catalog.sqlite_log import committed
from indexer.catalog.sqlite_records import DamagedRecordError, Value, integer, record, varint

_MAGIC: Final = b"SQLite format 3\0"
#: Bytes of the header of a file, before what its first page holds.
_HEAD: Final = 100
#: That of every catalog, where the header does not say.
_USUAL_SIZE: Final = 4_096
_INTERIOR, _LEAF = 5, 13
_INDEX_INTERIOR, _INDEX_LEAF = 2, 10
#: Columns of the list of tables and indexes.
_SCHEMA: Final = 5
#: Bytes of a row that is believed: tokens of the largest photographs are some hundred thousand.
_LARGEST: Final = 1 << 28

Row = tuple[int, list[Value]]
"""Row id, and the values in the order of the columns; None in the place of the row id's own column."""


@dataclass
class Tree:
    """The leaves of a table as its tree names them; `torn`: pages that should be some of it and are not."""

    leaves: list[int] = field(default_factory=list)
    torn: int = 0


class Pages:
    """A file that nobody writes, and the log beside it. A context manager.

    `version` is the number that the owner keeps in the header; 0 where it does not read.
    """

    def __init__(self, path: Path) -> None:
        self._stack = ExitStack()
        self._log: dict[int, bytes] = {}
        with suppress(OSError):
            self._log = committed(path.with_name(f"{path.name}-wal").read_bytes())  # first: it may move into the file
        self._data: mmap.mmap | bytes = b""
        stream = self._stack.enter_context(path.open("rb"))
        with suppress(ValueError):  # an empty file
            self._data = self._stack.enter_context(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        head = self._log.get(1, bytes(self._data[:_HEAD]))
        self._size, reserved, self.version = _USUAL_SIZE, 0, 0
        if head.startswith(_MAGIC) and len(head) >= _HEAD:
            size = int.from_bytes(head[16:18], "big")
            size = 65_536 if size == 1 else size
            if size in {2**power for power in range(9, 17)}:
                self._size, reserved = size, head[20] if head[20] <= 32 else 0
            self.version = int.from_bytes(head[60:64], "big")
        elif self._log:
            self._size = len(next(iter(self._log.values())))
        self._usable = self._size - reserved
        self.count = max([-(-len(self._data) // self._size), *self._log])

    def __enter__(self) -> Pages:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def page(self, number: int) -> bytes:
        """One page, from 1; short or empty where the file ends before."""
        found = self._log.get(number)
        return bytes(self._data[(number - 1) * self._size : number * self._size]) if found is None else found

    # -- which pages ----------------------------------------------------------------------------------------

    def roots(self, kind: Literal["table", "index"] = "table") -> dict[str, int]:
        """The first page of each table, or index, by its name; as many as read, also where the first page is lost."""
        found: dict[str, int] = {"sqlite_schema": 1} if kind == "table" else {}
        tree = self.tree(1)
        leaves = chain(tree.leaves, self.leaves()) if tree.torn else iter(tree.leaves)
        for leaf in leaves:
            for _, values in self.rows(leaf):
                if len(values) == _SCHEMA and values[0] == kind:
                    _, name, _, root, _ = values
                    if isinstance(name, str) and isinstance(root, int):
                        found.setdefault(name, root)
        return found

    def tree(self, root: int) -> Tree:
        """What the tree that begins at a page names."""
        tree, waiting, seen = Tree(), [root], set[int]()
        while waiting:
            number = waiting.pop()
            page = self.page(number) if 0 < number <= self.count and number not in seen else b""
            seen.add(number)
            kind = self._kind(number, page)
            if kind == _LEAF:
                tree.leaves.append(number)
            elif kind == _INTERIOR:
                waiting += self._children(number, page)[::-1]
            else:
                tree.torn += 1
        return tree

    def free(self) -> tuple[set[int], bool]:
        """The pages that hold nothing any more, and whether these are surely all of them."""
        head = self.page(1)[:_HEAD]
        found: set[int] = set()
        trunk, count = int.from_bytes(head[32:36], "big"), int.from_bytes(head[36:40], "big")
        while 0 < trunk <= self.count and trunk not in found:
            page = self.page(trunk)
            found.add(trunk)
            leaves = min(int.from_bytes(page[4:8], "big"), self._size // 4 - 2)
            found |= {int.from_bytes(page[8 + 4 * at : 12 + 4 * at], "big") for at in range(leaves)}
            trunk = int.from_bytes(page[:4], "big")
        return found, head.startswith(_MAGIC) and trunk == 0 and len(found) == count

    def leaves(self) -> Iterator[int]:
        """Every page that looks like a leaf of a table."""
        return (number for number in range(1, self.count + 1) if self._kind(number, self.page(number)) == _LEAF)

    def _kind(self, number: int, page: bytes) -> int:
        at = _HEAD if number == 1 else 0
        return page[at] if len(page) > at + 8 else 0

    def _children(self, number: int, page: bytes) -> list[int]:
        at = _HEAD if number == 1 else 0
        starts = self._starts(page, at, at + 12)
        return [
            *(int.from_bytes(page[start : start + 4], "big") for start in starts),
            int.from_bytes(page[at + 8 : at + 12], "big"),
        ]

    def _starts(self, page: bytes, at: int, first: int) -> list[int]:
        """Where the cells of a page begin."""
        count = min(int.from_bytes(page[at + 3 : at + 5], "big"), self._size // 4)
        return [int.from_bytes(page[first + 2 * one : first + 2 * one + 2], "big") for one in range(count)]

    # -- rows -----------------------------------------------------------------------------------------------

    def rows(self, number: int) -> Iterator[Row]:
        """The rows of a leaf that read; one that does not comes without values."""
        page, at = self.page(number), _HEAD if number == 1 else 0
        for start in self._starts(page, at, at + 8):
            try:
                yield self._row(page, start)
            except DamagedRecordError:
                yield 0, []

    def entries(self, root: int) -> list[list[Value]]:
        """What an index holds, in no order: the values of its columns, then the row id. Raises DamagedRecordError where
        a part of it does not read."""
        found: list[list[Value]] = []
        waiting, seen = [root], set[int]()
        while waiting:
            number = waiting.pop()
            page = self.page(number) if 1 < number <= self.count and number not in seen else b""
            seen.add(number)
            kind = self._kind(number, page)
            if kind not in (_INDEX_INTERIOR, _INDEX_LEAF):
                raise DamagedRecordError
            inner = kind == _INDEX_INTERIOR
            if inner:
                waiting += self._children(number, page)
            for start in self._starts(page, 0, 12 if inner else 8):
                size, at = varint(page, start + (4 if inner else 0))
                found.append(self._record(page, at, size, (self._usable - 12) * 64 // 255 - 23))
        return found

    def _row(self, page: bytes, start: int) -> Row:
        size, start = varint(page, start)
        number, start = varint(page, start)
        return integer(number.to_bytes(8, "big")), self._record(page, start, size, self._usable - 35)

    def _record(self, page: bytes, start: int, size: int, most: int) -> list[Value]:
        """The values of a cell; `most`: bytes of them that fit on its page."""
        if not 0 < size <= _LARGEST:
            raise DamagedRecordError
        local = size
        if size > most:
            least = (self._usable - 12) * 32 // 255 - 23
            local = least + (size - least) % (self._usable - 4)
            local = local if local <= most else least
        payload = page[start : start + local]
        if local < size:
            payload += self._beyond(int.from_bytes(page[start + local : start + local + 4], "big"), size - local)
        if len(payload) != size:
            raise DamagedRecordError
        return record(payload)

    def _beyond(self, number: int, size: int) -> bytes:
        """The part of a row that lies on pages of its own."""
        parts: list[bytes] = []
        left = size
        while left > 0:
            page = self.page(number) if 0 < number <= self.count else b""
            part = page[4 : min(self._usable, left + 4)]
            if not part:
                raise DamagedRecordError
            parts.append(part)
            left -= len(part)
            number = int.from_bytes(page[:4], "big")
        return b"".join(parts)
