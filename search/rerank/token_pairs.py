"""Tokens and vectors of images and captions, and which belong together: what a reranker learns from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.metrics import Relevance
from indexer.types import Float32, Int8, Int64
from search.rerank.clozes import Clozes

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TokenPairs:
    """n images, t texts, p pairs of them. Tokens stay int8, a quarter of what the network sees.

    `image_vectors` (n, d), `text_vectors` (t, d) float32, unit norm. `image_tokens` (n, r, w). The words of text i are
    `word_tokens[word_offsets[i]:word_offsets[i + 1]]`, (t_i, w), at least one. `pair_texts`, `pair_images` (p,) int64:
    positions. `validation` (n,): images that are held out. `notes`: what was left out. `clozes`: of the texts that are
    trained on, where they are wanted.
    """

    image_vectors: Float32
    image_tokens: Int8
    text_vectors: Float32
    word_tokens: Int8
    word_offsets: Int64
    pair_texts: Int64
    pair_images: Int64
    validation: Bools
    notes: tuple[str, ...] = ()
    clozes: Clozes | None = None

    def words(self, text: int) -> Int8:
        """The word tokens of a text, (t, w)."""
        return self.word_tokens[self.word_offsets[text] : self.word_offsets[text + 1]]

    @property
    def lengths(self) -> Int64:
        """(t,) words of each text."""
        return np.diff(self.word_offsets)

    def images_of_texts(self) -> Relevance:
        """Which images each text is right for."""
        return Relevance.of_pairs(self.pair_texts, self.pair_images, len(self.text_vectors))

    def texts_of_images(self) -> Relevance:
        """Which texts are right for each image."""
        return Relevance.of_pairs(self.pair_images, self.pair_texts, len(self.image_vectors))

    def digest(self) -> str:
        """SHA-256, in hex, of all of it."""
        state = hashlib.sha256()
        for array in (
            self.image_vectors,
            self.image_tokens,
            self.text_vectors,
            self.word_tokens,
            self.word_offsets,
            self.pair_texts,
            self.pair_images,
            self.validation,
        ):
            state.update(f"{array.shape}".encode())
            state.update(np.ascontiguousarray(array).view(np.uint8).data)
        return state.hexdigest()
