"""What a step of the training sees: images and captions drawn, hard negatives mined, tokens padded or packed."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from indexer.metrics import BLOCK_SCORES, Relevance, blocks
from indexer.types import Float32, Int8, Int64
from search.rerank.token_pairs import TokenPairs

#: Batches among which texts of like length are put together, to save padding.
_SORTED_BATCHES: Final = 16


class Batches:
    """The pairs that are trained on (the images that are not held out), as tensors on a device.

    `images` (n,), `texts` (t,) int64: their positions in `pairs`. Whatever is drawn comes from the `rng` of the call.
    """

    def __init__(self, pairs: TokenPairs, device: torch.device, drop_words: float = 0.0) -> None:
        """`drop_words`: share of words that are left out of a text in training."""
        self._pairs, self._device, self._dropped = pairs, device, drop_words
        self.images: Int64 = np.flatnonzero(~pairs.validation)
        self.texts: Int64 = np.unique(pairs.pair_texts[~pairs.validation[pairs.pair_images]])
        self._captions = pairs.texts_of_images()
        self._owners = pairs.images_of_texts()

    def draw(self, rng: np.random.Generator) -> tuple[Int64, Int64]:
        """The images in a random order, and one caption of each."""
        images = rng.permutation(self.images)
        captions = np.array([rng.choice(self._captions.of(int(image))) for image in images], np.int64)
        return images, captions

    def right(self, images: Int64, captions: Int64) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """(b, b): captions that are right for an image beside its own; they are no negatives of it."""
        found = np.stack([np.isin(images, self._owners.of(int(caption))) for caption in captions], axis=1)  # (b, b)
        np.fill_diagonal(found, False)
        return found

    def mine(self, pool: int) -> tuple[Int64, Int64]:
        """For each text the training images, (t, pool), and for each image the training texts, (n, pool), that the
        encoder finds first among the wrong ones. Rows that are not trained on stay empty (-1)."""
        pairs = self._pairs
        return (
            _nearest(pairs.text_vectors, self.texts, pairs.image_vectors, self.images, self._owners, pool),
            _nearest(pairs.image_vectors, self.images, pairs.text_vectors, self.texts, self._captions, pool),
        )

    def sample(self, pool: Int64, rows: Int64, count: int, rng: np.random.Generator) -> Int64:
        """(b, count) of each row of the pool, none twice."""
        count = min(count, pool.shape[1])
        picks = rng.random((len(rows), pool.shape[1])).argsort(axis=1)[:, :count]  # (b, k)
        return np.take_along_axis(pool[rows], picks, axis=1)

    def by_length(self, texts: Int64, size: int, rng: np.random.Generator) -> Int64:
        """An order of the texts in which those of like length stand together; see `_by_length`."""
        return _by_length(self._pairs.lengths[texts], size, rng)

    def regions(self, images: Int64) -> Tensor:
        """(...) -> (..., r, w) float32."""
        return _floats(self._pairs.image_tokens[images]).to(self._device)

    def words(self, texts: Int64) -> tuple[Tensor, Tensor]:
        """(...) -> (..., T, w) float32 and mask (..., T) bool; T is the longest of them."""
        return self._padded(self._pairs.word_tokens, self._pairs.word_offsets, texts)

    def clozes(self, texts: Int64) -> tuple[Int64, Tensor, Tensor, Tensor]:
        """Texts (b,) -> those that have one, (c,) positions of `texts`; what is left of them as by `words`; and the
        words that are missing, (c,) int64."""
        clozes = self._pairs.clozes
        places = np.full(len(texts), -1, np.int64) if clozes is None else clozes.place[texts]  # (b,)
        rows = np.flatnonzero(places >= 0)  # (c,)
        if clozes is None or not len(rows):
            nothing = torch.zeros(0, dtype=torch.long, device=self._device)
            return rows, nothing, nothing, nothing
        words, mask = self._padded(clozes.word_tokens, clozes.word_offsets, places[rows])
        return rows, words, mask, torch.from_numpy(clozes.answers[places[rows]]).to(self._device)

    def _padded(self, tokens: Int8, offsets: Int64, texts: Int64) -> tuple[Tensor, Tensor]:
        """Those of texts (...) -> (..., T, w) float32 and mask (..., T) bool."""
        lengths = offsets[texts + 1] - offsets[texts]  # (...)
        places = np.arange(int(lengths.max()))  # (T,)
        mask = places < lengths[..., None]  # (..., T)
        at = np.where(mask, offsets[texts][..., None] + places, 0)
        return _floats(tokens[at]).to(self._device), torch.from_numpy(mask).to(self._device)

    def packed_words(self, texts: Int64, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """(b, k) texts -> the words of each row behind each other, (b, m, w) float32, and (b, m) int64: which of the
        k texts they belong to, -1 for padding. Some are left out, as by `without_some`."""
        rows = []
        for row in texts:
            spans = [np.arange(self._pairs.word_offsets[text], self._pairs.word_offsets[text + 1]) for text in row]
            kept = [span[rng.random(len(span)) >= self._dropped] for span in spans]
            kept = [some if len(some) else span for some, span in zip(kept, spans, strict=True)]
            rows.append((np.concatenate(kept), np.repeat(np.arange(len(row)), [len(some) for some in kept])))
        longest = max(len(at) for at, _ in rows)
        at = np.stack([np.pad(each, (0, longest - len(each))) for each, _ in rows])  # (b, m)
        text_of = np.stack([np.pad(each, (0, longest - len(each)), constant_values=-1) for _, each in rows])  # (b, m)
        return _floats(self._pairs.word_tokens[at]).to(self._device), torch.from_numpy(text_of).to(self._device)

    def without_some(self, mask: Tensor, rng: np.random.Generator) -> Tensor:
        """Without some of the words, never all of a text."""
        drawn = rng.random(tuple(mask.shape)) >= self._dropped
        kept = mask & torch.from_numpy(drawn).to(mask.device)
        return torch.where(kept.any(-1, keepdim=True), kept, mask)


def _floats(tokens: Int8) -> Tensor:
    return torch.from_numpy(tokens).float() / 127


def _by_length(lengths: Int64, size: int, rng: np.random.Generator) -> Int64:
    """An order in which texts of like length stand together, within runs of a few batches; the batches of a run in
    random order."""
    order = []
    for start in range(0, len(lengths), size * _SORTED_BATCHES):
        rows = np.arange(start, min(start + size * _SORTED_BATCHES, len(lengths)))
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        batches = [rows[at : at + size] for at in range(0, len(rows), size)]
        full, rest = [each for each in batches if len(each) == size], [each for each in batches if len(each) < size]
        order += [full[at] for at in rng.permutation(len(full))] + rest
    return np.concatenate(order)


def _nearest(asking: Float32, rows: Int64, answering: Float32, columns: Int64, right: Relevance, most: int) -> Int64:
    """For the queries `rows` of `asking`, the `most` nearest of the answers `columns` that are not right for them.

    Returns (len(asking), most) int64, -1 in the rows of others. A query with fewer wrong answers has the nearest of
    them again in their place.
    """
    most = max(1, min(most, len(columns) - 1))
    found = np.full((len(asking), most), -1, np.int64)
    there = answering[columns]  # (n, d)
    place = np.full(len(answering), -1, np.int64)
    place[columns] = np.arange(len(columns))
    for start, stop in blocks(len(rows), len(columns), BLOCK_SCORES):
        scores = asking[rows[start:stop]] @ there.T  # (b, n)
        for row, query in enumerate(rows[start:stop]):
            own = place[right.of(int(query))]
            scores[row, own[own >= 0]] = -np.inf
        best = np.argpartition(-scores, most - 1, axis=1)[:, :most]  # (b, most)
        of_best = np.take_along_axis(scores, best, axis=1)
        nearest = np.take_along_axis(best, of_best.argmax(axis=1)[:, None], axis=1)  # (b, 1)
        found[rows[start:stop]] = columns[np.sort(np.where(np.isneginf(of_best), nearest, best), axis=1)]
    return found
