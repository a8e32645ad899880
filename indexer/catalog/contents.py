"""Contents: one row for each distinct photograph or text, by its digest.

Here as in all parts, writes go through lists: a batch of files is written by a dozen statements, where one for each
row of each file costs ten times as much.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, or_, select

from indexer.catalog.schema import content, file, item, token, vector
from indexer.catalog.statements import chunks, id_chunks
from indexer.catalog.transaction import Part
from indexer.types import Kind

_UNUSED: ColumnElement[bool] = ~or_(
    exists().where(item.c.content_id == content.c.id), exists().where(file.c.content_id == content.c.id)
)


class Contents(Part):
    """Contents by digest, and what they have under an encoder."""

    def add(self, kinds: Mapping[bytes, Kind]) -> dict[bytes, int]:
        """Row ids of contents by their digests; those that are new are recorded, in the order of `kinds`."""
        ids = self._ids(list(kinds))
        new = [{"digest": digest, "kind": kind} for digest, kind in kinds.items() if digest not in ids]
        if new:
            self._write(insert(content), new)
            ids |= self._ids([digest for digest in kinds if digest not in ids])
        return ids

    def _ids(self, digests: Sequence[bytes]) -> dict[bytes, int]:
        ids: dict[bytes, int] = {}
        for chunk in chunks(digests):
            rows = self._read(select(content.c.digest, content.c.id).where(content.c.digest.in_(chunk)))
            ids.update((digest, number) for digest, number in rows)
        return ids

    def digests_at(self, paths: Sequence[str]) -> dict[str, bytes]:
        """SHA-256 of what was indexed at each of these paths; unknown ones are left out."""
        found: dict[str, bytes] = {}
        for chunk in chunks(paths):
            statement = select(file.c.path, content.c.digest).join(content, content.c.id == file.c.content_id)
            found.update((path, digest) for path, digest in self._read(statement.where(file.c.path.in_(chunk))))
        return found

    def with_vectors(self, digests: Sequence[bytes], encoder_row: int) -> dict[bytes, int]:
        """Row ids of those contents of these digests that have a vector under the encoder."""
        has = and_(vector.c.content_id == content.c.id, vector.c.encoder_id == encoder_row)
        found: dict[bytes, int] = {}
        for chunk in chunks(digests):
            statement = select(content.c.digest, content.c.id).join(vector, has).where(content.c.digest.in_(chunk))
            found.update((digest, number) for digest, number in self._read(statement))
        return found

    def with_tokens(self, digests: Sequence[bytes], encoder_row: int) -> set[bytes]:
        """Those of the digests whose content has tokens under the encoder."""
        has = and_(token.c.content_id == content.c.id, token.c.encoder_id == encoder_row)
        found: set[bytes] = set()
        for chunk in chunks(digests):
            statement = select(content.c.digest).join(token, has).where(content.c.digest.in_(chunk))
            found.update(self._read(statement).scalars())
        return found

    def copied(self) -> list[int]:
        """Row ids of those that more than one file holds, hidden ones among them. Reads the index of contents of files,
        45 ms of 200,000."""
        held = select(file.c.content_id).where(file.c.content_id.is_not(None)).group_by(file.c.content_id)
        return list(self._read(held.having(func.count() > 1)).scalars())

    def count_unused(self) -> int:
        """How many contents there are that no item and no file refers to. Looks at every one."""
        return self._read(select(func.count()).select_from(content).where(_UNUSED)).scalar_one()

    def delete_unused(self, among: Collection[int] | None = None) -> int:
        """Delete contents that no item and no file refers to, with all that belongs to them. Returns how many.

        `among`: only these are looked at.
        """
        if among is None:
            return self._write(delete(content).where(_UNUSED)).rowcount
        chunks = id_chunks(sorted(among))
        return sum(self._write(delete(content).where(content.c.id.in_(chunk), _UNUSED)).rowcount for chunk in chunks)

    def delete_let_go(self) -> None:
        """Delete what this transaction let go of, where nothing else refers to it."""
        self.delete_unused(self._transaction.let_go)
        self._transaction.let_go.clear()
