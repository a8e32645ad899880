"""Reading the catalog: one consistent state of it, for as long as the snapshot is held."""

from __future__ import annotations

import json
import os
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Integer, Row, Select, and_, exists, func, or_, select, type_coerce
from sqlalchemy.types import NullType

from indexer.catalog.schema import ABSENT, content, encoder, file, item, meta, photo, root, token, tombstone, vector
from indexer.catalog.statements import CHUNK, ITEMS, VISIBLE, bounds, chunks, of_kind
from indexer.catalog.tokens import TokenReads
from indexer.encoders.base import EncoderId
from indexer.errors import StoreDamagedError, StoreMissingError
from indexer.types import KINDS, Float32, Int64, Kind, Metadata

#: Where less than one id in so many is of a kind, a sample of the kind is not drawn from all ids.
SPARSE = 32


class FileRow(NamedTuple):
    """What the catalog knows of a file. `encoded`: its photograph has a vector under the asked encoder.

    Where tokens were asked for too, `encoded` says that it has both. `key` is the path as the file system spells it.
    A tuple, because a scan makes one of every file: it costs a quarter of what an object with frozen fields does.
    """

    key: bytes
    size: int
    mtime_ns: int
    id: int
    role: str
    state: str
    reason: str | None
    encoded: int  # SQLite's 0 or 1

    @property
    def path(self) -> str:
        """The path as the rest of the program names it."""
        return os.fsdecode(self.key)


