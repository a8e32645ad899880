"""A store goes over to an encoder whose vectors follow from those that it has: they are mapped, and nothing is read.

vectors and tokens of the base (catalog) -> `MapsVectors.of_base` -> vectors of the encoder (catalog), a batch at a time

What has no vector of the base, or a damaged one, is left to the run, which encodes it. Killed between two batches, it
goes on with what is left.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from indexer.catalog.carried import Carried
from indexer.catalog.catalog import Catalog
from indexer.catalog.tokens import Tokens
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import Encoder, MapsVectors
from indexer.progress import Progress
from indexer.types import KINDS, Float32

#: Contents of one transaction.
BATCH: Final = 512


def carry_over(catalog: Catalog, encoder: Encoder, encoder_row: int, progress: Progress, *, tokens: bool) -> int:
    """Map what the store has of the encoder's base, where `encoder` has one and the store has vectors of it; `tokens`:
    those are kept too. Returns how many contents got their vectors so. Raises EncoderError, StoreError."""
    if not isinstance(encoder, MapsVectors):
        return 0
    with catalog.snapshot() as snapshot:
        base_row = Carried(snapshot).row_of(encoder.base)
        if base_row is None or base_row == encoder_row:
            return 0
        shape = encoder.token_shape if tokens else None
        if shape is not None and Tokens(snapshot).shape(base_row) != shape:
            return 0  # of another recipe: the photographs have to be read anyway
    width = None if shape is None else shape.width
    after, carried = -1, 0
    progress.phase("Mapping vectors that are there")
    while True:
        with catalog.snapshot() as snapshot:
            found = Carried(snapshot).lacking(base_row, encoder_row, after, BATCH)
            numbers = [number for number, _ in found]
            held = Vectors(snapshot).of_contents(numbers, base_row, encoder.base.dimension)
            kept = {} if width is None else Tokens(snapshot).of_contents(numbers, base_row, width)
        vectors: dict[int, Float32] = {}
        for kind in KINDS:
            own = [number for number, each in found if each == kind and number in held]
            if own:
                mapped = encoder.of_base(np.stack([held[number] for number in own]), kind)  # (n, d)
                vectors |= dict(zip(own, mapped, strict=True))
        with catalog.batch() as batch:
            Vectors(batch).add(encoder_row, vectors)
            Tokens(batch).add(encoder_row, {number: each for number, each in kept.items() if number in vectors})
        carried += len(vectors)
        if len(found) < BATCH:
            return carried
        after = numbers[-1]
