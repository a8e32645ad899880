"""What an encoder gives, checked against what it has promised, before anything of it is kept or compared.

Anyone may write an encoder. One that gives a row too few would shift all that follows, and a NaN matches nothing for
ever, so a wrong answer is an EncoderError and never reaches the catalog.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from indexer.encoders.base import Encoded, Encoder, EncoderId, Preprocessing, TokenShape
from indexer.errors import EncoderError
from indexer.types import Float32, Int8, Kind, Pixels, Texts

#: How far the square of a norm may be from 1: half precision keeps three digits.
NORM_SLACK: Final = 0.01


def check_promises(encoder: Encoder) -> None:
    """Raise EncoderError unless what the encoder says of itself makes sense."""
    identity, shape = encoder.identity, encoder.token_shape
    if not isinstance(identity, EncoderId) or not isinstance(identity.preprocessing, Preprocessing):
        raise EncoderError(
            f"The encoder's `identity` is {_kind(identity)}; it has to be a search.EncoderId with its Preprocessing."
        )
    if not isinstance(identity.name, str) or not isinstance(identity.weights, str) or not identity.weights:
        raise EncoderError(
            f"The `name` and `weights` of {identity!r} have to be words; `weights` say what made a vector."
        )
    if shape is not None and not isinstance(shape, TokenShape):
        raise EncoderError(
            f"The encoder {identity.name} has {_kind(shape)} as `token_shape`, and not a search.TokenShape."
        )
    counts = {
        "identity.dimension": identity.dimension,
        "identity.preprocessing.height": identity.preprocessing.height,
        "identity.preprocessing.width": identity.preprocessing.width,
        "batch_size": encoder.batch_size,
        "text_batch_size": encoder.text_batch_size,
    }
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise EncoderError(
                f"The encoder {identity.name} has {value!r} as `{name}`; that has to be a whole number from 1 on."
            )


def ask_images(encoder: Encoder, pixels: Pixels, *, tokens: bool = False, kept: int | None = None) -> Encoded:
    """`Encoder.encode_images` of one batch: its first `kept` rows (None: all), checked. Raises EncoderError."""
    return _checked(encoder, encoder.encode_images(pixels, tokens=tokens), "image", len(pixels), kept, tokens)


def ask_texts(encoder: Encoder, texts: Texts, *, tokens: bool = False, kept: int | None = None) -> Encoded:
    """`Encoder.encode_texts` of one batch: its first `kept` rows (None: all), checked. Raises EncoderError."""
    return _checked(encoder, encoder.encode_texts(texts, tokens=tokens), "text", len(texts), kept, tokens)


def _checked(encoder: Encoder, encoded: Encoded, kind: Kind, count: int, kept: int | None, tokens: bool) -> Encoded:
    """What the encoder gave for `count` rows, cut to those that are kept: the others are padding."""
    name, shape = encoder.identity.name, encoder.token_shape
    if not isinstance(encoded, Encoded):
        raise EncoderError(
            f"The encoder {name} gave {_kind(encoded)} for a batch of {count} ({kind}s), and not a search.Encoded."
        )
    vectors = _check_vectors(encoded, name, kind, (count, encoder.identity.dimension), kept)
    if not tokens or shape is None:
        return Encoded(vectors)
    return Encoded(vectors, _check_tokens(encoded, name, kind, count, kept, shape))


def _check_vectors(encoded: Encoded, name: str, kind: Kind, wanted: tuple[int, int], kept: int | None) -> Float32:
    vectors = encoded.vectors
    if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32 or vectors.shape != wanted:
        raise EncoderError(
            f"The encoder {name} gave {form(vectors)} for a batch of {wanted[0]} ({kind}s); its vectors have to be an "
            f"array {wanted} float32."
        )
    vectors = vectors[:kept]
    norms = np.einsum("nd,nd->n", vectors, vectors)  # (n,) squared; NaN and infinity show here too
    right = np.abs(norms - 1) <= NORM_SLACK
    if not right.all():
        wrong = int(np.argmin(right))
        said = f"of norm {norms[wrong] ** 0.5:.3g}" if np.isfinite(norms[wrong]) else "that is not a number"
        raise EncoderError(
            f"The encoder {name} gave a vector {said} for {kind} {wrong + 1} of {wanted[0]}; all are of unit norm."
        )
    return vectors


def _check_tokens(
    encoded: Encoded, name: str, kind: Kind, count: int, kept: int | None, shape: TokenShape
) -> Sequence[Int8]:
    tokens = encoded.tokens
    if tokens is None or len(tokens) != count:
        said = "none" if tokens is None else f"those of {len(tokens)}"
        raise EncoderError(
            f"The encoder {name} was asked for the tokens of a batch of {count} ({kind}s) and gave {said}."
        )
    least, most = (shape.regions, shape.regions) if kind == "image" else (1, shape.words)
    for one in tokens[:kept]:
        right = isinstance(one, np.ndarray) and one.dtype == np.int8 and one.ndim == 2
        if not right or one.shape[1] != shape.width or not least <= len(one) <= most:
            rows = f"{least}" if least == most else f"{least} to {most}"
            raise EncoderError(
                f"The encoder {name} gave {form(one)} as the tokens of one {kind}; they have to be an array "
                f"({rows}, {shape.width}) int8."
            )
    return tokens[:kept]


def form(given: object) -> str:
    """What was given in the place of an array, for a sentence."""
    return f"an array {given.shape} {given.dtype}" if isinstance(given, np.ndarray) else _kind(given)


def _kind(given: object) -> str:
    return "None" if given is None else f"a {type(given).__name__}"
