"""Photographs: what they say about themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from sqlalchemy import Row, select

from indexer import types
from indexer.catalog import stored
from indexer.catalog.schema import photo
from indexer.catalog.sqlite import upsert
from indexer.catalog.transaction import Part
from indexer.types import Metadata

_FIELDS = [field.name for field in fields(Metadata)]
#: Those of them that are lists, kept as JSON.
_LISTS = {field.name for field in fields(Metadata) if str(field.type).startswith("tuple")}


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
            self._write(upsert(photo, ["content_id"], [*_FIELDS, "metadata_reader"]), rows)


def metadata_of(row: Row) -> Metadata | None:  # type: ignore[type-arg]
    """The metadata in a row that holds the columns of `photo`; None where they are empty."""
    if row.width is None:
        return None
    values: dict[str, Any] = {name: getattr(row, name) for name in _FIELDS}
    for name in _LISTS:
        values[name] = stored.texts(values[name], f"the {name} of a photograph")
    return Metadata(**values)


def _row(content_id: int, said: Metadata) -> dict[str, object]:
    values = ((name, getattr(said, name)) for name in _FIELDS)
    kept = {name: json.dumps(value) if name in _LISTS else value for name, value in values}
    return {"content_id": content_id, **kept, "metadata_reader": types.METADATA_READER}