@dataclass(frozen=True, slots=True)
class ItemRow:
    """What a hit shows. `path` is the image's own, or for a text that of the image that it is about."""

    id: int
    kind: Kind
    path: str
    text: str | None
    source: str
    metadata: Metadata | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What an index of generation g misses: `exclude` (m,) int64 its stale ids, then the new state of the rest.

    `ids` (n,) int64 ascending, `vectors` (n, d) float32, unit norm.
    """

    exclude: Int64
    ids: Int64
    vectors: Float32


@dataclass(frozen=True, slots=True)
class RootRow:
    """An indexed folder; `scanned_at` UTC, ISO 8601, None before the first complete scan."""

    path: str
    ignores: tuple[str, ...]
    scanned_at: str | None


class Snapshot(TokenReads):
    """Reads inside one transaction: every answer belongs to the same state of the catalog."""

    # -- the store ------------------------------------------------------------------------------------------

    def meta(self, key: str) -> str | None:
        """A value of the `meta` table."""
        return self._connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar()

    @property
    def generation(self) -> int:
        """The counter that grows with every change that a search could see."""
        return int(self.meta("generation") or 0)

    def required_encoder(self) -> tuple[int, EncoderId]:
        """As `active_encoder`. Raises StoreMissingError before anything was encoded."""
        active = self.active_encoder()
        if active is None:
            raise StoreMissingError("This index is empty; fill it with `search index FOLDER`.")
        return active

    def active_encoder(self) -> tuple[int, EncoderId] | None:
        """Row id and identity of the encoder that answers queries; None before anything was encoded."""
        key = self.meta("encoder")
        if key is None:
            return None
        text = self._connection.execute(select(encoder.c.identity).where(encoder.c.id == int(key))).scalar()
        if text is None:
            raise StoreDamagedError("The catalog names an encoder that it does not hold; run `search doctor --repair`.")
        try:
            return int(key), EncoderId.from_json(text)
        except (ValueError, KeyError, TypeError) as error:
            raise StoreDamagedError(
                f"The catalog's record of its encoder cannot be read ({error}); run `search index --reencode`."
            ) from error

    def encoder_id(self, identity: EncoderId) -> int | None:
        """Row id of an encoder, if the store has met it."""
        statement = select(encoder.c.id).where(encoder.c.identity == identity.to_json())
        return self._connection.execute(statement).scalar()

    def roots(self) -> list[RootRow]:
        """The indexed folders, by path."""
        rows = self._connection.execute(select(root).order_by(root.c.path))
        return [RootRow(row.path, tuple(json.loads(row.ignores)), row.scanned_at) for row in rows]

    def counts(self) -> dict[str, int]:
        """How much there is: visible `image` and `text` items; `failed`, `vanished` and `other` files."""
        counts: dict[str, int] = {kind: self.total(kind) - self._hidden(kind) for kind in KINDS}
        for state in ("failed", "vanished"):
            of_state = select(func.count()).select_from(file).where(ABSENT, file.c.state == state)
            counts[state] = self._connection.execute(of_state).scalar_one()
        others = select(func.count()).select_from(file).where(file.c.role == "other", file.c.state == "present")
        counts["other"] = self._connection.execute(others).scalar_one()
        return counts

    # -- files ----------------------------------------------------------------------------------------------

    def files_page(
        self, folder: str, encoder_row: int | None, after: str | None, limit: int, *, tokens: bool = False
    ) -> list[FileRow]:
        """Files at or below `folder` whose path is above `after`, ascending by the bytes of their paths."""
        low, high = bounds(folder)
        encoded: ColumnElement[bool] = exists().where(
            vector.c.content_id == file.c.content_id, vector.c.encoder_id == encoder_row
        )
        if tokens:
            encoded &= exists().where(token.c.content_id == file.c.content_id, token.c.encoder_id == encoder_row)
        key = type_coerce(file.c.path, NullType)  # the bytes as they are
        columns = (key, file.c.size, file.c.mtime_ns, file.c.id, file.c.role, file.c.state, file.c.reason)
        statement = select(*columns, type_coerce(encoded, Integer))
        rows: list[FileRow] = []
        if after is None:  # the root may be a single file
            rows = [FileRow._make(row) for row in self._connection.execute(statement.where(file.c.path == folder))]
        page = (
            statement.where(file.c.path > (low if after is None else after), file.c.path < high)
            .order_by(file.c.path)
            .limit(limit)
        )
        return rows + list(map(FileRow._make, self._connection.execute(page)))

    def failures(self) -> list[tuple[str, str]]:
        """(path, reason) of every file whose last reading failed, by path."""
        statement = select(file.c.path, file.c.reason).where(file.c.reason.is_not(None)).order_by(file.c.path)
        return [(path, reason) for path, reason in self._connection.execute(statement)]

    def content_of(self, digest: bytes, encoder_row: int) -> int | None:
        """Row id of the content with this digest, if it has a vector under the encoder."""
        statement = (
            select(content.c.id)
            .join(vector, and_(vector.c.content_id == content.c.id, vector.c.encoder_id == encoder_row))
            .where(content.c.digest == digest)
        )
        return self._connection.execute(statement).scalar()

    def contents_known(self, digests: Sequence[bytes], encoder_row: int) -> dict[bytes, int]:
        """Row ids of those contents of these digests that have a vector under the encoder."""
        known: dict[bytes, int] = {}
        for start in range(0, len(digests), CHUNK):
            statement = (
                select(content.c.digest, content.c.id)
                .join(vector, and_(vector.c.content_id == content.c.id, vector.c.encoder_id == encoder_row))
                .where(content.c.digest.in_(digests[start : start + CHUNK]))
            )
            known.update((digest, number) for digest, number in self._connection.execute(statement))
        return known

    def photo_of(self, content_id: int) -> Metadata | None:
        """What a photograph says about itself."""
        row = self._connection.execute(select(photo).where(photo.c.content_id == content_id)).first()
        return None if row is None else _metadata_of(row)

    def content_at(self, path: str, encoder_row: int) -> int | None:
        """Row id of the content of the photograph at a path, if it has a vector under the encoder."""
        statement = (
            select(file.c.content_id)
            .join(vector, and_(vector.c.content_id == file.c.content_id, vector.c.encoder_id == encoder_row))
            .where(file.c.path == path, file.c.state == "present")
        )
        return self._connection.execute(statement).scalar()

    # -- items ----------------------------------------------------------------------------------------------

    def count(self, kind: Kind, encoder_row: int) -> int:
        """How many visible items of a kind have a vector.

        Where every content has one, as nearly always, it is told from numbers that are kept, without a look at each.
        """
        contents = self._connection.execute(select(func.count()).select_from(content)).scalar_one()
        encoded = select(func.count()).select_from(vector).where(vector.c.encoder_id == encoder_row)
        if self._connection.execute(encoded).scalar_one() == contents:
            return self.total(kind) - self._hidden(kind)
        return self._connection.execute(
            select(func.count()).select_from(self._visible(kind, encoder_row).subquery())
        ).scalar_one()

    def _hidden(self, kind: Kind) -> int:
        """How many items of a kind are not visible: those of absent files, and texts about vanished ones."""
        absent = item.c.file_id.in_(select(file.c.id).where(ABSENT))
        about = item.c.about.in_(select(file.c.path).where(ABSENT, file.c.state == "vanished"))
        return self._connection.execute(
            select(func.count()).select_from(item).where(of_kind(kind), or_(absent, about))
        ).scalar_one()

    def _visible(self, kind: Kind, encoder_row: int, *which: ColumnElement[bool]) -> Select[int, bytes]:
        return (
            select(item.c.id, vector.c.data)
            .join(file, file.c.id == item.c.file_id)
            .join(vector, and_(vector.c.content_id == item.c.content_id, vector.c.encoder_id == encoder_row))
            .where(of_kind(kind), VISIBLE, *which)
        )

    def vectors(
        self, kind: Kind, encoder_row: int, dimension: int, batch: int = 8_192
    ) -> Iterator[tuple[Int64, Float32]]:
        """Visible items, ascending by id, in batches.

        Yields ids (n,) int64 and vectors (n, d) float32, unit norm. Raises StoreDamagedError on a wrong length.
        """
        position = -1
        while True:
            statement = self._visible(kind, encoder_row, item.c.id > position).order_by(item.c.id).limit(batch)
            rows = self._connection.execute(statement).all()
            if rows:
                yield np.array([row.id for row in rows], np.int64), _stack([row.data for row in rows], dimension)
            if len(rows) < batch:
                return
            position = rows[-1].id

    def sample(self, kind: Kind, encoder_row: int, dimension: int, count: int) -> tuple[int, Float32]:
        """How many items of a kind there are, and the vectors (n, d) float32 of at most `count` visible ones.

        Up to `count` items: all of them, and their number exactly. Beyond: those at ids drawn over the whole range, the
        same each time for one state of the catalog. The cost is that of so many rows, whatever the size of the store.
        """
        total = self.total(kind)
        highest = self._connection.execute(select(func.max(item.c.id))).scalar() or 0
        if total <= count:
            ids = list(self._connection.execute(select(item.c.id).where(item.c.kind == kind)).scalars())
        elif highest <= SPARSE * total:
            ids = spread(highest, count * highest // total).tolist()
        else:  # few among many of the other kind: to draw among their own positions costs less
            own = np.fromiter(
                self._connection.execute(select(item.c.id).where(item.c.kind == kind)).scalars(), np.int64
            )
            ids = np.sort(own)[spread(len(own), count) - 1].tolist()
        found: list[tuple[int, bytes]] = []
        for chunk in chunks(ids):
            statement = self._visible(kind, encoder_row, item.c.id.in_(chunk))
            found += [(number, data) for number, data in self._connection.execute(statement)]
        if len(found) > count:
            found = [found[position - 1] for position in spread(len(found), count).tolist()]
        vectors = _stack([data for _, data in sorted(found)], dimension)
        return (len(vectors) if total <= count else total), vectors

    def total(self, kind: Kind) -> int:
        """How many items of a kind there are, visible or not. A batch keeps the number; an older store has to count."""
        kept = self.meta(f"{ITEMS}{kind}")
        if kept is not None and kept.isdigit():
            return int(kept)
        return self._connection.execute(select(func.count()).where(item.c.kind == kind)).scalar_one()

    def changed_count(self, kind: Kind, generation: int) -> int:
        """How many items of a kind changed or went after a generation."""
        total = 0
        for table in (item, tombstone):
            statement = (
                select(func.count()).select_from(table).where(table.c.kind == kind, table.c.generation > generation)
            )
            total += self._connection.execute(statement).scalar_one()
        return total

    def changes_since(self, kind: Kind, generation: int, encoder_row: int, dimension: int) -> Changes:
        """What an index of `generation` misses, held in memory: meant for the few items of an index's tail."""
        changed = select(item.c.id).where(item.c.kind == kind, item.c.generation > generation)
        ids = sorted(self._connection.execute(changed).scalars())
        gone = self._connection.execute(
            select(tombstone.c.item_id).where(tombstone.c.kind == kind, tombstone.c.generation > generation)
        ).scalars()
        found: list[tuple[int, bytes]] = []
        for chunk in chunks(ids):
            statement = self._visible(kind, encoder_row, item.c.id.in_(chunk)).order_by(item.c.id)
            found += [(number, data) for number, data in self._connection.execute(statement)]
        return Changes(
            np.sort(np.array([*ids, *gone], np.int64)),
            np.array([number for number, _ in found], np.int64),
            _stack([data for _, data in found], dimension),
        )

    def vectors_of(self, ids: Sequence[int], encoder_row: int, dimension: int) -> dict[int, Float32]:
        """Vectors (d,) float32 of visible items; ids that are gone are left out."""
        found: dict[int, Float32] = {}
        for chunk in chunks(ids):
            statement = (
                select(item.c.id, vector.c.data)
                .join(file, file.c.id == item.c.file_id)
                .join(vector, and_(vector.c.content_id == item.c.content_id, vector.c.encoder_id == encoder_row))
                .where(item.c.id.in_(chunk), VISIBLE)
            )
            for row in self._connection.execute(statement):
                found[row.id] = _stack([row.data], dimension)[0]
        return found

    def vector_of_content(self, content_id: int, encoder_row: int, dimension: int) -> Float32:
        """The vector (d,) float32, unit norm, of a content that has one."""
        return self.vectors_of_contents([content_id], encoder_row, dimension)[content_id]

    def vectors_of_contents(self, content_ids: Sequence[int], encoder_row: int, dimension: int) -> dict[int, Float32]:
        """Vectors (d,) float32, unit norm, by content; those that have none are left out."""
        found: dict[int, Float32] = {}
        for chunk in chunks(content_ids):
            statement = select(vector.c.content_id, vector.c.data).where(
                vector.c.content_id.in_(chunk), vector.c.encoder_id == encoder_row
            )
            for number, data in self._connection.execute(statement):
                found[number] = _stack([data], dimension)[0]
        return found

    def items(self, ids: Sequence[int]) -> dict[int, ItemRow]:
        """What hits show, for visible items; ids that are gone are left out."""
        found: dict[int, ItemRow] = {}
        for chunk in chunks(ids):
            statement = (
                select(item.c.id, item.c.kind, item.c.text, item.c.about, file.c.path.label("source"), photo)
                .join(file, file.c.id == item.c.file_id)
                .join(photo, photo.c.content_id == item.c.content_id, isouter=True)
                .where(item.c.id.in_(chunk), VISIBLE)
            )
            for row in self._connection.execute(statement):
                found[row.id] = ItemRow(
                    row.id, row.kind, row.about or row.source, row.text, row.source, _metadata_of(row)
                )
        return found

    def texts_to_encode(self, encoder_row: int, *, tokens: bool) -> array[int]:
        """Content ids of texts without a vector under the encoder; `tokens`: or without tokens. Ascending.

        All at once, eight bytes each: a walk over all texts that is taken up again for every page would grow with the
        square of their number.
        """
        complete: ColumnElement[bool] = exists().where(
            vector.c.content_id == item.c.content_id, vector.c.encoder_id == encoder_row
        )
        if tokens:
            complete &= exists().where(token.c.content_id == item.c.content_id, token.c.encoder_id == encoder_row)
        statement = select(item.c.content_id).distinct().where(item.c.kind == "text", ~complete)
        return array("q", sorted(self._connection.execute(statement).scalars()))

    def texts_of_contents(self, content_ids: Sequence[int]) -> list[str]:
        """The texts with these contents, in their order; one that is gone is left out."""
        texts: dict[int, str] = {}
        for chunk in chunks(content_ids):
            statement = select(item.c.content_id, item.c.text).where(item.c.content_id.in_(chunk), of_kind("text"))
            texts.update((number, text) for number, text in self._connection.execute(statement))
        return [texts[number] for number in content_ids if number in texts]

    def count_without_vector(self, encoder_row: int) -> int:
        """How many visible items have no vector under the encoder."""
        statement = (
            select(func.count())
            .select_from(item)
            .join(file, file.c.id == item.c.file_id)
            .where(
                VISIBLE,
                ~exists().where(vector.c.content_id == item.c.content_id, vector.c.encoder_id == encoder_row),
            )
        )
        return self._connection.execute(statement).scalar_one()

    # -- checks ---------------------------------------------------------------------------------------------

    def damaged_vectors(self, batch: int = 4_096) -> Iterator[tuple[int, int]]:
        """(content id, encoder id) of vectors whose bytes do not have their checksum. Reads the whole table."""
        last = (-1, -1)
        while True:
            after = or_(
                vector.c.content_id > last[0],
                and_(vector.c.content_id == last[0], vector.c.encoder_id > last[1]),
            )
            statement = select(vector).where(after).order_by(vector.c.content_id, vector.c.encoder_id).limit(batch)
            rows = self._connection.execute(statement).all()
            for row in rows:
                if zlib.crc32(row.data) != row.crc:
                    yield row.content_id, row.encoder_id
            if len(rows) < batch:
                return
            last = (rows[-1].content_id, rows[-1].encoder_id)

    def integrity(self) -> list[str]:
        """What SQLite's own checks say; empty when all is well."""
        rows = self._connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        problems = [str(row) for row in rows if row != "ok"]
        broken = self._connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        return problems + [f"a row of {row[0]} refers to a row of {row[2]} that is not there" for row in broken]


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


def _stack(blobs: Sequence[bytes], dimension: int) -> Float32:
    joined = b"".join(blobs)
    if any(len(blob) != 4 * dimension for blob in blobs):
        raise StoreDamagedError("The catalog holds a vector of the wrong length; run `search doctor --repair`.")
    return np.frombuffer(joined, "<f4").reshape(len(blobs), dimension).astype(np.float32)  # (n, d)


def _metadata_of(row: Row) -> Metadata | None:  # type: ignore[type-arg]
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
