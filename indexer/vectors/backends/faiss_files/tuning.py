"""With which parameters a FAISS index is built and searched. Numbers only; nothing here needs FAISS.

How widely an index looks is not said here: it is measured on every collection (`recall.py`). Measured on two cores
shared with other work, 100,000 clustered vectors of 512 dimensions, one thread a query, each tuned to find 0.95 of the
true first ten of the hardest kind of query (`tests/benchmarks/bench_ann.py` measures again):

                    build     peak memory   file      looked at             one query (CPU time)
    ivf-sq8         24 s      435 MB        52 MB     140 of 1265 lists     1.3 ms
    ivf-pq          79 s      436 MB        16 MB     146 of 1265 lists     1.6 ms, and 40 rows to score instead of 12
    hnsw (32, 40)   98 s      698 MB        222 MB    efSearch 180          1.8 ms

So `refresh.choose_type` takes flat and ivf-sq8 alone. A graph is built four times slower, in memory, and answers no
faster once both find the same. Product codes are for memory alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

#: Training vectors a list. FAISS warns on stderr below 39; 64 took twice as long for 0.002 of recall.
TRAINING_PER_LIST: Final = 40
#: Rounds of k-means over the lists: recall 0.988 after 5, 0.990 after 10, in half the time.
TRAINING_ROUNDS: Final = 5
#: The training sample's share of memory, whatever the collection's size: 174,000 vectors of 384 dimensions.
TRAINING_BYTES: Final = 256 * 1024 * 1024

#: Below this an inverted file has no two lists to choose from: it is stored flat.
IVF_LEAST: Final = 2 * TRAINING_PER_LIST
#: 256 centroids from fewer than 4 vectors each describe nothing, and save nothing: the vectors are stored whole.
PQ_LEAST: Final = 4 * 256
#: What the training of codes takes of the sample: 64 vectors a centroid of a product quantiser. FAISS copies them.
CODE_TRAINING: Final = 64 * 256
#: Each code byte of a product quantiser stands for about 4 dimensions, at most 8: 1/16 of the bytes of float32.
PQ_DIMENSIONS: Final = 4
PQ_DIMENSIONS_MOST: Final = 8


#: The most candidates that a search of a graph keeps; beyond, a scan is no slower.
HNSW_WIDTH_MOST: Final = 2_048


@dataclass(frozen=True, slots=True)
class HnswSettings:
    """The graph of an HNSW index."""

    #: Links a node; twice as many on the ground floor, 256 bytes. 16 reached a recall of 0.988 and stayed there.
    neighbours: int = 32
    #: Candidates while building: 100 took twice as long as 40 and found no more.
    construction: int = 40
    #: Candidates while searching: recall 0.978 at 32, 0.990 at 64, 0.995 at 128.
    search: int = 64


@dataclass(frozen=True, slots=True)
class IvfSettings:
    """An inverted file: `lists` cells, of which a query looks into `probes`; `training` vectors place the cells."""

    lists: int
    probes: int
    training: int


def ivf_settings(count: int, dimension: int) -> IvfSettings:
    """Lists, probes and the size of the training sample for `count` vectors.

    sqrt(n) lists took 2 ms (64 of 316 probed) for a recall of 0.972; 4 sqrt(n) took 0.4 ms (32 of 1264) for 0.976.
    A fortieth of the lists, at least 32, is probed.
    """
    most = max(TRAINING_PER_LIST, TRAINING_BYTES // (4 * dimension))
    training = min(count, most)
    lists = max(1, min(round(4 * math.sqrt(count)), training // TRAINING_PER_LIST))
    return IvfSettings(
        lists=lists,
        probes=min(lists, max(32, math.ceil(lists / 40))),
        training=min(training, max(lists * TRAINING_PER_LIST, CODE_TRAINING)),
    )


def product_codes(dimension: int) -> int:
    """Bytes of a product quantiser's code: the divisor of `dimension` that puts nearest to 4 dimensions in each.

    A prime dimension has only itself: one byte a dimension, as SQ8 has.
    """
    fitting = [
        codes
        for codes in range(1, dimension + 1)
        if dimension % codes == 0 and dimension // codes <= PQ_DIMENSIONS_MOST
    ]
    return min(fitting, key=lambda codes: abs(math.log(dimension / codes / PQ_DIMENSIONS)))


#: Fetched beyond k, so that equal scores at the last place are ordered by id.
SPARE: Final = 16
