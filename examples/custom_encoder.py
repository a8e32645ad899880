"""An encoder of your own, by the colours of a picture.

python examples/custom_encoder.py FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

import search

NAMES = ("red", "green", "blue", "orange", "brown", "white", "black", "grey")
PALETTE = np.array(
    [(200, 40, 40), (60, 130, 50), (70, 130, 200), (230, 140, 40), (110, 70, 40), (245,) * 3, (10,) * 3, (128,) * 3],
    np.float32,
)  # (8, 3) RGB


class ColourEncoder:
    """Follows `search.Encoder`: one number for each colour of the palette, unit norm."""

    preprocessing = search.Preprocessing(32, 32, "squash", "bilinear", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    # "palette-1" stands for weights: what changes the vectors changes it, and stores made with another are refused.
    identity = search.EncoderId("palette", "palette-1", len(NAMES), preprocessing)
    batch_size = text_batch_size = 64
    independent_rows = True  # a row's vector is the same in a batch of any size
    token_shape, max_text_tokens = None, 32  # no tokens for a reranker; texts are not cut

    def encode_images(self, pixels: npt.NDArray[np.uint8], *, tokens: bool = False) -> search.Encoded:
        """`pixels` (n, 32, 32, 3) uint8. Gives (n, 8) float32: the square root of each colour's share."""
        away = np.linalg.norm(pixels[:, :, :, None] - PALETTE, axis=-1)  # (n, 32, 32, 8)
        nearest = away.argmin(axis=-1).reshape(len(pixels), -1, 1)  # (n, 1024, 1)
        shares = np.mean(nearest == np.arange(len(NAMES)), axis=1, dtype=np.float32)  # (n, 8), sum 1
        return search.Encoded(np.sqrt(shares))

    def encode_texts(self, texts: Sequence[str], *, tokens: bool = False) -> search.Encoded:
        """Gives (n, 8) float32: the colours that a text names, or all of them."""
        named = np.array([[name in text.lower().split() for name in NAMES] for text in texts], np.float32)
        named[named.sum(axis=1) == 0] = 1
        return search.Encoded(named / np.linalg.norm(named, axis=1, keepdims=True).astype(np.float32))

    def words(self, text: str) -> list[str]:
        return []

    def count_tokens(self, text: str) -> int:
        return len(text.split())


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with search.open(folder / "colours.search", encoder=ColourEncoder()) as library:
        library.index(folder)
        for hit in library.query("blue and white", k=5):
            print(f"{hit.similarity:.3f}  {hit.path}")
