"""Many images as vectors: those that are indexed from the catalog, the others decoded on all cores and encoded in
batches."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from indexer.catalog.catalog import Catalog
from indexer.catalog.contents import Contents
from indexer.catalog.encoders import Encoders
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import Encoder
from indexer.encoders.batches import encode_images
from indexer.settings import DecodeLimits
from indexer.types import Float32, Pixels
from search.computing import map_parts
from search.engine.query_image import content_of, naming, pixels_of
from search.query.query import Query

if TYPE_CHECKING:
    from search.query.pictures import Picture


def embed_images(images: Sequence[Picture], encoder: Encoder, catalog: Catalog) -> Float32:
    """(n, d) float32, unit norm: as a query by each of them has it, but for the last bits (a batch's). All are in
    memory at once.

    Raises PathNotFoundError, and FileError for the first that is no image that can be read.
    """
    limits = DecodeLimits()
    terms = [Query(image=image).terms[0] for image in images]
    contents = map_parts(lambda term: content_of(term, limits), terms)
    digests = [hashlib.sha256(content).digest() for content in contents]
    found = _known(digests, encoder, catalog)
    missing = {digest: place for place, digest in enumerate(digests) if digest not in found}  # each content once

    def decoded(place: int) -> Pixels:
        with naming(terms[place]):
            return pixels_of(contents[place], limits, encoder)

    places = list(missing.values())
    encoded = encode_images(encoder, map_parts(decoded, places)).vectors
    found |= {digests[place]: vector for place, vector in zip(places, encoded, strict=True)}
    return np.array([found[digest] for digest in digests], np.float32).reshape(len(terms), encoder.identity.dimension)


def _known(digests: Sequence[bytes], encoder: Encoder, catalog: Catalog) -> dict[bytes, Float32]:
    """The stored vectors of those that are indexed."""
    with catalog.snapshot() as snapshot:
        row, active = Encoders(snapshot).required()
        if not active.matches(encoder.identity):
            return {}
        contents = Contents(snapshot).with_vectors(list(dict.fromkeys(digests)), row)
        vectors = Vectors(snapshot).of_contents(list(contents.values()), row, encoder.identity.dimension)
    return {digest: vectors[number] for digest, number in contents.items() if number in vectors}
