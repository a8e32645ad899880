"""What every server's build does alike: recall queries, true neighbours and sums, while the rows pass by once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from indexer.types import Float32, Int64
from indexer.vectors.backend import BuildPlan
from indexer.vectors.backends.servers.row_sums import RowSums
from indexer.vectors.base import Batches, IndexType
from indexer.vectors.exact import checked_rows
from indexer.vectors.recall import QUERIES, TrueNeighbours, recall_queries
from indexer.vectors.sampling import draw

#: Below so many vectors an index has nothing to choose from: each is compared.
INDEXED_LEAST = 80
#: Rows whose sums are compared when an index is opened, as bytes of vectors: a few dozen milliseconds. What others
#: changed in larger ones is found by `verify`; a server looks after its bytes itself.
CHECKED_BYTES = 4_000_000


class Passing:
    """The rows of a build on their way to a server. `truth`, `sums` and `count` are whole when all have passed."""

    def __init__(self, plan: BuildPlan, batches: Batches, others: Float32 | None) -> None:
        """Raises ValueError on wrong rows."""
        self._plan, self._batches = plan, batches
        groups = []
        if plan.asked != "flat":
            ids, sample = draw(batches, plan.count, 2 * QUERIES, plan.dimension)
            groups = recall_queries(ids, sample, others)
        self.truth = TrueNeighbours(groups)
        self.sums = RowSums(plan.dimension)
        self.count = 0

    def rows(self) -> Iterator[tuple[Int64, Float32]]:
        """Each batch that holds any. Raises ValueError on wrong rows; those that repeat between batches are not
        seen here."""
        for given_ids, given in self._batches():
            ids, vectors = checked_rows(given_ids, given, self._plan.dimension)
            if len(ids):
                self.truth.see(ids, vectors)
                self.sums.see(ids, vectors)
                self.count += len(ids)
                yield ids, vectors
        self.truth.complete = True


def tried_in_turn(asked: IndexType, has: Sequence[IndexType]) -> tuple[IndexType, ...]:
    """What is built in turn until the recall is reached, of what a server `has`; after these a flat one."""
    order: dict[IndexType, tuple[IndexType, ...]] = {
        "flat": (),
        "hnsw": ("hnsw", "ivf-sq8", "ivf-flat"),
        "ivf-flat": ("ivf-flat",),
        "ivf-sq8": ("ivf-sq8", "ivf-flat"),
        "ivf-pq": ("ivf-pq", "ivf-sq8", "ivf-flat"),
    }
    return tuple(each for each in order[asked] if each in has)


def is_checked_whole(count: int, dimension: int) -> bool:
    """Whether an index is compared with its sums when it is opened."""
    return count * dimension * 4 <= CHECKED_BYTES
