"""Tokens in the catalog: what rerankers need of each content, beside its vector.

Tokens are only ever an addition: a row that is missing, damaged or of another width counts as missing, never as an
error, and writing them changes no generation, because no vector index depends on them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

import numpy as np
from sqlalchemy import ColumnElement, Connection, Integer, LargeBinary, and_, cast, delete, exists, func, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from indexer.catalog.schema import content, file, item, meta, token
from indexer.catalog.statements import CHUNK, VISIBLE, chunks
from indexer.encoders.base import TokenShape
from indexer.types import KINDS, Int8, Kind

#: Key of the `meta` table: whether runs of the indexer keep tokens ("on" when it is not there).
CHOICE = "tokens"
#: Keys of the `meta` table: the shape of an encoder's tokens in this store, by the encoder's row id.
SHAPE = "token_shape:"
#: Count, data and checksum of a row. Cast, because damage may have changed the type of a value.
_ROW = (cast(token.c.count, Integer), cast(token.c.data, LargeBinary), cast(token.c.crc, Integer))

_SET_TOKENS = upsert(token)
_SET_TOKENS = _SET_TOKENS.on_conflict_do_update(
    index_elements=["content_id", "encoder_id"],
    set_={name: _SET_TOKENS.excluded[name] for name in ("count", "data", "crc")},
)


class TokenReads:
    """What a snapshot can say about tokens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def tokens_wanted(self) -> bool:
        """Whether runs of the indexer keep tokens in this store."""
        return self._connection.execute(select(meta.c.value).where(meta.c.key == CHOICE)).scalar() != "off"

    def token_shape(self, encoder_row: int) -> TokenShape | None:
        """The shape of the tokens that were kept under an encoder; None when none ever were, or it does not read.

        Tokens of another shape than the encoder's own (another recipe) must not be used.
        """
        key = f"{SHAPE}{encoder_row}"
        text = self._connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar()
        try:
            return None if text is None else TokenShape(**json.loads(text))
        except (ValueError, TypeError):
            return None

    def tokens_of(self, ids: Sequence[int], encoder_row: int, width: int) -> dict[int, Int8]:
        """Tokens (t, width) int8 of items; those that have none, or damaged ones, are left out. Read-only arrays."""
        found: dict[int, Int8] = {}
        for chunk in chunks(ids):
            statement = (
                select(item.c.id, *_ROW)
                .join(token, and_(token.c.content_id == item.c.content_id, token.c.encoder_id == encoder_row))
                .where(item.c.id.in_(chunk))
            )
            for number, count, data, crc in self._connection.execute(statement):
                tokens = _tokens(count, data, crc, width)
                if tokens is not None:
                    found[number] = tokens
        return found

    def tokens_of_contents(self, content_ids: Sequence[int], encoder_row: int, width: int) -> dict[int, Int8]:
        """Tokens (t, width) int8 by content; those that have none, or damaged ones, are left out."""
        found: dict[int, Int8] = {}
        for chunk in chunks(content_ids):
            statement = select(token.c.content_id, *_ROW).where(
                token.c.content_id.in_(chunk), token.c.encoder_id == encoder_row
            )
            for number, count, data, crc in self._connection.execute(statement):
                tokens = _tokens(count, data, crc, width)
                if tokens is not None:
                    found[number] = tokens
        return found

    def token_of_content(self, content_id: int, encoder_row: int, width: int) -> Int8 | None:
        """Tokens (t, width) int8 of one content; None when it has none, or damaged ones."""
        return self.tokens_of_contents([content_id], encoder_row, width).get(content_id)

    def has_tokens(self, content_id: int, encoder_row: int) -> bool:
        """Whether a content has tokens under the encoder, whole or not."""
        key = (token.c.content_id == content_id, token.c.encoder_id == encoder_row)
        return self._connection.execute(select(token.c.content_id).where(*key)).first() is not None

    def contents_with_tokens(self, digests: Sequence[bytes], encoder_row: int) -> set[bytes]:
        """Those of the digests whose content has tokens under the encoder."""
        found: set[bytes] = set()
        for start in range(0, len(digests), CHUNK):
            statement = (
                select(content.c.digest)
                .join(token, and_(token.c.content_id == content.c.id, token.c.encoder_id == encoder_row))
                .where(content.c.digest.in_(digests[start : start + CHUNK]))
            )
            found.update(self._connection.execute(statement).scalars())
        return found

    def count_with_tokens(self, encoder_row: int) -> dict[Kind, int]:
        """How many visible items have tokens under the encoder, by kind."""
        return self._count(_has_tokens(encoder_row))

    def count_without_tokens(self, encoder_row: int) -> int:
        """How many visible items have no tokens under the encoder."""
        return sum(self._count(~_has_tokens(encoder_row)).values())

    def _count(self, which: ColumnElement[bool]) -> dict[Kind, int]:
        statement = (
            select(item.c.kind, func.count())
            .join(file, file.c.id == item.c.file_id)
            .where(VISIBLE, which)
            .group_by(item.c.kind)
        )
        counts: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        return counts | {kind: int(count) for kind, count in self._connection.execute(statement)}

    def damaged_tokens(self, batch: int = 4_096) -> Iterator[tuple[int, int]]:
        """(content id, encoder id) of tokens whose bytes do not have their checksum. Reads the whole table."""
        last = (-1, -1)
        while True:
            after = or_(
                token.c.content_id > last[0],
                and_(token.c.content_id == last[0], token.c.encoder_id > last[1]),
            )
            keys = (token.c.content_id, token.c.encoder_id)
            statement = select(*keys, *_ROW).where(after).order_by(*keys).limit(batch)
            rows = self._connection.execute(statement).all()
            for content_id, encoder_row, count, data, crc in rows:
                if not _whole(count, data, crc):
                    yield content_id, encoder_row
            if len(rows) < batch:
                return
            last = (rows[-1][0], rows[-1][1])


