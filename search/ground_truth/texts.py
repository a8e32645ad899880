"""Vectors and word tokens of the texts of a ground truth: from the store where it has them, the rest encoded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indexer.catalog.contents import Contents
from indexer.catalog.tokens import Tokens
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import Encoder, TokenShape
from indexer.encoders.batches import encode_texts
from indexer.encoders.templates import class_name_forms, ensemble
from indexer.text import text_digest
from indexer.types import Float32, Int8
from search.query.class_names import is_class_name

#: The vector (d,) float32 and the words (t, w) int8 of a text.
StoredText = tuple[Float32, Int8]


def text_vectors(texts: Sequence[str], encoder: Encoder, snapshot: Transaction, encoder_row: int) -> Float32:
    """(t, d) float32, unit norm: from the store for texts that it holds, the rest encoded in full batches."""
    dimension = encoder.identity.dimension
    vectors = np.empty((len(texts), dimension), np.float32)  # (t, d)
    digests = [text_digest(text) for text in texts]
    known = Contents(snapshot).with_vectors(digests, encoder_row)
    stored = Vectors(snapshot).of_contents(list(known.values()), encoder_row, dimension)
    missing = []
    for position, digest in enumerate(digests):
        vector = stored.get(known.get(digest, -1))
        if vector is None:
            missing.append(position)
        else:
            vectors[position] = vector
    vectors[missing] = encode_texts(encoder, [texts[position] for position in missing]).vectors
    return vectors


def query_vectors(texts: Sequence[str], vectors: Float32, encoder: Encoder) -> Float32:
    """(t, d) float32, unit norm: what texts with these `vectors` (t, d) are asked for with: names of things in the
    encoder's templates."""
    found = vectors.copy()
    names = [position for position, text in enumerate(texts) if is_class_name(text)]
    forms = [class_name_forms(encoder, texts[position], None)[1:] for position in names]
    others = encode_texts(encoder, [form for one in forms for form in one]).vectors
    start = 0
    for position, one in zip(names, forms, strict=True):
        if one:
            found[position] = ensemble(
                np.concatenate([vectors[position : position + 1], others[start : start + len(one)]])
            )
            start += len(one)
    return found


def stored_texts(
    texts: Sequence[str], snapshot: Transaction, encoder_row: int, dimension: int, shape: TokenShape
) -> dict[str, StoredText]:
    """Those of the texts that the store holds with tokens of this shape."""
    if Tokens(snapshot).shape(encoder_row) != shape:
        return {}
    digests = {text: text_digest(text) for text in texts}
    known = Contents(snapshot).with_vectors(list(digests.values()), encoder_row)
    vectors = Vectors(snapshot).of_contents(list(known.values()), encoder_row, dimension)
    tokens = Tokens(snapshot).of_contents(list(known.values()), encoder_row, shape.width)
    numbers = {text: known[digest] for text, digest in digests.items() if digest in known}
    whole = vectors.keys() & tokens.keys()
    return {text: (vectors[number], tokens[number]) for text, number in numbers.items() if number in whole}


def word_tokens(texts: Sequence[str], encoder: Encoder, snapshot: Transaction, encoder_row: int) -> list[Int8]:
    """Word tokens (t, w) int8 of each text: from the store where it has them, the rest encoded in full batches."""
    shape = encoder.token_shape
    assert shape is not None
    stored = stored_texts(texts, snapshot, encoder_row, encoder.identity.dimension, shape)
    found = {text: tokens for text, (_, tokens) in stored.items()}
    missing = [text for text in dict.fromkeys(texts) if text not in found]
    found.update(zip(missing, encode_texts(encoder, missing, tokens=True).tokens or (), strict=True))
    return [found[text] for text in texts]
