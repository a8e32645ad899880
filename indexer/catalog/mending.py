"""Making a catalog whole again after rows were lost: what others tell is made anew, what refers to nothing is let go,
and files that lack something are marked, so that the next run reads them.

The rules are those of `completeness.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from indexer.catalog import derived, stored
from indexer.catalog.bounds import HIGHEST
from indexer.catalog.completeness import HOLDS_OTHER, LACKS_IMAGE, MISCOUNTED, SHOWS_OTHER, TO_READ, Completeness
from indexer.catalog.expressions import row_id, upsert
from indexer.catalog.meta import ENCODER, GENERATION, REPAIRED, STORE, SWEEP, Meta
from indexer.catalog.schema import content, encoder, exclusion, file, item, meta, photo, root, token, tombstone, vector
from indexer.catalog.statements import id_chunks
from indexer.catalog.transaction import Part
from indexer.encoders.base import EncoderId
from indexer.text import text_digest
from indexer.types import Kind

#: What tells which encoder made a store's vectors, from the store's id; None where nothing does for certain.
Witness = Callable[[str], EncoderId | None]


def nobody(_store: str) -> None:
    """A witness where there is none."""


#: What refers to what.
_REFERENCES: Final = (
    (vector, vector.c.content_id, content),
    (vector, vector.c.encoder_id, encoder),
    (token, token.c.content_id, content),
    (token, token.c.encoder_id, encoder),
    (photo, photo.c.content_id, content),
    (item, item.c.file_id, file),
    (item, item.c.content_id, content),
)
#: The photographs of files that lack theirs, as rows of `item`.
_IMAGES: Final = (
    ["file_id", "kind", "content_id", "generation"],
    select(file.c.id, literal("image"), file.c.content_id, bindparam("now", type_=Integer))
    .where(LACKS_IMAGE)
    .order_by(file.c.id),
)


class Mending(Part):
    """The steps, in one transaction."""

    def delete(self, damaged: Mapping[str, Sequence[int]], witness: Witness) -> None:
        """Let go of damaged rows (row ids by table); `make_whole` has to follow.

        Contents and encoders, on which embeddings hang, are made anew in their places where something tells what they
        were.
        """
        for table in (meta, root, exclusion, photo, item, file, tombstone):
            for chunk in id_chunks(damaged.get(table.name, ())):
                self._write(delete(table).where(row_id(table).in_(chunk)))
        numbers = damaged.get(encoder.name, ())
        identities = self._identities([number for number in numbers if 0 < number < HIGHEST // 2], witness)
        for number in numbers:
            if number in identities:
                changed = update(encoder).where(encoder.c.id == number)
                self._write(changed.values(identity=identities[number].to_json()))
            else:
                self._write(delete(encoder).where(encoder.c.id == number))
        for chunk in id_chunks(damaged.get(content.name, ())):
            told = self._told([number for number in chunk if 0 < number < HIGHEST // 2])  # others have no place
            for number, (digest, kind) in told.items():
                self._write(update(content).where(content.c.id == number).values(digest=digest, kind=kind))
            lost = set(chunk).difference(told)
            self._write(update(file).where(file.c.content_id.in_(lost)).values(content_id=None))
            self._write(delete(item).where(item.c.content_id.in_(lost)))
            self._write(delete(content).where(content.c.id.in_(lost)))

    def make_whole(self, witness: Witness) -> dict[str, int]:
        """Mend what breaks the rules. Returns how many rows of each table went because they referred to lost ones.

        The store gets an id of its own: no index of what it was before is ever taken for one of this.
        """
        self._transaction.mend_ids()
        self._lower_generations()
        self._make_encoder(witness)
        self._make_contents()
        gone = self._let_go()
        self._separate()
        self._write(insert(item).from_select(*_IMAGES, include_defaults=False), {"now": self._next_generation()})
        self._write(update(file).where(or_(MISCOUNTED, HOLDS_OTHER)).values(size=TO_READ))
        self._set_values()
        derived.make_all(self._transaction)
        return gone

    # -- what others tell -----------------------------------------------------------------------------------

    def _identities(self, numbers: Sequence[int], witness: Witness) -> dict[int, EncoderId]:
        """Of the encoders with these row ids, whose records are lost: the one that answers, where its vectors are
        here and something knows it."""
        active = self._value(ENCODER)
        used = [number for number in numbers if self._read(_vectors_of(number)).first() is not None]
        if str(active) in map(str, used):
            used = [number for number in used if str(number) == active]
        store = self._value(STORE)
        identity = witness(store) if store and len(used) == 1 else None
        if identity is None:
            return {}
        length = self._read(_vectors_of(used[0])).scalar_one()
        return {used[0]: identity} if length == 4 * identity.dimension else {}

    def _make_encoder(self, witness: Witness) -> None:
        lost = self._read(select(vector.c.encoder_id).where(_missing(vector.c.encoder_id, encoder)).distinct())
        for number, identity in self._identities(list(lost.scalars()), witness).items():
            self._write(upsert(encoder, []), {"id": number, "identity": identity.to_json()})

    def _make_contents(self) -> None:
        for column in (file.c.content_id, item.c.content_id):
            which = and_(column.is_not(None), _missing(column, content))
            for chunk in id_chunks(self._read(select(column).distinct().where(which)).scalars().all()):
                told = self._told(chunk)
                rows = [{"id": number, "digest": digest, "kind": kind} for number, (digest, kind) in told.items()]
                if rows:
                    self._write(upsert(content, []), rows)

    def _told(self, content_ids: Sequence[int]) -> dict[int, tuple[bytes, Kind]]:
        """(digest, kind) of contents, as the files that hold them and the texts themselves tell; not of one whose
        digest another content has."""
        told: dict[int, tuple[bytes, Kind]] = {}
        held = select(file.c.content_id, file.c.digest).where(file.c.content_id.in_(content_ids))
        told |= {number: (digest, "image") for number, digest in self._read(held) if digest is not None}
        texts = select(item.c.content_id, item.c.text).where(item.c.content_id.in_(content_ids), item.c.kind == "text")
        told |= {number: (text_digest(text), "text") for number, text in self._read(texts) if text is not None}
        digests = [digest for digest, _ in told.values()]
        taken = select(content.c.digest).where(content.c.digest.in_(digests), content.c.id.not_in(content_ids))
        others = set(self._read(taken).scalars())
        found: dict[bytes, int] = {}
        return {
            number: (digest, kind)
            for number, (digest, kind) in told.items()
            if digest not in others and found.setdefault(digest, number) == number
        }

    # -- what refers to nothing, or to another --------------------------------------------------------------

    def _let_go(self) -> dict[str, int]:
        gone: dict[str, int] = {}
        self._write(update(file).where(_missing(file.c.content_id, content)).values(content_id=None))
        for table, column, parent in _REFERENCES:
            count = self._write(delete(table).where(_missing(column, parent))).rowcount
            gone[table.name] = gone.get(table.name, 0) + count
        return gone

    def _separate(self) -> None:
        """What shows or holds another's content is let go of it."""
        other = select(file.c.id).where(HOLDS_OTHER)
        self._write(delete(item).where(item.c.file_id.in_(other), item.c.kind == "image"))
        self._write(update(file).where(HOLDS_OTHER).values(content_id=None, size=TO_READ))
        shows = select(file.c.id).where(SHOWS_OTHER)
        own = select(file.c.content_id).where(file.c.id == item.c.file_id).scalar_subquery()
        changed = update(item).where(item.c.file_id.in_(shows), item.c.kind == "image")
        self._write(changed.values(content_id=own))
        for chunk in id_chunks(list(Completeness(self._transaction).other_texts())):
            self._write(delete(item).where(item.c.id.in_(chunk)))

    # -- single values --------------------------------------------------------------------------------------

    def _value(self, key: str) -> str | None:
        return self._read(select(meta.c.value).where(meta.c.key == key)).scalar()

    def _next_generation(self) -> int:
        known = stored.whole_number(self._value(GENERATION)) or 0
        return max(known, Completeness(self._transaction).highest_generation()) + 1

    def _lower_generations(self) -> None:
        """Where they are near their end they begin anew: no index of before is used again."""
        if self._next_generation() > HIGHEST // 2:
            self._write(update(item).values(generation=0))
            self._write(delete(tombstone))
            self._write(delete(meta).where(meta.c.key == GENERATION))

    def _set_values(self) -> None:
        values = {STORE: uuid.uuid4().hex, GENERATION: str(self._next_generation()), SWEEP: REPAIRED}
        values |= {key: str(count) for key, count in Completeness(self._transaction).totals().items()}
        encoders = list(map(str, self._read(select(encoder.c.id)).scalars()))
        if self._value(ENCODER) not in encoders:
            self._write(delete(meta).where(meta.c.key == ENCODER))
            if len(encoders) == 1:
                values[ENCODER] = encoders[0]
        for key, value in values.items():
            Meta(self._transaction).set(key, value)


def _missing(column: Column[Any], parent: Table) -> ColumnElement[bool]:
    return ~exists().where(parent.c.id == column)


def _vectors_of(encoder_row: int) -> Select[Any]:
    """Bytes of one vector of an encoder."""
    return select(func.length(vector.c.data)).where(vector.c.encoder_id == encoder_row).limit(1)
