"""The encoder of a run: the store's own, its first one, or one that takes another's place when all is encoded anew."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.catalog.catalog import Catalog
from indexer.catalog.encoders import Encoders
from indexer.catalog.orphans import Orphans
from indexer.catalog.tokens import Tokens
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import Encoder
from indexer.errors import EncoderMismatchError
from indexer.store import Store


def register(store: Store, encoder: Encoder, *, reencode: bool) -> int:
    """Row id of the encoder; the store's first encoder is the one that answers from now on.

    Raises EncoderMismatchError for another one than the store's, unless it is to take its place (`reencode`).
    """
    catalog, identity = store.catalog, encoder.identity
    with catalog.snapshot() as snapshot:
        active = Encoders(snapshot).active()
    if active is not None and active[1].matches(identity):
        if reencode:
            _give_up_others(catalog, active[0])
        return active[0]
    if active is not None and not reencode:
        raise EncoderMismatchError(
            f"{store} was made with the encoder {active[1].name} ({active[1].weights[:12]}), not "
            f"{identity.name} ({identity.weights[:12]}); run "
            f"`open(..., encoder={identity.name!r}).index(reencode=True)` to encode it anew."
        )
    with catalog.batch() as batch:
        was_quicker = active is None and Encoders(batch).active() is not None
        if not was_quicker:
            row = Encoders(batch).add(identity)
            if active is None:
                Encoders(batch).activate(row)
    if was_quicker:  # another run, which begins the store at the same time
        return register(store, encoder, reencode=reencode)
    _give_up_others(catalog, row)
    return row


def choose_tokens(catalog: Catalog, encoder: Encoder, encoder_row: int, asked: bool | None) -> bool:
    """Whether tokens are kept: not where the encoder yields none, or the store is to do without. `asked`: what the
    store is to do from now on; None: as before."""
    shape = encoder.token_shape
    with catalog.snapshot() as snapshot:
        wanted = Tokens(snapshot).wanted
        recorded = Tokens(snapshot).shape(encoder_row)
    if asked is not None and asked != wanted:
        with catalog.batch() as batch:
            Tokens(batch).want(asked)
        wanted = asked
    if shape is None or not wanted:
        return False
    if recorded != shape:
        with catalog.batch() as batch:
            Tokens(batch).set_shape(encoder_row, shape)
    return True


@dataclass(frozen=True, slots=True)
class Switched:
    """Which encoder `answers` now, by name, and which one it `replaced`; `kept_back`: a sentence where it could not
    take its place."""

    answers: str
    replaced: str | None = None
    kept_back: str | None = None


def switch(catalog: Catalog, encoder_row: int) -> Switched:
    """Let this encoder answer, where everything has a vector of it."""
    with catalog.snapshot() as snapshot:
        active = Encoders(snapshot).required()
        if active[0] == encoder_row:
            return Switched(active[1].name)
        left = Vectors(snapshot).count_missing(encoder_row)
    if left:
        told = (
            f"{left:,} items could not be encoded anew (their files are not there or do not read), so the store "
            "still answers with its former encoder; bring them back or take them out (`forget(PATH)`), then run it "
            "again."
        )
        return Switched(active[1].name, kept_back=told)
    with catalog.batch() as batch:
        Encoders(batch).activate(encoder_row)
        return Switched(Encoders(batch).required()[1].name, active[1].name)


def _give_up_others(catalog: Catalog, row: int) -> None:
    """Another change of encoder that was begun and not finished is not gone on with."""
    with catalog.snapshot() as snapshot:
        others = Orphans(snapshot).encoders(row)
    if others:
        with catalog.batch() as batch:
            Orphans(batch).delete_encoders(row)
