"""Vectors and tokens: which are damaged, and which are missing."""

from __future__ import annotations

from collections.abc import Iterator

from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.catalog.tokens import Tokens
from indexer.catalog.vectors import Vectors
from indexer.doctor.finding import Finding
from indexer.encoders.base import EncoderId, TokenShape
from indexer.errors import EncoderUnavailableError
from indexer.store import Store
from indexer.types import KINDS


def check_vectors(store: Store) -> Iterator[Finding]:
    with store.catalog.snapshot() as snapshot:
        damaged = list(Vectors(snapshot).damaged())
        if damaged:
            yield Finding(
                "vectors",
                f"{len(damaged)} embeddings do not have their checksum",
                "`repair()` removes them, `index()` makes them again",
            )
        active = Encoders(snapshot).active()
        missing = 0 if active is None else Vectors(snapshot).count_missing(active[0])
        if missing:
            yield Finding(
                "vectors",
                f"{missing} items have no embedding and are not found",
                "`index()` makes them",
                grave=False,
            )


def check_tokens(store: Store) -> Iterator[Finding]:
    with store.catalog.snapshot() as snapshot:
        damaged = sum(1 for _ in Tokens(snapshot).damaged())
        if damaged:
            yield Finding(
                "tokens",
                f"the tokens of {damaged} photographs or texts do not have their checksum, so that reranking passes "
                "over them",
                "`repair()` removes them, `index()` makes them again",
            )
        active = Encoders(snapshot).active()
        if active is None or not Tokens(snapshot).wanted:
            return
        row, identity = active
        recorded = Tokens(snapshot).shape(row)
        shape = _bundled_shape(identity) or recorded
        if shape is None:  # as far as can be told without loading it, the encoder yields none
            return
        if shape == recorded:
            missing = Tokens(snapshot).count_without(row)
        else:
            missing = sum(Items(snapshot).count(kind) for kind in KINDS)
        if missing:
            yield Finding(
                "tokens",
                f"{missing} items have no tokens and are not reranked",
                "`index()` adds them",
                grave=False,
            )


def _bundled_shape(identity: EncoderId) -> TokenShape | None:
    """The shape of the shipped encoder's tokens, when a store was made with it."""
    from indexer.encoders.graph_model import BUNDLED, bundled_folder, read_model

    if identity.name != BUNDLED:
        return None
    try:
        model = read_model(bundled_folder())
    except EncoderUnavailableError:
        return None
    return model.tokens if model.identity.matches(identity) else None


def mend_vectors(store: Store) -> Iterator[Finding]:
    """Let go of vectors and tokens that are not what was written."""
    with store.catalog.snapshot() as snapshot:
        damaged = list(Vectors(snapshot).damaged())
        tokens = list(Tokens(snapshot).damaged())
    if not (damaged or tokens):
        return
    with store.catalog.batch() as batch:
        Vectors(batch).delete(damaged)
        Tokens(batch).delete(tokens)
    if tokens:
        yield Finding(
            "tokens",
            f"the tokens of {len(tokens)} photographs or texts did not have their checksum",
            "removed; `index()` makes them again",
        )
    if damaged:
        yield Finding(
            "vectors",
            f"{len(damaged)} embeddings did not have their checksum",
            "removed; `index()` makes them again",
        )
