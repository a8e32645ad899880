"""Where the words of a text are in an image: a bipartite graph of concepts and regions, and one round of attention
updates along its edges, from both sides at once.

    u_t = unit(C word_t)                  v_r = unit(R region_r)
    a_tr = softmax_r(s u_t v_r)           b_tr = softmax_t(s u_t v_r)
    u'_t = unit(u_t + P sum_r a_tr v_r)   v'_r = unit(v_r + Q sum_t b_tr u_t)
    attention_tr = softmax_r(s' u'_t v'_r)

The updates are co-attention (ViLBERT, Lu et al. 2019, arXiv 1908.02265) with one matrix a side: a concept looks once
more with what it found, a region with what was said of it. `tools/alignment` trains it on pictures of which it is known
where a word is; the match score does not use it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from indexer.types import Float32
from search.rerank.fusion_network import softmax, unit

#: Before the names of its arrays, among those of a reranker.
_OWN: Final = "graph."


class ConceptGraph:
    """The graph with the weights of some reranker. Holds nothing of a call."""

    def __init__(self, arrays: dict[str, Float32]) -> None:
        """`arrays`: by name, of the shapes that `shapes` says."""
        self._concept_map, self._region_map = arrays[f"{_OWN}concept_map"], arrays[f"{_OWN}region_map"]  # (w, w)
        self._found, self._said = arrays[f"{_OWN}found"], arrays[f"{_OWN}said"]  # P and Q, (w, w)
        first, last = np.exp(arrays[f"{_OWN}log_sharpness"])
        self._first, self._last = np.float32(first), np.float32(last)  # s and s'

    def align(self, words: Float32, regions: Float32) -> Float32:
        """`words` (t, w) and `regions` (r, w), tokens of about unit norm -> (t, r): where each is, sum 1."""
        concepts, shown = unit(words @ self._concept_map), unit(regions @ self._region_map)
        to_regions: Float32 = self._first * (concepts @ shown.T)  # (t, r)
        to_concepts: Float32 = to_regions.T.copy()  # (r, t)
        softmax(to_regions)
        softmax(to_concepts)
        found: Float32 = concepts + to_regions @ shown @ self._found  # (t, w)
        said: Float32 = shown + to_concepts @ concepts @ self._said  # (r, w)
        attention: Float32 = self._last * (unit(found) @ unit(said).T)  # (t, r)
        softmax(attention)
        return attention


def has_graph(arrays: dict[str, Float32]) -> bool:
    """Whether a reranker brings one: those that people train do not, as tokens alone do not say where a word is."""
    return any(name.startswith(_OWN) for name in arrays)


def shapes(width: int) -> dict[str, tuple[int, ...]]:
    """The shape of each of its arrays, by name; `width` of the tokens."""
    square = ("concept_map", "region_map", "found", "said")
    return {f"{_OWN}{name}": (width, width) for name in square} | {f"{_OWN}log_sharpness": (2,)}
