"""Any number of images or texts through an encoder, in batches whose sizes change no bit of a row.

An encoder's last bits may depend on how many rows share a batch, so it always gets full ones, padded in the end. One
whose rows are independent needs no padding, but for two rows at least: a single one, a query's, may run otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from indexer.encoders.answers import ask_images, ask_texts
from indexer.encoders.base import Encoded, Encoder
from indexer.types import Int8, Pixels, Texts

T = TypeVar("T")


def encode_images(encoder: Encoder, images: Sequence[Pixels], *, tokens: bool = False) -> Encoded:
    """`images`: each (height, width, 3) uint8 RGB, as `encoder.identity.preprocessing` says.

    Raises EncoderError for an answer that is not what was promised.
    """
    wanted = encoder.identity.preprocessing
    nothing = np.zeros((wanted.height, wanted.width, 3), np.uint8)
    size = encoder.batch_size if images else 1

    def encode(batch: Sequence[Pixels], kept: int) -> Encoded:
        return ask_images(encoder, np.stack(batch), tokens=tokens, kept=kept)  # (b, h, w, 3)

    return _in_batches(encoder, images, nothing, size, encode, tokens)


def encode_texts(encoder: Encoder, texts: Texts, *, tokens: bool = False) -> Encoded:
    """See `Encoder.encode_texts`. Raises EncoderError for an answer that is not what was promised."""

    def encode(batch: Sequence[str], kept: int) -> Encoded:
        return ask_texts(encoder, batch, tokens=tokens, kept=kept)

    return _in_batches(encoder, texts, "", encoder.text_batch_size if texts else 1, encode, tokens)


def encode_query(encoder: Encoder, texts: Texts, *, tokens: bool = False) -> Encoded:
    """The texts of one query, each in a pass of its own: it has the same bits in every query, and one alone is the
    fastest."""
    if len(texts) == 1:
        return ask_texts(encoder, texts, tokens=tokens)
    return joined([ask_texts(encoder, [text], tokens=tokens) for text in texts], encoder, tokens=tokens)


def encode_forms(encoder: Encoder, forms: Texts, *, tokens: bool = False) -> Encoded:
    """The forms of one class name, in one pass: there are as many of every name, so it has the same bits in every
    query."""
    return ask_texts(encoder, forms, tokens=tokens)


def joined(parts: Sequence[Encoded], encoder: Encoder, *, tokens: bool) -> Encoded:
    """Several answers as one, in their order."""
    vectors = [np.empty((0, encoder.identity.dimension), np.float32), *(each.vectors for each in parts)]
    shown = tokens and encoder.token_shape is not None
    return Encoded(np.concatenate(vectors), [own for each in parts for own in each.tokens or ()] if shown else None)


def try_out(encoder: Encoder) -> None:
    """Encode one picture and one text, before a store takes the encoder for its own. Raises EncoderError."""
    wanted = encoder.identity.preprocessing
    ramp = np.linspace(64, 191, wanted.height * wanted.width * 3).astype(np.uint8)  # neither black nor of one colour
    tokens = encoder.token_shape is not None
    encode_images(encoder, [ramp.reshape(wanted.height, wanted.width, 3)], tokens=tokens)
    encode_texts(encoder, ["a photograph"], tokens=tokens)


def _in_batches(
    encoder: Encoder,
    rows: Sequence[T],
    padding: T,
    size: int,
    encode: Callable[[Sequence[T], int], Encoded],
    tokens: bool,
) -> Encoded:
    vectors = [np.empty((0, encoder.identity.dimension), np.float32)]
    kept: list[Int8] | None = [] if tokens and encoder.token_shape is not None else None
    for start in range(0, len(rows), size):
        chunk = list(rows[start : start + size])
        full = max(2, len(chunk)) if encoder.independent_rows else size
        encoded = encode(chunk + [padding] * (full - len(chunk)), len(chunk))
        vectors.append(encoded.vectors)
        if kept is not None and encoded.tokens is not None:
            kept += encoded.tokens
    return Encoded(np.concatenate(vectors), kept)
