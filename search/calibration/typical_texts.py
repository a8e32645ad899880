"""What the similarities of texts that say nothing of each other look like under an encoder.

A handful of captions says too little about that: of three, none can stand out from the others, even if it is the very
words that were asked for. So the encoder is asked about sentences that have nothing in common.
"""

from __future__ import annotations

import numpy as np

from indexer.encoders.base import Encoder
from indexer.encoders.batches import encode_texts
from search.calibration.curve import TypicalBackground

#: Of many subjects and lengths, as captions and queries are; 276 pairs.
SENTENCES = (
    "a red bicycle leans against a wall",
    "two children build a castle in the sand",
    "birthday",
    "the kitchen of our new flat, before we painted it",
    "a plane takes off at night",
    "an old man reads a newspaper on a bench",
    "mountains",
    "a bowl of soup with bread",
    "my sister's wedding in June",
    "a herd of sheep crosses the road",
    "invoice for the repair of the roof",
    "a surfer rides a high wave",
    "black cat",
    "people wait for the tram in the rain",
    "the opening concert of the festival",
    "close-up of a yellow flower with a bee",
    "football match, second half",
    "a laptop and a cup of coffee on a desk",
    "snow on the old bridge",
    "grandfather's watch",
    "a market stall full of oranges",
    "a train station at rush hour",
    "the dog sleeps on the sofa",
    "a lighthouse at the end of the pier",
)


def typical_of_texts(encoder: Encoder) -> TypicalBackground:
    """Mean and spread over the pairs of SENTENCES. Raises EncoderError."""
    vectors = encode_texts(encoder, SENTENCES).vectors.astype(np.float64)  # (n, d)
    pairs = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    return TypicalBackground(float(pairs.mean()), float(pairs.std()))