class TokenWrites:
    """What a batch can do to tokens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def want_tokens(self, wanted: bool) -> None:
        """Remember whether runs of the indexer keep tokens."""
        self._set(CHOICE, "on" if wanted else "off")

    def set_token_shape(self, encoder_row: int, shape: TokenShape) -> None:
        """Record the shape of an encoder's tokens, and drop those that it has of any other shape."""
        if TokenReads(self._connection).token_shape(encoder_row) == shape:
            return
        self._connection.execute(delete(token).where(token.c.encoder_id == encoder_row))
        self._set(f"{SHAPE}{encoder_row}", json.dumps(asdict(shape)))

    def _set(self, key: str, value: str) -> None:
        statement = upsert(meta).values(key=key, value=value)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))

    def add_tokens_of(self, encoder_row: int, tokens: Mapping[int, Int8]) -> None:
        """Store tokens (t, w) int8 by content, in the place of any that are there."""
        if tokens:
            self._connection.execute(_SET_TOKENS, [_row(number, encoder_row, own) for number, own in tokens.items()])

    def add_tokens(self, content_id: int, encoder_row: int, tokens: Int8) -> None:
        """Store the tokens (t, w) int8 of a content, in the place of any that it has."""
        self.add_tokens_of(encoder_row, {content_id: tokens})

    def delete_tokens(self, keys: Iterable[tuple[int, int]]) -> None:
        """Delete damaged tokens, (content id, encoder id); the next run makes them again."""
        for content_id, encoder_row in keys:
            self._connection.execute(
                delete(token).where(token.c.content_id == content_id, token.c.encoder_id == encoder_row)
            )

    def delete_other_tokens(self, encoder_row: int) -> None:
        """Delete the tokens of every encoder but this one."""
        self._connection.execute(delete(token).where(token.c.encoder_id != encoder_row))
        others = and_(meta.c.key.startswith(SHAPE, autoescape=True), meta.c.key != f"{SHAPE}{encoder_row}")
        self._connection.execute(delete(meta).where(others))


def _row(content_id: int, encoder_row: int, tokens: Int8) -> dict[str, object]:
    data = np.ascontiguousarray(tokens, np.int8).tobytes()
    return {
        "content_id": content_id,
        "encoder_id": encoder_row,
        "count": len(tokens),
        "data": data,
        "crc": zlib.crc32(data),
    }


def _has_tokens(encoder_row: int) -> ColumnElement[bool]:
    return exists().where(token.c.content_id == item.c.content_id, token.c.encoder_id == encoder_row)


def _whole(count: int | None, data: bytes | None, crc: int | None) -> bool:
    """Whether a row is what `add_tokens` wrote."""
    if not data or not count or count < 0 or zlib.crc32(data) != crc:
        return False
    return len(data) % count == 0


def _tokens(count: int | None, data: bytes | None, crc: int | None, width: int) -> Int8 | None:
    if data is None or count is None or len(data) != count * width or not _whole(count, data, crc):
        return None
    return np.frombuffer(data, np.int8).reshape(count, width)  # (t, w)
