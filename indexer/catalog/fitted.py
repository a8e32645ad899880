"""What was fitted to a store, as files by their names: in a catalog on a server, where all machines find it.

A catalog in a file has no such tables: there these files lie beside it. What they are: `indexer/fitted_files.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text, delete, insert, select

from indexer.catalog.meta import SETTLED, Meta
from indexer.catalog.transaction import Part
from indexer.errors import StoreDamagedError

metadata = MetaData()
fitted = Table(
    "fitted",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", LargeBinary),  # SHA-256
    Column("size", Integer),  # bytes
)
fitted_piece = Table(
    "fitted_piece",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("data", LargeBinary),
)

#: Bytes of a row: what a statement carries, and what is in memory of a file at a time.
PIECE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class FittedFile:
    """SHA-256 of a file, in hex digits, and its bytes."""

    digest: str
    size: int


class Fitted(Part):
    """Files by their names. Whoever reads looks at the names before files are made of them."""

    def all(self) -> dict[str, FittedFile]:
        """What there is."""
        rows = self._read(select(fitted.c.name, fitted.c.digest, fitted.c.size)).all()
        return {name: FittedFile(bytes(digest).hex(), int(size)) for name, digest, size in rows}

    def pieces(self, name: str, file: FittedFile) -> Iterator[bytes]:
        """The bytes of a file. Raises StoreDamagedError, in the end or when there are too many, where they are not what
        was written."""
        summed, size = hashlib.sha256(), 0
        for number in range(-(-file.size // PIECE)):
            at = (fitted_piece.c.name == name) & (fitted_piece.c.number == number)
            data = self._read(select(fitted_piece.c.data).where(at)).scalar()
            if data is None:
                break
            summed.update(data)
            size += len(data)
            if size > file.size:
                break
            yield bytes(data)
        if (summed.hexdigest(), size) != (file.digest, file.size):
            raise StoreDamagedError(
                f"The catalog holds {name} that was fitted, and its bytes are not what was written; fit it anew."
            )

    def put(self, name: str, stream: BinaryIO) -> FittedFile:
        """Let what a stream holds be the file of that name, in the place of one before. Raises OSError."""
        self.delete([name])
        summed, size = hashlib.sha256(), 0
        while data := stream.read(PIECE):
            self._write(insert(fitted_piece), {"name": name, "number": size // PIECE, "data": data})
            summed.update(data)
            size += len(data)
        self._write(insert(fitted), {"name": name, "digest": summed.digest(), "size": size})
        return FittedFile(summed.hexdigest(), size)

    def delete(self, names: Iterable[str]) -> None:
        """Delete files, where they are there."""
        for name in names:
            self._write(delete(fitted_piece).where(fitted_piece.c.name == name))
            self._write(delete(fitted).where(fitted.c.name == name))

    def tell(self) -> None:
        """Let those who have the store open look: answers may be others now. No item is, so that what was settled
        stays so."""
        meta, generation = Meta(self._transaction), self._transaction.generation
        if meta.get(SETTLED) == str(generation - 1):
            meta.set(SETTLED, str(generation))
