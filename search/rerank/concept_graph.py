"""Where the words of a text are in an image: a bipartite graph of concepts and regions, and one round of attention
updates along its edges, from both sides at once.

    a_tr = softmax_r(s/2 u_t v_r)                  b_tr = softmax_t(s/2 u_t v_r)
    u'_t = unit(u_t + CONCEPTS sum_r a_tr v_r)     v'_r = unit(v_r + REGIONS sum_t b_tr u_t)
    attention_tr = softmax_r(s u'_t v'_r)

u, v are the mapped words and regions of late interaction, s its sharpness; half of it gathers from more than the one
best region. A concept becomes mostly what it found, and looks once more with that: what belongs to the first region is
found with it, and a region that fitted by chance is left. The updates are those of co-attention (ViLBERT, Lu et al.
2019, arXiv 1908.02265) without weights of their own. The three numbers were chosen on mosaics of Flickr8k's `val`
(`tests/benchmarks/bench_pointing.py`; the reranker's card has them beside late interaction's own attention).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from indexer.types import Float32
from search.rerank.fusion_network import softmax, unit

CONCEPTS: Final = np.float32(2.0)
REGIONS: Final = np.float32(0.1)
_SOFTER: Final = np.float32(0.5)


def align(concepts: Float32, regions: Float32, sharpness: np.float32) -> Float32:
    """`concepts` (t, w) and `regions` (r, w), both of unit norm -> (t, r): where each concept is, sum 1."""
    scaled: Float32 = sharpness * _SOFTER * concepts  # (t, w)
    to_regions: Float32 = scaled @ regions.T  # (t, r)
    to_concepts: Float32 = to_regions.T.copy()  # (r, t)
    softmax(to_regions)
    softmax(to_concepts)
    found: Float32 = concepts + CONCEPTS * (to_regions @ regions)  # (t, w)
    said: Float32 = regions + REGIONS * (to_concepts @ concepts)  # (r, w)
    attention: Float32 = sharpness * (unit(found) @ unit(said).T)  # (t, r)
    softmax(attention)
    return attention
