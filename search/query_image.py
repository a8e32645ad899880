"""The embedding of a query image: from the catalog when its content is indexed, else decoded and encoded."""

from __future__ import annotations

import hashlib
import os

import numpy as np

from indexer.catalog.snapshot import Snapshot
from indexer.encoders.base import Encoder
from indexer.errors import FileError
from indexer.images import decode, read_file
from indexer.pixels import to_pixels
from indexer.settings import DecodeLimits
from indexer.types import Candidate, Float32


def embed_image(path: str, encoder: Encoder, snapshot: Snapshot, encoder_row: int) -> Float32:
    """(d,) float32, unit norm. Raises FileError when the file is no image that can be read."""
    try:
        return _embed(path, encoder, snapshot, encoder_row)
    except FileError as error:
        raise type(error)(f"The query image {path} cannot be used: {error}.") from error


def _embed(path: str, encoder: Encoder, snapshot: Snapshot, encoder_row: int) -> Float32:
    limits = DecodeLimits()
    status = os.stat(path)
    data = read_file(Candidate(path, status.st_size, status.st_mtime_ns), limits)
    identity = encoder.identity
    content_id = snapshot.content_of(hashlib.sha256(data).digest(), encoder_row)
    if content_id is not None:  # no image tower has to be loaded for it
        return snapshot.vector_of_content(content_id, encoder_row, identity.dimension)
    preprocessing = identity.preprocessing
    pixels = to_pixels(decode(data, limits, (preprocessing.width, preprocessing.height)), preprocessing)
    vectors = encoder.encode_images(np.ascontiguousarray(pixels[None]))  # (1, d) float32, unit norm
    embedding: Float32 = vectors[0]
    return embedding
