"""What a vector index is: ids and vectors in, ids and scores out. Nothing of FAISS shows here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from indexer.types import Float32, Int64

IndexType = Literal["flat", "hnsw", "ivf-flat", "ivf-sq8", "ivf-pq"]
INDEX_TYPES: tuple[IndexType, ...] = ("flat", "hnsw", "ivf-flat", "ivf-sq8", "ivf-pq")


@dataclass(frozen=True, slots=True)
class Tuned:
    """How an index is searched so that it finds what it should, and what was measured with that.

    `target`: the recall@10 that was asked for; `recall`: the one measured against exact search, 1 for an index that
    compares with everything. `width`: lists that a query probes (IVF) or candidates that it keeps (HNSW efSearch),
    0 where nothing is left out. `proposals`: how many candidates are fetched for ten hits, to be scored exactly.
    `queries`: how many were asked; 0 for an exact index.
    """

    target: float
    recall: float
    width: int
    proposals: int
    queries: int

    def candidates(self, k: int) -> int:
        """How many to fetch from the index for `k` hits."""
        return -(-k * self.proposals // 10)


@dataclass(frozen=True, slots=True)
class SearchParameters:
    """How hard one call looks; travels with the call, so that calls on one index never disturb each other.

    `effort` scales the index's own default (HNSW efSearch, IVF nprobe): 1.0 is the default, larger is slower and
    finds more; exact indexes ignore it. `exclude` (m,) int64: ids not to return. `only` (m,) int64: the only ids
    that may be returned (None: all). Ids that are not in the index are ignored in both.
    """

    effort: float = 1.0
    exclude: Int64 | None = None
    only: Int64 | None = None


class VectorIndex(Protocol):
    """A set of unit-norm vectors under int64 ids, searched by inner product. Safe to search from several threads."""

    @property
    def dimension(self) -> int: ...

    @property
    def ids(self) -> Int64:
        """(n,) int64, ascending: what the index holds, without what was removed."""
        ...

    def __len__(self) -> int: ...

    def add(self, ids: Int64, vectors: Float32) -> None:
        """`ids` (n,) int64, not in the index and without repeats; `vectors` (n, d) float32, unit norm.

        Raises ValueError on wrong shapes, repeated ids, or vectors that are not finite. Not safe while another
        thread searches.
        """
        ...

    def remove(self, ids: Int64) -> int:
        """Take ids out; unknown ones are ignored. Returns how many were there. Works on every kind of index."""
        ...

    def search(
        self,
        queries: Float32,
        k: int,
        parameters: SearchParameters = SearchParameters(),
    ) -> tuple[Float32, Int64]:
        """`queries` (q, d) float32. Returns scores (q, k) float32 and ids (q, k) int64, ordered by (-score, id).

        Where fewer than k are found, the rest is -inf and -1. Raises ValueError when k < 1 or d differs.
        """
        ...
