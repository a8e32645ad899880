"""An encoder whose vectors pass through a trained linear map each: the method `heads` (a linear adapter over frozen
features, Gao et al. 2021, CLIP-Adapter, arXiv 2110.04544).

    image  u -> u W_image / |u W_image|          text  v -> v W_text / |v W_text|

Works over any encoder, the bundled one too. Tokens, and all else that the encoder knows, pass through unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from indexer.encoders import adapted_files
from indexer.encoders.adapted_files import AdaptedDescription
from indexer.encoders.base import Encoded, Encoder, EncoderId, TokenShape
from indexer.encoders.coverage import unread_words
from indexer.errors import EncoderError
from indexer.types import Float32, Kind, Pixels, Texts

METHOD: Final = "heads"
IMAGE: Final = "image"
TEXT: Final = "text"


class MappedEncoder:
    """`inner` with its vectors mapped. `maps`: IMAGE and TEXT, each (d, d) float32. Thread-safe if `inner` is."""

    def __init__(self, inner: Encoder, identity: EncoderId, maps: Mapping[str, Float32]) -> None:
        self.inner = inner
        self._identity = identity
        self._maps = {side: each.astype(np.float64) for side, each in maps.items()}

    @classmethod
    def load(cls, folder: Path, description: AdaptedDescription, inner: Encoder) -> MappedEncoder:
        """The adapted encoder in `folder` over its base. Raises EncoderMismatchError for another base, and
        EncoderUnavailableError when it is damaged."""
        adapted_files.check_base(folder, description, inner.identity)
        maps = adapted_files.load_delta(folder, description)
        d = inner.identity.dimension
        if {name: each.shape for name, each in maps.items()} != {IMAGE: (d, d), TEXT: (d, d)}:
            raise adapted_files.damaged(folder / adapted_files.DESCRIPTION, f"its maps are not two of {d} x {d}")
        return cls(inner, description.identity(folder), maps)

    def over(self, inner: Encoder) -> MappedEncoder:
        """The same over another form of the encoder."""
        return MappedEncoder(
            inner, self._identity, {side: each.astype(np.float32) for side, each in self._maps.items()}
        )

    @property
    def identity(self) -> EncoderId:
        """What made the vectors."""
        return self._identity

    @property
    def base(self) -> EncoderId:
        """See `MapsVectors.base`."""
        return self.inner.identity

    def of_base(self, vectors: Float32, kind: Kind) -> Float32:
        """See `MapsVectors.of_base`."""
        return mapped(vectors, self._maps[kind])

    @property
    def token_shape(self) -> TokenShape | None:
        """That of the encoder below."""
        return self.inner.token_shape

    @property
    def batch_size(self) -> int:
        """That of the encoder below."""
        return self.inner.batch_size

    @property
    def text_batch_size(self) -> int:
        """That of the encoder below."""
        return self.inner.text_batch_size

    @property
    def independent_rows(self) -> bool:
        """The map is computed row by row, and changes nothing of it."""
        return self.inner.independent_rows

    @property
    def max_text_tokens(self) -> int:
        """That of the encoder below."""
        return self.inner.max_text_tokens

    @property
    def templates(self) -> tuple[str, ...]:
        """Those of the encoder below."""
        return tuple(getattr(self.inner, "templates", ()))

    @property
    def troubles(self) -> tuple[str, ...]:
        """Those of the encoder below."""
        return tuple(getattr(self.inner, "troubles", ()))

    def encode_images(self, pixels: Pixels, *, tokens: bool = False) -> Encoded:
        """See `Encoder.encode_images`."""
        return self._mapped(self.inner.encode_images(pixels, tokens=tokens), IMAGE)

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        """See `Encoder.encode_texts`."""
        return self._mapped(self.inner.encode_texts(texts, tokens=tokens), TEXT)

    def words(self, text: str) -> list[str]:
        """Those of the encoder below."""
        return self.inner.words(text)

    def unread(self, text: str) -> list[str]:
        """Those of the encoder below."""
        return unread_words(self.inner, text)

    def suggested(self, word: str) -> str | None:
        """That of the encoder below."""
        ask: Callable[[str], Any] | None = getattr(self.inner, "suggested", None)
        return None if ask is None else ask(word)

    def count_tokens(self, text: str) -> int:
        """That of the encoder below."""
        return self.inner.count_tokens(text)

    def load_image_tower(self) -> None:
        """Of an encoder whose towers load apart."""
        load: Callable[[], None] | None = getattr(self.inner, "load_image_tower", None)
        if load is not None:
            load()

    def _mapped(self, encoded: Encoded, side: str) -> Encoded:
        return Encoded(mapped(encoded.vectors, self._maps[side]), encoded.tokens)


def mapped(vectors: Float32, weights: npt.NDArray[np.float64]) -> Float32:
    """(n, d) of unit norm times (d, d), of unit norm again. A row at a time, summed in float64: its bits depend on
    no other row. Raises EncoderError for a row without a direction."""
    out = np.empty_like(vectors)
    for at, row in enumerate(vectors):
        product = row.astype(np.float64) @ weights  # (d,)
        norm = float(np.linalg.norm(product))
        if not np.isfinite(norm) or norm <= 0:
            raise EncoderError("The map of an adapted encoder made nothing of a vector; train it again.")
        out[at] = product / norm
    return out
