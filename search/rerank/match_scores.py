"""Match scores of held-out pairs while a reranker is trained, and how far they are trusted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch

from indexer.training.clusters import centres
from indexer.types import Float32, Int64
from search.rerank.batches import Batches
from search.rerank.description import Trust
from search.rerank.fusion_model import FusionModel
from search.rerank.fusion_network import FusionNetwork
from search.rerank.token_pairs import TokenPairs
from search.rerank.validation import Matches, Queries, Validation

_QUERIES_AT_ONCE: Final = 8
#: Centres of the texts that were trained on, and how many texts each stands for at least.
_CENTRES: Final = 256
_TEXTS_A_CENTRE: Final = 20
#: Nearness to a centre that this share of held-out captions does not reach is trusted half.
_RARE: Final = 0.02


def measure_trust(pairs: TokenPairs, trained: Int64, held_out: Int64, seed: int) -> tuple[Float32, Trust]:
    """Centres (k, d) of the texts `trained` (m,), and the nearness from which a text counts as one of their kind: all
    but the strangest of the captions `held_out` (q,) are."""
    count = min(_CENTRES, max(1, len(trained) // _TEXTS_A_CENTRE))
    found: Float32 = centres(torch.from_numpy(pairs.text_vectors[trained]), count, seed=seed).numpy()
    nearness = (pairs.text_vectors[held_out] @ found.T).max(axis=1)  # (q,)
    low, middle = np.quantile(nearness, (_RARE, 0.5))
    return found, Trust(float(low), max(float(middle - low) / 4, 0.01))


class MatchScores:
    """Of the candidates of both directions. `centres` (k, d), `trust`: as of `measure_trust`."""

    def __init__(self, pairs: TokenPairs, batches: Batches, centres: Float32, trust: Trust) -> None:
        self._pairs, self._batches, self._centres, self._trust = pairs, batches, centres, trust

    def whole(self, model: FusionModel, validation: Validation) -> Matches:
        """The match scores of all candidates, by the scorer that queries run."""
        arrays = {name: array.cpu().numpy() for name, array in model.state_dict().items()}
        network = FusionNetwork(arrays, model.settings.heads)
        pairs = self._pairs

        def images(query: int, candidates: Int64) -> Float32:
            return network.images(pairs.words(query), list(pairs.image_tokens[candidates]))

        def texts(query: int, candidates: Int64) -> Float32:
            return network.texts(pairs.image_tokens[query], [pairs.words(int(text)) for text in candidates])

        by_text = [
            images(int(q), c) for q, c in zip(validation.texts.numbers, validation.texts.candidates, strict=True)
        ]
        by_image = [
            texts(int(q), c) for q, c in zip(validation.images.numbers, validation.images.candidates, strict=True)
        ]
        return Matches(np.stack(by_text) * self._trust_of(validation.texts)[:, None], np.stack(by_image))

    @torch.no_grad()
    def late(self, model: FusionModel, validation: Validation) -> Matches:
        """The same while (b) is still nothing, at a fraction of the work."""
        late, batches = model.late, self._batches
        by_text, by_image = [], []
        for rows in _few(validation.texts):
            words, mask = batches.words(validation.texts.numbers[rows])  # (b, T, w), (b, T)
            regions = batches.regions(validation.texts.candidates[rows])  # (b, c, r, w)
            by_text.append(late(words[:, None], mask[:, None], regions).score.cpu().numpy())
        for rows in _few(validation.images):
            words, mask = batches.words(validation.images.candidates[rows])  # (b, c, T, w), (b, c, T)
            regions = batches.regions(validation.images.numbers[rows])  # (b, r, w)
            by_image.append(late(words, mask, regions[:, None]).score.cpu().numpy())
        return Matches(np.concatenate(by_text) * self._trust_of(validation.texts)[:, None], np.concatenate(by_image))

    def _trust_of(self, queries: Queries) -> Float32:
        nearness = (self._pairs.text_vectors[queries.numbers] @ self._centres.T).max(axis=1)  # (q,)
        return np.array([self._trust.of(float(each)) for each in nearness], np.float32)


def _few(queries: Queries) -> Iterator[slice]:
    """A few queries at a time, with all their candidates."""
    for start in range(0, len(queries.numbers), _QUERIES_AT_ONCE):
        yield slice(start, start + _QUERIES_AT_ONCE)
