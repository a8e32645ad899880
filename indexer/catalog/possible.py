"""Which rows this program can have written, as a condition: values of their columns' types, within their bounds.

Judged in the database, before anything reads a value: a type of Python's refuses a wrong one, and with it all that was
asked for. A row can be wrong and have its checksum, when another program wrote it.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Table, and_, func, literal, or_, type_coerce
from sqlalchemy.types import LargeBinary

from indexer.catalog.bounds import HIGHEST, LATITUDES, LONGEST_SIDE, LONGITUDES
from indexer.catalog.schema import HIDDEN, content, exclusion, file, item, photo, root, tombstone
from indexer.catalog.sqlite import is_typed
from indexer.types import KINDS


def _or_none(column: Column[Any], right: ColumnElement[bool]) -> ColumnElement[bool]:
    return or_(column.is_(None), right)


def _counts(column: Column[Any]) -> ColumnElement[bool]:
    return column.between(0, HIGHEST - 1)


def _is_path(column: Column[Any]) -> ColumnElement[bool]:
    """Whether it is one that a file can have."""
    name = type_coerce(column, LargeBinary)
    return and_(func.length(name) > 0, func.instr(name, literal(b"\0", LargeBinary)) == 0)


def _is_digest(column: Column[Any]) -> ColumnElement[bool]:
    return func.length(column) == 32  # SHA-256


_WITHIN: Final[dict[str, ColumnElement[bool]]] = {
    content.name: and_(content.c.kind.in_(KINDS), _is_digest(content.c.digest)),
    exclusion.name: _is_path(exclusion.c.path),
    file.name: and_(
        _is_path(file.c.path),
        file.c.role.in_(("image", "captions", "other", "folder")),
        file.c.state.in_(("present", "failed", *HIDDEN)),
        file.c.size >= -1,  # which says that it is to be read
        _or_none(file.c.digest, _is_digest(file.c.digest)),
        _or_none(file.c.item_count, _counts(file.c.item_count)),
        _counts(file.c.format_reader),
    ),
    item.name: and_(item.c.kind.in_(KINDS), _or_none(item.c.about, _is_path(item.c.about)), _counts(item.c.generation)),
    photo.name: and_(
        photo.c.width.between(1, LONGEST_SIDE),
        photo.c.height.between(1, LONGEST_SIDE),
        _or_none(photo.c.latitude, photo.c.latitude.between(-LATITUDES, LATITUDES)),
        _or_none(photo.c.longitude, photo.c.longitude.between(-LONGITUDES, LONGITUDES)),
        _counts(photo.c.metadata_reader),
    ),
    root.name: and_(_is_path(root.c.path), _or_none(root.c.mount, _is_path(root.c.mount))),
    tombstone.name: and_(tombstone.c.kind.in_(KINDS), _counts(tombstone.c.generation)),
}


def is_possible(table: Table) -> ColumnElement[bool]:
    """Whether a row is one that can have been written, but for texts that hold something to parse; never NULL. `table`
    must not be aliased."""
    within = _WITHIN.get(table.name)
    right = is_typed(table) if within is None else and_(is_typed(table), within)
    return func.coalesce(right, 0) != 0  # NULL is not right
