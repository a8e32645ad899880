"""Tokens: what rerankers need of each content, beside its vector.

Tokens are only ever an addition: a row that is missing, damaged or of another width counts as missing, never as an
error (the last two are told in `Transaction.left_out`), and writing them changes no generation, because no vector
index depends on them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict

import numpy as np
from sqlalchemy import ColumnElement, Integer, LargeBinary, and_, cast, delete, false, func, select

from indexer.catalog import stored
from indexer.catalog.checksums import damaged
from indexer.catalog.expressions import upsert
from indexer.catalog.meta import Meta
from indexer.catalog.schema import file, item, token
from indexer.catalog.statements import VISIBLE, has_tokens, id_chunks
from indexer.catalog.transaction import Part
from indexer.encoders.base import TokenShape
from indexer.errors import StoreDamagedError
from indexer.types import KINDS, Int8, Kind

#: Key of the `meta` table: whether runs of the indexer keep tokens ("on" when it is not there).
CHOICE = "tokens"
#: Keys of the `meta` table: the shape of an encoder's tokens in this store, by the encoder's row id.
SHAPE = "token_shape:"
#: Count, data and checksum of a row. Cast, because damage may have changed the type of a value.
_ROW = (cast(token.c.count, Integer), cast(token.c.data, LargeBinary), cast(token.c.crc, Integer))


class Tokens(Part):
    """Tokens by item or by content, under an encoder."""

    # -- whether, and of which shape ------------------------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """Whether runs of the indexer keep tokens in this store."""
        return Meta(self._transaction).get(CHOICE) != "off"

    def want(self, wanted: bool) -> None:
        """Remember whether runs of the indexer keep tokens."""
        Meta(self._transaction).set(CHOICE, "on" if wanted else "off")

    def shape(self, encoder_row: int) -> TokenShape | None:
        """The shape of the tokens that were kept under an encoder; None when none ever were, or it does not read.

        Tokens of another shape than the encoder's own (another recipe) must not be used.
        """
        with suppress(StoreDamagedError):
            return stored.token_shape(Meta(self._transaction).get(f"{SHAPE}{encoder_row}"))
        return None

    def set_shape(self, encoder_row: int, shape: TokenShape) -> None:
        """Record the shape of an encoder's tokens, and drop those that it has of any other shape.

        Where the record was lost, those stay that fit; of a later recipe than the first nothing tells which made them.
        """
        recorded = self.shape(encoder_row)
        if recorded != shape:
            others = token.c.encoder_id == encoder_row
            if recorded is None and shape.recipe == 1:
                others = and_(others, ~_fits(shape))
            self._write(delete(token).where(others))
            Meta(self._transaction).set(f"{SHAPE}{encoder_row}", json.dumps(asdict(shape)))

    # -- reading --------------------------------------------------------------------------------------------

    def of_items(self, ids: Sequence[int], encoder_row: int, width: int) -> dict[int, Int8]:
        """Tokens (t, width) int8 of items; those that have none, or damaged ones, are left out. Read-only arrays."""
        own = and_(token.c.content_id == item.c.content_id, token.c.encoder_id == encoder_row)
        found: dict[int, Int8] = {}
        for chunk in id_chunks(ids):
            statement = select(item.c.id, item.c.content_id, *_ROW).join(token, own).where(item.c.id.in_(chunk))
            for number, content_id, count, data, crc in self._read(statement):
                tokens = _tokens(count, data, crc, width)
                if tokens is None:
                    self._leave_out(token.name, [content_id])
                else:
                    found[number] = tokens
        return found

    def of_contents(self, content_ids: Sequence[int], encoder_row: int, width: int) -> dict[int, Int8]:
        """Tokens (t, width) int8 by content; those that have none, or damaged ones, are left out."""
        found: dict[int, Int8] = {}
        for chunk in id_chunks(content_ids):
            statement = select(token.c.content_id, *_ROW).where(
                token.c.content_id.in_(chunk), token.c.encoder_id == encoder_row
            )
            for number, count, data, crc in self._read(statement):
                tokens = _tokens(count, data, crc, width)
                if tokens is None:
                    self._leave_out(token.name, [number])
                else:
                    found[number] = tokens
        return found

    def present(self, content_ids: Sequence[int], encoder_row: int) -> set[int]:
        """Those of the contents that have tokens under the encoder, whole or not."""
        found: set[int] = set()
        for chunk in id_chunks(content_ids):
            of_chunk = (token.c.content_id.in_(chunk), token.c.encoder_id == encoder_row)
            found.update(self._read(select(token.c.content_id).where(*of_chunk)).scalars())
        return found

    def count_with(self, encoder_row: int) -> dict[Kind, int]:
        """How many visible items have tokens under the encoder, by kind."""
        return self._count(has_tokens(item.c.content_id, encoder_row))

    def count_without(self, encoder_row: int) -> int:
        """How many visible items have no tokens under the encoder."""
        return sum(self._count(~has_tokens(item.c.content_id, encoder_row)).values())

    def _count(self, which: ColumnElement[bool]) -> dict[Kind, int]:
        statement = (
            select(item.c.kind, func.count())
            .join(file, file.c.id == item.c.file_id)
            .where(VISIBLE, which)
            .group_by(item.c.kind)
        )
        counts: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        return counts | {kind: int(count) for kind, count in self._read(statement)}

    def damaged(self, batch: int = 4_096) -> Iterator[tuple[int, int]]:
        """(content id, encoder id) of tokens whose bytes do not have their checksum. Reads the whole table."""
        return damaged(self._transaction, token, _ROW, _whole, batch)

    # -- writing --------------------------------------------------------------------------------------------

    def add(self, encoder_row: int, tokens: Mapping[int, Int8]) -> None:
        """Store tokens (t, w) int8 by content, in the place of any that are there."""
        if tokens:
            statement = upsert(token, ["content_id", "encoder_id"], ["count", "data", "crc"])
            self._write(statement, [_row(number, encoder_row, own) for number, own in tokens.items()])

    def delete(self, keys: Iterable[tuple[int, int]]) -> None:
        """Delete damaged tokens, (content id, encoder id); the next run makes them again."""
        for content_id, encoder_row in keys:
            self._write(delete(token).where(token.c.content_id == content_id, token.c.encoder_id == encoder_row))


def _row(content_id: int, encoder_row: int, tokens: Int8) -> dict[str, object]:
    data = np.ascontiguousarray(tokens, np.int8).tobytes()
    return {
        "content_id": content_id,
        "encoder_id": encoder_row,
        "count": len(tokens),
        "data": data,
        "crc": zlib.crc32(data),
    }


def _fits(shape: TokenShape) -> ColumnElement[bool]:
    """Whether a row can be of tokens of this shape."""
    bounded = token.c.count.between(1, max(shape.regions, shape.words))
    return func.coalesce(and_(bounded, func.length(token.c.data) == token.c.count * shape.width), false())


def _whole(count: int | None, data: bytes | None, crc: int | None) -> bool:
    """Whether a row is what `add` wrote."""
    if not data or not count or count < 0 or zlib.crc32(data) != crc:
        return False
    return len(data) % count == 0


def _tokens(count: int | None, data: bytes | None, crc: int | None, width: int) -> Int8 | None:
    if data is None or count is None or len(data) != count * width or not _whole(count, data, crc):
        return None
    return np.frombuffer(data, np.int8).reshape(count, width)  # (t, w)
