"""Writing the catalog: one transaction, in which every change carries the same new generation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, and_, delete, exists, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from indexer.catalog.files import FileWrites
from indexer.catalog.schema import ABSENT, content, encoder, file, item, meta, root, tombstone, vector
from indexer.catalog.statements import bounds, chunks
from indexer.encoders.base import EncoderId
from indexer.types import Kind


class Batch(FileWrites):
    """Writes inside one transaction. Everything is an upsert: a batch that runs twice leaves the same state."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._generation: int | None = None

    @property
    def connection(self) -> Connection:
        """The open transaction, for the rest of this package."""
        return self._connection

    @property
    def generation(self) -> int:
        """The generation of this transaction's changes; asking for it makes the transaction count as one."""
        if self._generation is None:
            current = select(meta.c.value).where(meta.c.key == "generation")
            generation = int(self._connection.execute(current).scalar_one()) + 1
            self.set_meta("generation", str(generation))
            self._generation = generation
        return self._generation

    def set_meta(self, key: str, value: str) -> None:
        """Set a value of the `meta` table."""
        self._set(key, value)

    # -- encoders and roots ---------------------------------------------------------------------------------

    def add_encoder(self, identity: EncoderId) -> int:
        """Row id of an encoder, recorded when it is new."""
        text = identity.to_json()
        self._connection.execute(upsert(encoder).values(identity=text).on_conflict_do_nothing())
        return int(self._connection.execute(select(encoder.c.id).where(encoder.c.identity == text)).scalar_one())

    def activate(self, encoder_row: int) -> None:
        """Let this encoder answer queries, and drop the vectors and tokens of every other one."""
        self.set_meta("encoder", str(encoder_row))
        self._connection.execute(delete(vector).where(vector.c.encoder_id != encoder_row))
        self.delete_other_tokens(encoder_row)
        self._connection.execute(delete(encoder).where(encoder.c.id != encoder_row))
        self._connection.execute(update(item).values(generation=self.generation))

    def add_root(self, path: str, ignores: Sequence[str] | None) -> None:
        """Record a root; `ignores` None keeps the patterns that it has."""
        statement = upsert(root).values(path=path, ignores=json.dumps(list(ignores or ())))
        if ignores is None:
            statement = statement.on_conflict_do_nothing()
        else:
            statement = statement.on_conflict_do_update(
                index_elements=["path"], set_={"ignores": json.dumps(list(ignores))}
            )
        self._connection.execute(statement)

    def finish_root(self, path: str) -> None:
        """Note that a scan of this root was complete."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._connection.execute(update(root).where(root.c.path == path).values(scanned_at=now))

    # -- removal --------------------------------------------------------------------------------------------

    def forget(self, path: str) -> int:
        """Delete the file at `path`, or everything below it, and roots there. Returns how many files went."""
        low, high = bounds(path)
        below = or_(file.c.path == path, and_(file.c.path > low, file.c.path < high))
        roots_below = or_(root.c.path == path, and_(root.c.path > low, root.c.path < high))
        self._connection.execute(delete(root).where(roots_below))
        return self._forget(list(self._connection.execute(select(file.c.id).where(below)).scalars()))

    def forget_vanished(self) -> int:
        """Delete every file that is marked as vanished. Returns how many."""
        gone = select(file.c.id).where(ABSENT, file.c.state == "vanished")
        return self._forget(list(self._connection.execute(gone).scalars()))

    def _forget(self, file_ids: Sequence[int]) -> int:
        for chunk in chunks(file_ids):
            ids = self._connection.execute(select(item.c.id).where(item.c.file_id.in_(chunk))).scalars().all()
            self.delete_items(ids)
            self._connection.execute(delete(file).where(file.c.id.in_(chunk)))
        self.delete_orphans()
        return len(file_ids)

    def delete_orphans(self) -> int:
        """Delete contents that no item and no file refers to. Returns how many."""
        used = or_(
            exists().where(item.c.content_id == content.c.id),
            exists().where(file.c.content_id == content.c.id),
        )
        return self._connection.execute(delete(content).where(~used)).rowcount

    def delete_vectors(self, keys: Iterable[tuple[int, int]]) -> None:
        """Delete damaged vectors, (content id, encoder id); the next run encodes their files again."""
        for content_id, encoder_row in keys:
            self._connection.execute(
                delete(vector).where(vector.c.content_id == content_id, vector.c.encoder_id == encoder_row)
            )
            self._connection.execute(
                update(item).where(item.c.content_id == content_id).values(generation=self.generation)
            )

    def delete_tombstones(self, kind: Kind, generation: int) -> None:
        """An index of this generation was written: it holds nothing that was deleted up to then."""
        self._connection.execute(
            delete(tombstone).where(tombstone.c.kind == kind, tombstone.c.generation <= generation)
        )

    def count_vectors(self) -> int:
        """How many vectors there are, under all encoders."""
        return self._connection.execute(select(func.count()).select_from(vector)).scalar_one()
