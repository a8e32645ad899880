"""What a vector index is: vectors under ids, searched by inner product. Nothing of FAISS shows here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from indexer.arguments import check_fields, number, optional, shown
from indexer.catalog.shared_statement import SharedStatement
from indexer.id_sets import are_among
from indexer.types import Float32, Int64

IndexType = Literal["flat", "hnsw", "ivf-flat", "ivf-sq8", "ivf-pq"]
INDEX_TYPES: tuple[IndexType, ...] = ("flat", "hnsw", "ivf-flat", "ivf-sq8", "ivf-pq")

Batches = Callable[[], Iterator[tuple[Int64, Float32]]]
"""Gives the rows from the start each time it is called: ids (b,) int64 and vectors (b, d) float32 a batch."""

#: Candidates for each hit that is wanted, from an index of which nothing was measured.
OVERSAMPLE = 10
#: An index of any size is looked through as a whole long before.
MAX_EFFORT = 1_000_000


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


@dataclass(frozen=True, slots=True)
class IndexState:
    """What is known of a vector index without opening it.

    `index_type`; `asked`: the type that was wanted, another where that missed the recall that was wanted. `count` of
    vectors; `bytes` that it takes. `behind`: items that changed since it was built (still found); only the catalog
    knows, a backend says 0. `tuned`: how it is searched and what recall was measured with that, None where it was not.
    `generation` of the catalog that it holds.
    """

    index_type: IndexType
    asked: IndexType
    count: int
    bytes: int
    behind: int
    tuned: Tuned | None
    generation: int

    def candidates(self, k: int) -> int:
        """How many to fetch from the index for `k` hits."""
        return OVERSAMPLE * k if self.tuned is None else -(-k * self.tuned.proposals // 10)


@dataclass(frozen=True, slots=True)
class Selected:
    """The ids that a condition of the catalog selects, which nobody has looked up yet.

    An index that lies in the catalog's database asks the `statement` there, and no id is sent. For any other, or where
    it is None, `look_up` gives them, (m,) int64. `share`: of the index's ids that are selected, about, above 0.
    """

    share: float
    look_up: Callable[[], Int64]
    statement: SharedStatement | None = None


@dataclass(frozen=True, slots=True)
class SearchParameters:
    """How hard one call looks; travels with the call, so that calls on one index never disturb each other.

    `effort` scales the index's own default (HNSW efSearch, IVF nprobe): 1.0 is the default, larger is slower and
    finds more; exact indexes ignore it. `exclude` (m,) int64: ids not to return. `only` (m,) int64: the only ids
    that may be returned (None: all). Ids that are not in the index are ignored in both. `selected`: the same as `only`,
    not looked up; what is in both may be returned. Raises UsageError for an effort out of range.
    """

    effort: float = 1.0
    exclude: Int64 | None = None
    only: Int64 | None = None
    selected: Selected | None = None

    def __post_init__(self) -> None:
        check_fields(
            self,
            effort=number(0, MAX_EFFORT, open_below=True),
            exclude=optional(_ids),
            only=optional(_ids),
            selected=optional(_selected),
        )

    def looked_up(self) -> SearchParameters:
        """The same by ids alone."""
        if self.selected is None:
            return self
        found = self.selected.look_up()
        return replace(self, only=found if self.only is None else found[are_among(found, self.only)], selected=None)


def _ids(name: str, given: object) -> Int64:
    found = np.array([*given] if isinstance(given, set | frozenset) else given)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise TypeError(f"`{name}` takes ids of items, an array (m,) of int64, not {shown(given)}.")
    return found.astype(np.int64)


def _selected(name: str, given: object) -> Selected:
    if not isinstance(given, Selected):
        raise TypeError(f"`{name}` takes what a condition selects, not {shown(given)}.")
    return given


class VectorIndex(Protocol):
    """A set of unit-norm vectors under int64 ids, searched by inner product. Safe to search from several threads.

    It never changes: what came or went since it was built is the caller's to add and to exclude.
    """

    @property
    def dimension(self) -> int: ...

    @property
    def ids(self) -> Int64:
        """(n,) int64, ascending: what the index holds."""
        ...

    def __len__(self) -> int: ...

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


class TunableIndex(VectorIndex, Protocol):
    """An index that leaves out what is far, so that its recall has to be measured (`recall.py`)."""

    @property
    def structure(self) -> str:
        """What it really holds: an `IndexType`, or a simpler one for few vectors."""
        ...

    @property
    def width(self) -> int:
        """How widely an unfiltered query looks at effort 1: the lists it probes, or efSearch; 0 when it scans all."""
        ...

    @property
    def width_most(self) -> int:
        """The width beyond which nothing more is found; 0 when it scans all."""
        ...

    def with_width(self, width: int) -> TunableIndex:
        """The same index, its memory shared, with another `width`."""
        ...
