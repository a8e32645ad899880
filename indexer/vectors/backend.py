"""Where a store's vector indexes are kept and searched: a protocol, so that files of FAISS are one way among others.

A backend keeps one index a kind ("image", "text"). Each is a cache of the catalog's vectors under the catalog's ids: it
is stamped with the generation that it was built from and with a key of what it belongs to, can be lost at any moment,
and is built again. Nothing here assumes files: a server (Milvus, PostgreSQL with pgvector) keeps the state beside its
collection, takes ids and filters with the call, and measures its recall with `recall.tune` as well.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Protocol

from indexer.progress import Progress
from indexer.types import Float32
from indexer.vectors.base import Batches, IndexState, IndexType, VectorIndex

#: So few that may be found are compared one by one, by the catalog's vectors, and no index is asked: 15 ms.
FEW: Final = 1_000


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """What is to be built: `asked` for `count` vectors of `dimension`, to reach the recall@10 `target`.

    `generation` of the catalog and `key` are stored with the index.
    """

    asked: IndexType
    count: int
    dimension: int
    target: float
    generation: int
    key: str


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """An index that answers, and its state. It stays what it is when a writer builds another. `few`: so many that may
    be found cost less to compare one by one than to ask it for these alone. `is_far`: on a server, which would have to
    send `index.ids`. `place`: the database in which it lies, where it can ask conditions of a catalog that lies there
    as well (`Selected.statement`); None: nowhere."""

    index: VectorIndex
    state: IndexState
    few: int = FEW
    is_far: bool = False
    place: Hashable | None = None


class VectorBackend(Protocol):
    """The vector indexes of one store. Any number of readers; one writer at a time (the store's lock)."""

    def version(self, kind: str) -> Hashable | None:
        """Another value after each `build` or `discard` by anybody; None where there is no index. Cheap, opens nothing,
        raises nothing."""
        ...

    def state(self, kind: str, key: str) -> IndexState | None:
        """What is known of the index of `kind` without opening it; None when there is none under this `key`.

        Raises StoreDamagedError.
        """
        ...

    def open(self, kind: str, key: str, *, once: bool = False) -> OpenIndex | None:
        """The index of `kind`; None when there is none under this `key`. `once`, a hint: it will be asked once.

        Raises StoreDamagedError when there is one and it is not what was built. So may its `search`, where a part shows
        it that is first used there.
        """
        ...

    def build(
        self,
        kind: str,
        plan: BuildPlan,
        batches: Batches,
        queries: Float32 | None = None,
        progress: Progress | None = None,
    ) -> IndexState:
        """Build the index of `kind` from what `batches` gives, tune it, and put it in place of any before it.

        Readers meet the old index or the new one. `queries` (q, d) float32: vectors that are asked for besides the
        rows' own, of the texts that came with the images. A type that misses the target gives way to a better one.
        Raises ValueError on wrong shapes, repeated or negative ids, or vectors that are not finite;
        StoreUnwritableError, and then whatever was there before still is.
        """
        ...

    def keep(self, kind: str) -> bool:
        """Whether the index of `kind` is there and is what was built; then it is left as it is, in the form in which
        this version keeps it, and what killed builds left beside it is deleted. For a writer who has to know whether to
        build it anew; costs less than opening it.

        Raises StoreUnwritableError.
        """
        ...

    def verify(self, kind: str) -> list[str]:
        """Every problem of the index of `kind`, one sentence each, after reading all of it; no index is no problem."""
        ...

    def discard(self, kind: str) -> None:
        """Delete the index of `kind` and what is left of earlier ones. What cannot be deleted stays."""
        ...
