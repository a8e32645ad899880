"""The embedding of a query image: from the catalog when its content is indexed, or it is named by its id there; else
decoded and encoded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from indexer.catalog.catalog import Catalog
from indexer.catalog.contents import Contents
from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.encoders.answers import ask_images
from indexer.encoders.base import Encoder
from indexer.errors import (
    DamagedImageError,
    EncoderMismatchError,
    FileError,
    ImageTooLargeError,
    PathNotFoundError,
    UnreadableFileError,
    UsageError,
)
from indexer.images.decoder import decode, read_file
from indexer.images.preprocess import to_pixels
from indexer.settings import DecodeLimits
from indexer.types import Candidate, Float32, Int8, Pixels
from search.query.terms import Term
from search.rerank.stage import TokenSource


@dataclass(frozen=True, slots=True)
class QueryImage:
    """A query image: `vector` (d,) float32, unit norm; `tokens` (r, w) int8 where they are wanted and to be had;
    `content_id` where it is indexed. `path`: where its file was, of one that is named by its id."""

    vector: Float32
    tokens: Int8 | None
    content_id: int | None = None
    path: str | None = None


def embed_image(term: Term, encoder: Encoder, catalog: Catalog, *, tokens: bool) -> QueryImage:
    """What an image of a query looks like to the encoder.

    Raises PathNotFoundError, and FileError when it is no image that can be read; UsageError for an id that no
    photograph has.
    """
    if term.item is not None:
        return _of_item(term.item, encoder, catalog, tokens)
    limits = DecodeLimits()
    with naming(term):
        return _embed(_content(term, limits), limits, encoder, catalog, tokens)


@contextmanager
def naming(term: Term) -> Iterator[None]:
    """An error of a file names the image of the query."""
    try:
        yield
    except FileError as error:
        raise type(error)(f"The query image {_label(term)} cannot be used: {error}.") from error


def content_of(term: Term, limits: DecodeLimits) -> bytes:
    """The bytes of the file of an image. Raises PathNotFoundError and FileError."""
    with naming(term):
        return _content(term, limits)


def pixels_of(data: bytes, limits: DecodeLimits, encoder: Encoder) -> Pixels:
    """(height, width, 3) uint8 RGB, as the encoder wants it. Raises FileError."""
    preprocessing = encoder.identity.preprocessing
    return to_pixels(decode(data, limits, (preprocessing.width, preprocessing.height)), preprocessing)


def _label(term: Term) -> str:
    return term.image or term.name


def _content(term: Term, limits: DecodeLimits) -> bytes:
    """The bytes of its file."""
    if term.image is None:
        assert term.image_bytes is not None
        if len(term.image_bytes) > limits.max_bytes:
            raise ImageTooLargeError(
                f"it has {len(term.image_bytes):,} bytes, more than the limit of {limits.max_bytes:,}"
            )
        return term.image_bytes
    try:
        found = Candidate.at(term.image)
    except (FileNotFoundError, NotADirectoryError):
        raise PathNotFoundError(f"The query image {_label(term)} is not there; check the spelling.") from None
    except (OSError, ValueError) as error:
        raise UnreadableFileError(f"it cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return read_file(found, limits)


def _embed(data: bytes, limits: DecodeLimits, encoder: Encoder, catalog: Catalog, tokens: bool) -> QueryImage:
    digest = hashlib.sha256(data).digest()
    known, content_id = _known(digest, encoder, catalog, tokens)
    if known is not None:  # no image tower has to be loaded for it
        return known
    batch = np.ascontiguousarray(pixels_of(data, limits, encoder)[None])  # (1, height, width, 3) uint8
    encoded = ask_images(encoder, batch, tokens=tokens)
    return QueryImage(encoded.vectors[0], encoded.tokens[0] if encoded.tokens else None, content_id)


def _known(digest: bytes, encoder: Encoder, catalog: Catalog, tokens: bool) -> tuple[QueryImage | None, int | None]:
    """What the catalog has of an image; None where it is not indexed, or its vector is damaged. And the row id of its
    content, where it is indexed."""
    with catalog.snapshot() as snapshot:
        row, active = Encoders(snapshot).required()
        if not active.matches(encoder.identity):
            return None, None
        content_id = Contents(snapshot).with_vectors([digest], row).get(digest)
        if content_id is None:
            return None, None
        vector = Vectors(snapshot).of_contents([content_id], row, encoder.identity.dimension).get(content_id)
        if vector is None:
            return None, content_id
        return QueryImage(vector, _tokens(snapshot, row, encoder, content_id, tokens), content_id), content_id


def _of_item(number: int, encoder: Encoder, catalog: Catalog, tokens: bool) -> QueryImage:
    """What the catalog has of an indexed photograph; no file is read for it.

    Raises UsageError where there is none of this id, EncoderMismatchError, DamagedImageError.
    """
    with catalog.snapshot() as snapshot:
        row, active = Encoders(snapshot).required()
        if not active.matches(encoder.identity):
            raise EncoderMismatchError(
                f"like:#{number} cannot be compared: the store has vectors of {active.name} by now, not of "
                f"{encoder.identity.name}; open it again."
            )
        found = Items(snapshot).get([number]).get(number)
        if found is None or found.kind != "image":
            raise UsageError(f"No photograph has the id {number}; take one that an answer gave, as `Hit.id`.")
        content_id, _ = Items(snapshot).identities([number])[number]
        vector = Vectors(snapshot).of_contents([content_id], row, encoder.identity.dimension).get(content_id)
        if vector is None:
            raise DamagedImageError(
                f"The photograph {number} cannot be asked with, because its vector is damaged; `repair()` removes it, "
                "and `index()` makes it anew."
            )
        return QueryImage(vector, _tokens(snapshot, row, encoder, content_id, tokens), content_id, found.path)


def _tokens(snapshot: Transaction, row: int, encoder: Encoder, content_id: int, wanted: bool) -> Int8 | None:
    return TokenSource.open(snapshot, row, encoder).of_content(content_id) if wanted else None
