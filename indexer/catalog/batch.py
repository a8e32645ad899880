"""Writing the catalog: one transaction, in which every change carries the same new generation."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from indexer.catalog.schema import ABSENT, content, encoder, file, item, meta, photo, root, tombstone, vector
from indexer.catalog.statements import bounds, chunks
from indexer.catalog.tokens import TokenWrites
from indexer.encoders.base import EncoderId
from indexer.types import Candidate, Float32, Kind, Metadata


class Batch(TokenWrites):
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
        statement = upsert(meta).values(key=key, value=value)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))

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

    # -- contents -------------------------------------------------------------------------------------------

    def add_content(self, digest: bytes, kind: Kind) -> int:
        """Row id of a content, recorded when it is new."""
        self._connection.execute(upsert(content).values(digest=digest, kind=kind).on_conflict_do_nothing())
        return int(self._connection.execute(select(content.c.id).where(content.c.digest == digest)).scalar_one())

    def add_vector(self, content_id: int, encoder_row: int, embedding: Float32) -> None:
        """Store an embedding (d,) float32, unit norm, unless there is one."""
        data = np.ascontiguousarray(embedding, "<f4").tobytes()
        statement = upsert(vector).values(
            content_id=content_id, encoder_id=encoder_row, data=data, crc=zlib.crc32(data)
        )
        added = self._connection.execute(statement.on_conflict_do_nothing()).rowcount
        # Items that had no vector, after damage, were missing in the indexes built since.
        waiting = select(item.c.id).where(
            item.c.content_id == content_id, exists().where(meta.c.key == "encoder", meta.c.value == str(encoder_row))
        )
        if added and self._connection.execute(waiting).first() is not None:
            changed = update(item).where(item.c.content_id == content_id)
            self._connection.execute(changed.values(generation=self.generation))

    def set_photo(self, content_id: int, metadata: Metadata) -> None:
        """Store what a photograph says about itself."""
        values = {
            "width": metadata.width,
            "height": metadata.height,
            "format": metadata.format,
            "taken_at": metadata.taken_at,
            "camera": metadata.camera,
            "latitude": metadata.latitude,
            "longitude": metadata.longitude,
            "captions": json.dumps(list(metadata.captions)),
            "keywords": json.dumps(list(metadata.keywords)),
        }
        statement = upsert(photo).values(content_id=content_id, **values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["content_id"], set_=values))

    # -- files and their items ------------------------------------------------------------------------------

    def set_file(
        self,
        candidate: Candidate,
        *,
        role: str,
        state: str = "present",
        reason: str | None = None,
        content_id: int | None = None,
        digest: bytes | None = None,
    ) -> int:
        """Record a file as it now is; returns its row id."""
        values = {
            "size": candidate.size,
            "mtime_ns": candidate.mtime_ns,
            "role": role,
            "state": state,
            "reason": reason,
            "content_id": content_id,
            "digest": digest,
        }
        at_path = file.c.path == candidate.path
        before = self._connection.execute(select(file.c.state).where(at_path)).scalar()
        statement = upsert(file).values(path=candidate.path, **values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["path"], set_=values))
        file_id = int(self._connection.execute(select(file.c.id).where(at_path)).scalar_one())
        if before == "vanished":  # the texts about it can be found again
            self._touch([file_id], about=True)
        return file_id

    def is_current(self, candidate: Candidate, content_id: int) -> bool:
        """Whether a photograph is recorded as it now is, with this content, and nothing is wrong with it."""
        statement = select(file.c.id).where(
            file.c.path == candidate.path,
            file.c.size == candidate.size,
            file.c.mtime_ns == candidate.mtime_ns,
            file.c.content_id == content_id,
            file.c.state == "present",
            file.c.reason.is_(None),
        )
        return self._connection.execute(statement).first() is not None

    def fail_file(self, candidate: Candidate, reason: str, *, keep: bool) -> None:
        """Record that a file could not be read.

        `keep`: the trouble may pass (permissions, a file in the middle of a change), so what is indexed of an
        earlier state stays to be found; otherwise its items are hidden. It is tried again on the next run.
        """
        row = self._connection.execute(select(file.c.id, file.c.state).where(file.c.path == candidate.path)).first()
        if row is None:
            self.set_file(candidate, role="image", state="failed", reason=reason)
            return
        if row.state == "failed" or (keep and row.state == "present"):
            self._connection.execute(update(file).where(file.c.id == row.id).values(reason=reason))
            return
        self._connection.execute(update(file).where(file.c.id == row.id).values(state="failed", reason=reason))
        self._touch([row.id])

    def set_items(self, file_id: int, wanted: Sequence[tuple[Kind, int, str | None, str | None]]) -> None:
        """Make a file's items exactly `wanted`: (kind, content id, about, text), in order.

        Items that are already there as wanted keep their ids; a photograph keeps its id when its content changes.
        """
        statement = (
            select(item.c.id, item.c.kind, item.c.content_id, item.c.about, item.c.text)
            .where(item.c.file_id == file_id)
            .order_by(item.c.id)
        )
        have: dict[tuple[Kind, int, str | None, str | None], int] = {}
        image_id: int | None = None
        gone: list[int] = []
        for row in self._connection.execute(statement):
            key = (row.kind, row.content_id, row.about, row.text)
            if row.kind == "image":
                image_id = row.id
            elif key in have:
                gone.append(row.id)
            else:
                have[key] = row.id
        new: list[dict[str, object]] = []
        seen: set[tuple[Kind, int, str | None, str | None]] = set()
        for kind, content_id, about, text in wanted:
            key = (kind, content_id, about, text)
            if key in seen:
                continue
            seen.add(key)
            values = {"content_id": content_id, "about": about, "text": text, "generation": self.generation}
            if kind == "image" and image_id is not None:
                self._connection.execute(update(item).where(item.c.id == image_id).values(**values))
                image_id = None
            elif key not in have:
                new.append({"file_id": file_id, "kind": kind, **values})
        if new:
            self._connection.execute(insert(item), new)
        gone += [number for key, number in have.items() if key not in seen]
        if image_id is not None:
            gone.append(image_id)
        self.delete_items(gone)
        self._touch([file_id])

    def set_present(self, file_ids: Sequence[int]) -> None:
        """Files that had vanished or failed are there again, as they were."""
        for chunk in chunks(file_ids):
            self._connection.execute(update(file).where(file.c.id.in_(chunk)).values(state="present", reason=None))
        self._touch(file_ids, about=True)

    def set_vanished(self, file_ids: Sequence[int]) -> None:
        """Files are no longer there: their items are hidden, their embeddings are kept."""
        for chunk in chunks(file_ids):
            self._connection.execute(update(file).where(file.c.id.in_(chunk)).values(state="vanished", reason=None))
        self._touch(file_ids, about=True)

    def _touch(self, file_ids: Sequence[int], *, about: bool = False) -> None:
        """The items of these files changed for a search; `about`: and so did the texts about these files."""
        for chunk in chunks(file_ids):
            changed: ColumnElement[bool] = item.c.file_id.in_(chunk)
            if about:
                changed = or_(changed, item.c.about.in_(select(file.c.path).where(file.c.id.in_(chunk))))
            self._connection.execute(update(item).where(changed).values(generation=self.generation))

    # -- removal --------------------------------------------------------------------------------------------

    def delete_items(self, ids: Sequence[int]) -> None:
        """Delete items, leaving tombstones for the indexes that still hold them."""
        for chunk in chunks(ids):
            kinds = self._connection.execute(select(item.c.id, item.c.kind).where(item.c.id.in_(chunk))).all()
            if kinds:
                graves = [{"item_id": row.id, "kind": row.kind, "generation": self.generation} for row in kinds]
                self._connection.execute(insert(tombstone), graves)
                self._connection.execute(delete(item).where(item.c.id.in_(chunk)))

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
