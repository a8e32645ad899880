"""What a batch can do to contents: their rows, vectors, and what photographs say about themselves.

Everything goes through lists: a batch of files is written by a dozen statements, where one for each row of each file
costs ten times as much.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from indexer.catalog.schema import content, item, meta, photo, vector
from indexer.catalog.statements import CHUNK, chunks
from indexer.catalog.tokens import TokenWrites
from indexer.types import Float32, Kind, Metadata

_SET_PHOTO = upsert(photo)
_SET_PHOTO = _SET_PHOTO.on_conflict_do_update(
    index_elements=["content_id"],
    set_={column.name: _SET_PHOTO.excluded[column.name] for column in photo.c if not column.primary_key},
)


class ContentWrites(TokenWrites):
    """Writes of contents, vectors and photographs."""

    @property
    def generation(self) -> int:
        """The generation of this transaction's changes."""
        raise NotImplementedError

    def add_contents(self, kinds: Mapping[bytes, Kind]) -> dict[bytes, int]:
        """Row ids of contents by their digests; those that are new are recorded, in the order of `kinds`."""
        ids = self._content_ids(list(kinds))
        new = [{"digest": digest, "kind": kind} for digest, kind in kinds.items() if digest not in ids]
        if new:
            self._connection.execute(insert(content), new)
            ids |= self._content_ids([digest for digest in kinds if digest not in ids])
        return ids

    def _content_ids(self, digests: Sequence[bytes]) -> dict[bytes, int]:
        ids: dict[bytes, int] = {}
        for start in range(0, len(digests), CHUNK):
            chunk = digests[start : start + CHUNK]
            rows = self._connection.execute(select(content.c.digest, content.c.id).where(content.c.digest.in_(chunk)))
            ids.update((digest, number) for digest, number in rows)
        return ids

    def add_content(self, digest: bytes, kind: Kind) -> int:
        """Row id of a content, recorded when it is new."""
        return self.add_contents({digest: kind})[digest]

    def add_vectors(self, encoder_row: int, embeddings: Mapping[int, Float32]) -> None:
        """Store embeddings (d,) float32, unit norm, by content; one that is there stays."""
        there: set[int] = set()
        for chunk in chunks(list(embeddings)):
            of_chunk = (vector.c.content_id.in_(chunk), vector.c.encoder_id == encoder_row)
            there.update(self._connection.execute(select(vector.c.content_id).where(*of_chunk)).scalars())
        added = [number for number in embeddings if number not in there]
        if not added:
            return
        blobs = [np.ascontiguousarray(embeddings[number], "<f4").tobytes() for number in added]
        rows = [
            {"content_id": number, "encoder_id": encoder_row, "data": blob, "crc": zlib.crc32(blob)}
            for number, blob in zip(added, blobs, strict=True)
        ]
        self._connection.execute(insert(vector), rows)
        self._touch_waiting(encoder_row, added)

    def _touch_waiting(self, encoder_row: int, content_ids: Sequence[int]) -> None:
        """Items that had no vector, after damage, were missing in the indexes built since."""
        active = self._connection.execute(select(meta.c.value).where(meta.c.key == "encoder")).scalar()
        if active != str(encoder_row):
            return
        for chunk in chunks(content_ids):
            waiting = item.c.content_id.in_(chunk)
            if self._connection.execute(select(item.c.id).where(waiting).limit(1)).first() is not None:
                self._connection.execute(update(item).where(waiting).values(generation=self.generation))

    def add_vector(self, content_id: int, encoder_row: int, embedding: Float32) -> None:
        """Store one embedding (d,) float32, unit norm, unless there is one."""
        self.add_vectors(encoder_row, {content_id: embedding})

    def set_photos(self, photos: Mapping[int, Metadata]) -> None:
        """Store what photographs say about themselves, by content."""
        if photos:
            self._connection.execute(_SET_PHOTO, [_photo_row(number, said) for number, said in photos.items()])

    def set_photo(self, content_id: int, metadata: Metadata) -> None:
        """Store what one photograph says about itself."""
        self.set_photos({content_id: metadata})


def _photo_row(content_id: int, metadata: Metadata) -> dict[str, object]:
    return {
        "content_id": content_id,
        "width": metadata.width,
        "height": metadata.height,
        "format": metadata.format,
        "taken_at": metadata.taken_at,
        "camera": metadata.camera,
        "latitude": metadata.latitude,
        "longitude": metadata.longitude,
        "captions": json.dumps(metadata.captions),
        "keywords": json.dumps(metadata.keywords),
    }
