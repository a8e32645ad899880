"""A collection on its way to be an index: made under a name of its own, filled, tuned.

all rows --insert--> the collection, and the queries' true neighbours, in one pass
the collection --> an index of Milvus --> its recall, the least width that reaches the target
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from indexer.progress import Progress
from indexer.types import Int64
from indexer.vectors.backend import BuildPlan
from indexer.vectors.backends.milvus.client import LONG, SEARCH, MilvusServer
from indexer.vectors.backends.milvus.collection import EVENTUALLY, Collection
from indexer.vectors.backends.milvus.types import TYPES, widths
from indexer.vectors.backends.servers.building import INDEXED_LEAST, Passing, tried_in_turn
from indexer.vectors.backends.servers.server_index import ServerIndex
from indexer.vectors.base import INDEX_TYPES, IndexState, IndexType, Tuned
from indexer.vectors.recall import exact, tune

#: Bytes of vectors in one call; a server takes 64 MB.
INSERT_BYTES: Final = 8_000_000


class PendingCollection:
    """A collection of this name, to which no alias leads yet."""

    def __init__(self, server: MilvusServer, kind: str, name: str, plan: BuildPlan) -> None:
        self.name = name
        self.built: IndexType = "flat"
        self.beyond = 1
        self._server, self._kind, self._plan = server, kind, plan

    def fill(self, passing: Passing) -> None:
        """Raises ValueError on wrong rows, StoreError."""
        with self._server.use() as client:
            schema = collection_schema(client, self._plan.dimension)
            client.create_collection(self.name, schema=schema, consistency_level=EVENTUALLY, timeout=SEARCH)
        held: list[Int64] = [np.empty(0, np.int64)]
        at_once = max(1, INSERT_BYTES // (4 * self._plan.dimension))
        for ids, vectors in passing.rows():
            held.append(ids)
            for start in range(0, len(ids), at_once):
                some = slice(start, start + at_once)
                rows = [
                    {"id": number, "vector": vector}
                    for number, vector in zip(ids[some].tolist(), vectors[some], strict=True)
                ]
                with self._server.use() as client:
                    client.insert(self.name, rows, timeout=SEARCH)
        every = np.sort(np.concatenate(held))
        if bool((every[1:] == every[:-1]).any()):  # Milvus takes them
            raise ValueError("ids must not repeat")
        self.beyond = int(every[-1]) + 1 if len(every) else 1
        with self._server.use() as client:
            client.flush(self.name, timeout=LONG)

    def tuned(self, passing: Passing, progress: Progress) -> IndexState:
        """The state of the index after it was built, as what reaches the recall that is wanted."""
        plan = self._plan
        if passing.count < INDEXED_LEAST:
            self.make_index("flat", passing.count)
            return self._state(plan.asked, passing, exact(plan.target))
        for index_type in tried_in_turn(plan.asked, INDEX_TYPES):
            progress.phase(f"Building the {index_type} index of {passing.count:,} vectors in Milvus")
            self.make_index(index_type, passing.count)
            progress.phase(f"Measuring the recall of the {self._kind} index")
            found, reached = tune(self.index(passing.count), passing.truth, plan.target)
            if reached:
                return self._state(index_type, passing, found)
            with self._server.use() as client:
                client.release_collection(self.name, timeout=LONG)
                client.drop_index(self.name, "vector", timeout=LONG)
            progress.phase(f"{index_type} finds {found.recall:.3f} of the nearest at best; building a better index")
        self.make_index("flat", passing.count)
        return self._state("flat", passing, exact(plan.target))

    def make_index(self, index_type: IndexType, count: int) -> None:
        """An index of Milvus over the rows, and all of it in the memory of the server. Raises StoreError."""
        self.built = index_type
        known = TYPES[index_type]
        with self._server.use() as client:
            made = client.prepare_index_params()
            parameters = known.parameters(count, self._plan.dimension)
            made.add_index("vector", index_type=known.name, metric_type="IP", params=parameters)
            client.create_index(self.name, made, timeout=LONG)
            client.load_collection(self.name, timeout=LONG)

    def index(self, count: int) -> ServerIndex:
        """What searches it."""
        collection = Collection(self._server, self.name, self._plan.dimension, self.built, self.beyond)
        return opened_index(collection, self.built, count, self._plan.dimension)

    def _state(self, index_type: IndexType, passing: Passing, tuned: Tuned) -> IndexState:
        size = 8 + TYPES[self.built].bytes(self._plan.dimension)  # what it takes in memory; Milvus does not tell
        return IndexState(
            index_type, self._plan.asked, passing.count, 64 + size * passing.count, 0, tuned, self._plan.generation
        )


def opened_index(collection: Collection, built: IndexType, count: int, dimension: int) -> ServerIndex:
    """The index that a collection is, not tuned."""
    width, most = widths(built, count)
    return ServerIndex(collection, count, dimension, built, width=width, width_most=most)


def collection_schema(client: Any, dimension: int) -> Any:
    """Ids and vectors."""
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
    return schema


def properties_of(found: Any) -> dict[str, str]:
    """What a description says that we wrote."""
    return {str(name): str(value) for name, value in dict(found.get("properties") or {}).items()}
