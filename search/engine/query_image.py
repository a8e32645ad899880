"""The embedding of a query image: from the catalog when its content is indexed, else decoded and encoded."""

from __future__ import annotations

import hashlib

import numpy as np

from indexer.catalog.contents import Contents
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import Encoder
from indexer.errors import FileError
from indexer.images.decoder import decode, read_file
from indexer.images.preprocess import to_pixels
from indexer.settings import DecodeLimits
from indexer.types import Candidate, Float32, Int8
from search.rerank.stage import TokenSource


def embed_image(path: str, encoder: Encoder, source: TokenSource, *, tokens: bool) -> tuple[Float32, Int8 | None]:
    """The image's vector (d,) float32, unit norm, and where `tokens` are wanted and to be had, its (r, w) int8.

    Raises FileError when the file is no image that can be read.
    """
    try:
        return _embed(path, encoder, source, tokens)
    except FileError as error:
        raise type(error)(f"The query image {path} cannot be used: {error}.") from error


def _embed(path: str, encoder: Encoder, source: TokenSource, tokens: bool) -> tuple[Float32, Int8 | None]:
    limits = DecodeLimits()
    data = read_file(Candidate.at(path), limits)
    identity = encoder.identity
    snapshot, row = source.snapshot, source.encoder_row
    digest = hashlib.sha256(data).digest()
    content_id = Contents(snapshot).with_vectors([digest], row).get(digest)
    if content_id is not None:  # no image tower has to be loaded for it
        vector = Vectors(snapshot).of_contents([content_id], row, identity.dimension)[content_id]
        return vector, source.of_content(content_id) if tokens else None
    preprocessing = identity.preprocessing
    pixels = to_pixels(decode(data, limits, (preprocessing.width, preprocessing.height)), preprocessing)
    batch = np.ascontiguousarray(pixels[None])  # (1, height, width, 3) uint8
    encoded = encoder.encode_images(batch, tokens=tokens)
    return encoded.vectors[0], encoded.tokens[0] if encoded.tokens else None
