"""Photographs: what they say about themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Row, select

from indexer.catalog.schema import photo
from indexer.catalog.sqlite import upsert
from indexer.catalog.transaction import Part
from indexer.images import reader_versions
from indexer.types import Metadata

_FIELDS = [column.name for column in photo.c if column.name != "content_id"]


class Photograph(NamedTuple):
    """What a photograph says about itself, as a reader of some version read it."""

    metadata: Metadata
    reader: int


class Photographs(Part):
    """Metadata by content."""

    def get(self, content_id: int) -> Photograph | None:
        """What a photograph says about itself; None where nothing is kept."""
        row = self._read(select(photo).where(photo.c.content_id == content_id)).first()
        metadata = None if row is None else metadata_of(row)
        return None if row is None or metadata is None else Photograph(metadata, row.metadata_reader)

    def save(self, photographs: Mapping[int, Metadata]) -> None:
        """Store what photographs say about themselves, in the place of what is there."""
        if photographs:
            rows = [_row(number, said) for number, said in photographs.items()]
            self._write(upsert(photo, ["content_id"], _FIELDS), rows)


def metadata_of(row: Row) -> Metadata | None:  # type: ignore[type-arg]
    """The metadata in a row that holds the columns of `photo`; None where they are empty."""
    if row.width is None:
        return None
    return Metadata(
        row.width,
        row.height,
        row.format,
        row.taken_at,
        row.camera,
        row.latitude,
        row.longitude,
        tuple(json.loads(row.captions)),
        tuple(json.loads(row.keywords)),
    )


def _row(content_id: int, metadata: Metadata) -> dict[str, object]:
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
        "metadata_reader": reader_versions.METADATA_READER,
    }
