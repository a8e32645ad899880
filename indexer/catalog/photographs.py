"""Photographs: what they say about themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any, NamedTuple

from sqlalchemy import Row, select

from indexer import types
from indexer.catalog import stored
from indexer.catalog.bounds import LATITUDES, LONGEST_SIDE, LONGITUDES
from indexer.catalog.expressions import upsert
from indexer.catalog.possible import is_possible
from indexer.catalog.schema import photo
from indexer.catalog.transaction import Part
from indexer.errors import StoreDamagedError
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
        """What a photograph says about itself; None where nothing is kept that is right."""
        row = self._read(select(photo).where(photo.c.content_id == content_id, is_possible(photo))).first()
        with suppress(StoreDamagedError):
            metadata = None if row is None else metadata_of(row)
            return None if row is None or metadata is None else Photograph(metadata, row.metadata_reader)
        return None

    def save(self, photographs: Mapping[int, Metadata]) -> None:
        """Store what photographs say about themselves, in the place of what is there."""
        if photographs:
            rows = [_row(number, said) for number, said in photographs.items()]
            self._write(upsert(photo, ["content_id"], [*_FIELDS, "metadata_reader"]), rows)
            self._transaction.restated_contents.update(photographs)


def metadata_of(row: Row) -> Metadata | None:  # type: ignore[type-arg]
    """The metadata in a row that holds the columns of `photo`; None where they are empty.

    Raises StoreDamagedError. Of numbers whether they are right the statement has to ask (`is_possible`).
    """
    if row.width is None:
        return None
    values: dict[str, Any] = {name: getattr(row, name) for name in _FIELDS}
    for name in _LISTS:
        values[name] = stored.texts(values[name], f"the {name} of a photograph")
    values["taken_at"] = stored.moment(row.taken_at, "when a photograph was taken")
    return Metadata(**values)


def _row(content_id: int, said: Metadata) -> dict[str, Any]:
    """A row that reads: within the bounds that a damaged one breaks."""
    values = ((name, getattr(said, name)) for name in _FIELDS)
    kept = {name: json.dumps(value) if name in _LISTS else value for name, value in values}
    for side in ("width", "height"):
        kept[side] = min(max(int(kept[side]), 1), LONGEST_SIDE)
    for place, most in (("latitude", LATITUDES), ("longitude", LONGITUDES)):
        degrees: float | None = getattr(said, place)
        if degrees is not None and not abs(degrees) <= most:
            kept[place] = None
    try:
        stored.moment(said.taken_at, "")
    except StoreDamagedError:
        kept["taken_at"] = None
    return {"content_id": content_id, **kept, "metadata_reader": types.METADATA_READER}
