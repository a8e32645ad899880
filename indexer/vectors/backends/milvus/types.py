"""How Milvus makes and searches the types of index that there are, a row each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from indexer.vectors.backends.faiss_files.tuning import HNSW_WIDTH_MOST, product_codes
from indexer.vectors.base import IndexType

#: Links a node of a graph, and candidates while it is built.
LINKS, CONSTRUCTION = 16, 128
#: Candidates while searching, until that was tuned.
SEARCH: Final = 64
LISTS_MOST: Final = 65_536
ROWS_A_LIST: Final = 40


@dataclass(frozen=True, slots=True)
class MilvusType:
    """`name` of Milvus; `parameters` of its making, for so many rows and dimensions; `width`: what a search calls how
    widely it looks, "" where it looks at everything; `bytes` that a vector of so many dimensions takes."""

    name: str
    parameters: Callable[[int, int], dict[str, int]]
    width: str
    bytes: Callable[[int], int]


def lists_for(count: int) -> int:
    """Lists of an inverted file of `count` vectors; Milvus keeps as many in each of its segments."""
    return max(1, min(round(4 * math.sqrt(count)), count // ROWS_A_LIST, LISTS_MOST))


def _lists(count: int, dimension: int) -> dict[str, int]:
    return {"nlist": lists_for(count)}


TYPES: Final[dict[IndexType, MilvusType]] = {
    "flat": MilvusType("FLAT", lambda count, dimension: {}, "", lambda dimension: 4 * dimension),
    "hnsw": MilvusType(
        "HNSW",
        lambda count, dimension: {"M": LINKS, "efConstruction": CONSTRUCTION},
        "ef",
        lambda dimension: 4 * dimension + 8 * LINKS,
    ),
    "ivf-flat": MilvusType("IVF_FLAT", _lists, "nprobe", lambda dimension: 4 * dimension),
    "ivf-sq8": MilvusType("IVF_SQ8", _lists, "nprobe", lambda dimension: dimension),
    "ivf-pq": MilvusType(
        "IVF_PQ",
        lambda count, dimension: {**_lists(count, dimension), "m": product_codes(dimension), "nbits": 8},
        "nprobe",
        product_codes,
    ),
}


def widths(index_type: IndexType, count: int) -> tuple[int, int]:
    """The width of a search that was not tuned, and the most; both 0 where it looks at everything."""
    if index_type == "hnsw":
        return SEARCH, HNSW_WIDTH_MOST
    if index_type == "flat":
        return 0, 0
    return max(1, lists_for(count) // 20), lists_for(count)
