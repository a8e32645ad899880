"""Vectors: the embedding of each content under an encoder, as the truth that every index is built from.

Each is verified wherever it is read: its checksum, its length, its norm. One that is damaged is left out and told in
`Transaction.left_out`; a flipped bit can make a vector the best answer to everything.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Integer, LargeBinary, Select, and_, cast, delete, func, insert, select, update

from indexer.catalog.checksums import damaged
from indexer.catalog.expressions import off_index
from indexer.catalog.items import Items
from indexer.catalog.meta import ENCODER, Meta
from indexer.catalog.schema import content, file, item, tombstone, vector
from indexer.catalog.statements import VISIBLE, has_vector, id_chunks
from indexer.catalog.transaction import Part
from indexer.encoders.answers import NORM_SLACK
from indexer.types import Float32, Int64, Kind

#: Data and checksum of a row. Cast, because damage may have changed the type of a value.
_VALUE = (cast(vector.c.data, LargeBinary).label("data"), cast(vector.c.crc, Integer).label("crc"))
_Row = Any  # `id` of the item where it was asked for, `content_id`, `data`, `crc`

#: Where less than one id in so many is of a kind, a sample of the kind is not drawn from all ids.
SPARSE = 32


@dataclass(frozen=True, slots=True)
class Changes:
    """What an index of generation g misses: `exclude` (m,) int64 its stale ids, then the new state of the rest.

    `ids` (n,) int64 ascending, `vectors` (n, d) float32, unit norm. `left_out`: see `Transaction.left_out`.
    """

    exclude: Int64
    ids: Int64
    vectors: Float32
    left_out: frozenset[tuple[str, int]] = frozenset()


class OfItems(NamedTuple):
    """By item id: `vectors` (d,) float32, unit norm; `contents` row ids of contents."""

    vectors: dict[int, Float32]
    contents: dict[int, int]


class Vectors(Part):
    """Vectors by item or by content, under an encoder."""

    # -- reading --------------------------------------------------------------------------------------------

    def pages(
        self, kind: Kind, encoder_row: int, dimension: int, batch: int = 8_192, after: int = -1
    ) -> Iterator[tuple[Int64, Float32]]:
        """All visible items of a kind with ids above `after`, ascending by id, in batches.

        Yields ids (n,) int64 and vectors (n, d) float32, unit norm.
        """
        position = after
        while True:
            statement = _visible(kind, encoder_row, item.c.id > position).order_by(item.c.id).limit(batch)
            rows = self._read(statement).all()
            kept, vectors = self._verified(rows, dimension)
            if len(vectors):
                yield np.array([row.id for row in kept], np.int64), vectors
            if len(rows) < batch:
                return
            position = rows[-1].id

    def ids(self, kind: Kind, encoder_row: int) -> Int64:
        """Those of all visible items of a kind that have a vector, whole or not, (n,) ascending."""
        statement = _visible(kind, encoder_row).with_only_columns(item.c.id).order_by(item.c.id)
        return np.fromiter(self._read(statement).scalars(), np.int64)

    def of_items(self, ids: Sequence[int], encoder_row: int, dimension: int) -> OfItems:
        """Vectors and contents of visible items; ids that are gone are left out."""
        found = OfItems({}, {})
        for chunk in id_chunks(ids):
            rows = self._read(_with_vectors(encoder_row).where(item.c.id.in_(chunk), VISIBLE)).all()
            for row, own in zip(*self._verified(rows, dimension), strict=True):
                found.vectors[row.id] = own
                found.contents[row.id] = row.content_id
        return found

    def of_contents(self, content_ids: Sequence[int], encoder_row: int, dimension: int) -> dict[int, Float32]:
        """Vectors (d,) float32, unit norm, by content; those that have none are left out."""
        found: dict[int, Float32] = {}
        for chunk in id_chunks(content_ids):
            of_chunk = (vector.c.content_id.in_(chunk), vector.c.encoder_id == encoder_row)
            rows = self._read(select(vector.c.content_id, *_VALUE).where(*of_chunk)).all()
            found |= {row.content_id: own for row, own in zip(*self._verified(rows, dimension), strict=True)}
        return found

    def sample(self, kind: Kind, encoder_row: int, dimension: int, count: int) -> tuple[int, Float32]:
        """How many contents the items of a kind have, and the vectors (n, d) float32 of at most `count` visible ones.

        Of copies of one content one counts. Up to `count` items: all of them, and their number exactly. Beyond: those
        at ids drawn over the whole range, the same each time for one state of the catalog, and the number that is
        estimated from how often each of them is there; exact where nothing is there twice. The cost is that of so many
        rows, whatever the size of the store.
        """
        total = Items(self._transaction).total(kind)
        highest = self._read(select(func.max(item.c.id))).scalar() or 0
        of_kind = select(item.c.id).where(item.c.kind == kind)
        if total <= count:
            ids = list(self._read(of_kind).scalars())
        elif highest <= SPARSE * total:
            ids = spread(highest, count * highest // total).tolist()
        else:  # few among many of the other kind: to draw among their own positions costs less
            own = np.fromiter(self._read(of_kind).scalars(), np.int64)
            ids = np.sort(own)[spread(len(own), count) - 1].tolist()
        firsts: dict[int, _Row] = {}  # by content
        drawn = sorted(self._rows(kind, encoder_row, ids), key=lambda row: row.id)
        for row in drawn:
            firsts.setdefault(row.content_id, row)
        found = list(firsts.values())
        if len(found) > count:
            found = [found[position - 1] for position in spread(len(found), count).tolist()]
        _, vectors = self._verified(found, dimension)
        if total <= count or not drawn:
            return len(vectors), vectors
        copies = self._copies(kind, list(firsts))
        share = sum(1 / copies[row.content_id] for row in drawn) / len(drawn)
        return max(len(vectors), round(total * share)), vectors

    def _copies(self, kind: Kind, content_ids: Sequence[int]) -> dict[int, int]:
        """How many items of a kind have each content, visible or not."""
        found: dict[int, int] = {}
        for chunk in id_chunks(content_ids):
            of_chunk = (item.c.content_id.in_(chunk), off_index(item.c.kind) == kind)
            counted = select(item.c.content_id, func.count()).where(*of_chunk).group_by(item.c.content_id)
            found.update((row[0], row[1]) for row in self._read(counted))
        return found

    def changes_since(self, kind: Kind, generation: int, encoder_row: int, dimension: int) -> Changes:
        """What an index of `generation` misses, held in memory: meant for the few items of an index's tail."""
        changed = select(item.c.id).where(item.c.kind == kind, item.c.generation > generation)
        ids = sorted(self._read(changed).scalars())
        gone = self._read(
            select(tombstone.c.item_id).where(tombstone.c.kind == kind, tombstone.c.generation > generation)
        ).scalars()
        kept, vectors = self._verified(self._rows(kind, encoder_row, ids), dimension)
        return Changes(
            np.sort(np.array([*ids, *gone], np.int64)),
            np.array([row.id for row in kept], np.int64),
            vectors,
            frozenset(self.left_out),
        )

    def _rows(self, kind: Kind, encoder_row: int, ids: Sequence[int]) -> list[_Row]:
        """Of the visible items among `ids`, ascending where those do."""
        found: list[_Row] = []
        for chunk in id_chunks(ids):
            found += self._read(_visible(kind, encoder_row, item.c.id.in_(chunk)).order_by(item.c.id)).all()
        return found

    def _verified(self, rows: Sequence[_Row], dimension: int) -> tuple[list[_Row], Float32]:
        """Those of `rows` whose vectors are what was written, and the vectors (n, d) float32; the others are left out.

        8,192 of 512 dimensions: 6 ms, beside 110 ms in which they are read.
        """
        sums = [row for row in rows if _has_sum(row.data, row.crc) and len(row.data) == 4 * dimension]
        joined = b"".join(row.data for row in sums)
        vectors = np.frombuffer(joined, "<f4").reshape(len(sums), dimension).astype(np.float32)  # (n, d)
        right = _unit(vectors)  # (n,)
        if not right.all():
            sums = [row for row, fine in zip(sums, right.tolist(), strict=True) if fine]
            vectors = vectors[right]
        if len(sums) < len(rows):
            kept = {row.content_id for row in sums}
            self._leave_out(vector.name, (row.content_id for row in rows if row.content_id not in kept))
        return sums, vectors

    def count(self, kind: Kind, encoder_row: int) -> int:
        """How many visible items of a kind have a vector.

        Where every content has one, as nearly always, it is told from numbers that are kept, without a look at each.
        """
        contents = self._read(select(func.count()).select_from(content)).scalar_one()
        encoded = select(func.count()).select_from(vector).where(vector.c.encoder_id == encoder_row)
        if self._read(encoded).scalar_one() == contents:
            return Items(self._transaction).count(kind)
        return self._read(select(func.count()).select_from(_visible(kind, encoder_row).subquery())).scalar_one()

    def count_missing(self, encoder_row: int) -> int:
        """How many visible items have no vector under the encoder."""
        statement = (
            select(func.count())
            .select_from(item)
            .join(file, file.c.id == item.c.file_id)
            .where(VISIBLE, ~has_vector(item.c.content_id, encoder_row))
        )
        return self._read(statement).scalar_one()

    def damaged(self, batch: int = 4_096) -> Iterator[tuple[int, int]]:
        """(content id, encoder id) of vectors that are not what was written. Reads the whole table."""
        return damaged(self._transaction, vector, _VALUE, _whole, batch)

    # -- writing --------------------------------------------------------------------------------------------

    def add(self, encoder_row: int, embeddings: Mapping[int, Float32]) -> None:
        """Store embeddings (d,) float32, unit norm, by content; one that is there stays."""
        there: set[int] = set()
        for chunk in id_chunks(list(embeddings)):
            of_chunk = (vector.c.content_id.in_(chunk), vector.c.encoder_id == encoder_row)
            there.update(self._read(select(vector.c.content_id).where(*of_chunk)).scalars())
        added = [number for number in embeddings if number not in there]
        if not added:
            return
        blobs = [np.ascontiguousarray(embeddings[number], "<f4").tobytes() for number in added]
        rows = [
            {"content_id": number, "encoder_id": encoder_row, "data": blob, "crc": zlib.crc32(blob)}
            for number, blob in zip(added, blobs, strict=True)
        ]
        self._write(insert(vector), rows)
        if Meta(self._transaction).get(ENCODER) == str(encoder_row):
            self._touch_waiting(added)

    def _touch_waiting(self, content_ids: Sequence[int]) -> None:
        """Items that had no vector, after damage, were missing in the indexes built since."""
        for chunk in id_chunks(content_ids):
            waiting = item.c.content_id.in_(chunk)
            if self._read(select(item.c.id).where(waiting).limit(1)).first() is not None:
                self._write(update(item).where(waiting).values(generation=self._transaction.generation))

    def delete(self, keys: Iterable[tuple[int, int]]) -> None:
        """Delete damaged vectors, (content id, encoder id); the next run encodes their files again."""
        for content_id, encoder_row in keys:
            self._write(delete(vector).where(vector.c.content_id == content_id, vector.c.encoder_id == encoder_row))
            changed = update(item).where(item.c.content_id == content_id)
            self._write(changed.values(generation=self._transaction.generation))


