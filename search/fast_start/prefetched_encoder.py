"""What the process of a query knows of its encoder: its own texts, encoded elsewhere."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexer.encoders.base import Encoded, Encoder, EncoderId, TokenShape
from indexer.encoders.batches import encode_forms, encode_query, encode_texts, joined
from indexer.encoders.coverage import suggestions, unread_words

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.types import Pixels, Texts


@dataclass(frozen=True, slots=True)
class EncodedTexts:
    """Everything that a query wants to know of its texts. `counts`, `words`, `unread`: of each; `suggested`: what was
    meant by words that are not read, None of texts of several queries; `encoded`: a row
    of each, and of the forms of class names, with tokens where the encoder has them."""

    texts: tuple[str, ...]
    templates: tuple[str, ...]
    identity: EncoderId
    shape: TokenShape | None
    max_text_tokens: int
    text_batch_size: int
    independent_rows: bool
    counts: dict[str, int]
    words: dict[str, list[str]]
    unread: dict[str, list[str]]
    suggested: dict[str, str] | None
    encoded: Encoded


def encode_ahead(
    encoder: Encoder, texts: tuple[str, ...], forms: tuple[str, ...] = (), *, together: bool = False
) -> EncodedTexts:
    """Ask an encoder for all of it. `forms`: what is to be encoded besides (`class_name_forms`). `together`: the texts
    are those of several queries, and share passes."""
    unread = {text: unread_words(encoder, text) for text in texts}
    others = tuple(form for form in dict.fromkeys(forms) if form not in texts)
    if together:
        encoded = encode_texts(encoder, (*texts, *others), tokens=True)
    else:
        encoded = encode_query(encoder, texts, tokens=True)
        if others:
            encoded = joined([encoded, encode_forms(encoder, others, tokens=True)], encoder, tokens=True)
    return EncodedTexts(
        (*texts, *others),
        tuple(getattr(encoder, "templates", ())),
        encoder.identity,
        encoder.token_shape,
        encoder.max_text_tokens,
        encoder.text_batch_size,
        encoder.independent_rows,
        {text: encoder.count_tokens(text) for text in texts},
        {text: encoder.words(text) for text in texts},
        unread,
        None if together else suggestions(encoder, list(dict.fromkeys(itertools.chain(*unread.values())))),
        encoded,
    )


class PrefetchedEncoder:
    """An `Encoder` that knows some texts already; for all else it has the one that it stands for: `loaded`, or that of
    `store`, which is loaded then."""

    def __init__(self, known: EncodedTexts, store: Path, device: str | None, loaded: Encoder | None = None) -> None:
        self._known = known
        self._store, self._device = store, device
        self._loaded = loaded

    @property
    def identity(self) -> EncoderId:
        return self._known.identity

    @property
    def token_shape(self) -> TokenShape | None:
        return self._known.shape

    @property
    def templates(self) -> tuple[str, ...]:
        return self._known.templates

    @property
    def batch_size(self) -> int:
        return self._encoder().batch_size

    @property
    def text_batch_size(self) -> int:
        return self._known.text_batch_size

    @property
    def independent_rows(self) -> bool:
        return self._known.independent_rows

    @property
    def max_text_tokens(self) -> int:
        return self._known.max_text_tokens

    def encode_images(self, pixels: Pixels, *, tokens: bool = False) -> Encoded:
        return self._encoder().encode_images(pixels, tokens=tokens)

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        known = self._known
        places = {"": 0} | {text: row for row, text in enumerate(known.texts)}  # "" fills batches up, and is cut off
        if isinstance(texts, str) or not any(texts) or not all(text in places for text in texts):
            return self._encoder().encode_texts(texts, tokens=tokens)
        rows = [places[text] for text in texts]
        found = known.encoded.tokens if tokens else None
        return Encoded(known.encoded.vectors[rows], None if found is None else [found[row] for row in rows])

    def words(self, text: str) -> list[str]:
        known = self._known.words.get(text)
        return self._encoder().words(text) if known is None else list(known)

    def unread(self, text: str) -> list[str]:
        known = self._known.unread.get(text)
        return unread_words(self._encoder(), text) if known is None else list(known)

    def suggested(self, word: str) -> str | None:
        known = self._known.suggested
        return suggestions(self._encoder(), [word]).get(word) if known is None else known.get(word)

    def count_tokens(self, text: str) -> int:
        known = self._known.counts.get(text)
        return self._encoder().count_tokens(text) if known is None else known

    def _encoder(self) -> Encoder:
        if self._loaded is None:
            from indexer.encoders.registry import open_encoder

            self._loaded = open_encoder(self._store, self.identity, None, self._device)
        return self._loaded
