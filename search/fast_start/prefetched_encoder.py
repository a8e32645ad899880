"""What the process of a query knows of its encoder: one text, encoded elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexer.encoders.base import Encoded, Encoder, EncoderId, TokenShape

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.types import Pixels, Texts


@dataclass(frozen=True, slots=True)
class EncodedText:
    """Everything that a query wants to know of its text. `encoded`: one row, with tokens where the encoder has them."""

    text: str
    identity: EncoderId
    shape: TokenShape | None
    max_text_tokens: int
    count: int
    words: list[str]
    encoded: Encoded


def encode_text(encoder: Encoder, text: str) -> EncodedText:
    """Ask an encoder for all of it."""
    return EncodedText(
        text,
        encoder.identity,
        encoder.token_shape,
        encoder.max_text_tokens,
        encoder.count_tokens(text),
        encoder.words(text),
        encoder.encode_texts([text], tokens=True),
    )


class PrefetchedEncoder:
    """An `Encoder` that knows one text already; for all else it loads the one that it stands for, that of `store`."""

    def __init__(self, known: EncodedText, store: Path, device: str | None) -> None:
        self._known = known
        self._store, self._device = store, device
        self._loaded: Encoder | None = None

    @property
    def identity(self) -> EncoderId:
        return self._known.identity

    @property
    def token_shape(self) -> TokenShape | None:
        return self._known.shape

    @property
    def batch_size(self) -> int:
        return self._encoder().batch_size

    @property
    def text_batch_size(self) -> int:
        return self._encoder().text_batch_size

    @property
    def independent_rows(self) -> bool:
        return self._encoder().independent_rows

    @property
    def max_text_tokens(self) -> int:
        return self._known.max_text_tokens

    def encode_images(self, pixels: Pixels, *, tokens: bool = False) -> Encoded:
        return self._encoder().encode_images(pixels, tokens=tokens)

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        if isinstance(texts, str) or list(texts) != [self._known.text]:
            return self._encoder().encode_texts(texts, tokens=tokens)
        return self._known.encoded if tokens else Encoded(self._known.encoded.vectors)

    def words(self, text: str) -> list[str]:
        return list(self._known.words) if text == self._known.text else self._encoder().words(text)

    def count_tokens(self, text: str) -> int:
        return self._known.count if text == self._known.text else self._encoder().count_tokens(text)

    def _encoder(self) -> Encoder:
        if self._loaded is None:
            from indexer.encoders.registry import open_encoder

            self._loaded = open_encoder(self._store, self.identity, None, self._device)
        return self._loaded
