"""Contents: one row for each distinct photograph or text, by its digest.

Here as in all parts, writes go through lists: a batch of files is written by a dozen statements, where one for each
row of each file costs ten times as much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, and_, delete, exists, insert, or_, select

from indexer.catalog.schema import content, file, item, token, vector
from indexer.catalog.statements import chunks
from indexer.catalog.transaction import Part
from indexer.types import Kind


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

    def delete_orphans(self) -> int:
        """Delete contents that no item and no file refers to. Returns how many."""
        used: ColumnElement[bool] = or_(
            exists().where(item.c.content_id == content.c.id),
            exists().where(file.c.content_id == content.c.id),
        )
        return self._write(delete(content).where(~used)).rowcount