def spread(highest: int, count: int) -> Int64:
    """Up to `count` numbers of 1 to `highest`, ascending: one from each of `count` equal ranges, as a hash says.

    Hashed, because ids have a rhythm where each photograph brings as many texts (SplitMix64: Steele, Lea and Flood,
    OOPSLA 2014).
    """
    count = min(count, highest)
    step = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    step = (step ^ (step >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    step = (step ^ (step >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    within = (step ^ (step >> np.uint64(31))).astype(np.float64) / 2.0**64  # (count,) 0 to 1
    starts = np.arange(count + 1, dtype=np.int64) * highest // max(count, 1)  # of the ranges, and their end
    return starts[:-1] + (within * np.diff(starts)).astype(np.int64) + 1


def _with_vectors(encoder_row: int) -> Select[Any]:
    """`_Row`s of items whose content has a vector, joined with their files."""
    return (
        select(item.c.id, item.c.content_id, *_VALUE)
        .join(file, file.c.id == item.c.file_id)
        .join(vector, and_(vector.c.content_id == item.c.content_id, vector.c.encoder_id == encoder_row))
    )


def _visible(kind: Kind, encoder_row: int, *which: ColumnElement[bool]) -> Select[Any]:
    """By their ids: the index of changes, where all items of a kind lie, would be sorted again for every page."""
    return _with_vectors(encoder_row).where(off_index(item.c.kind) == kind, VISIBLE, *which)


def _has_sum(data: bytes | None, crc: int | None) -> bool:
    return data is not None and zlib.crc32(data) == crc


def _unit(vectors: Float32) -> npt.NDArray[np.bool_]:
    """Which of `vectors` (n, d) are of unit norm, (n,); NaN and infinity are not."""
    with np.errstate(over="ignore", invalid="ignore"):
        right: npt.NDArray[np.bool_] = np.abs(np.vecdot(vectors, vectors) - 1) <= NORM_SLACK
    return right


def _whole(data: bytes | None, crc: int | None) -> bool:
    """Whether a row is what `add` wrote."""
    if data is None or not data or len(data) % 4 or not _has_sum(data, crc):
        return False
    return bool(_unit(np.frombuffer(data, "<f4").reshape(1, -1))[0])
