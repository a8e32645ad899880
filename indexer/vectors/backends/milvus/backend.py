"""Vector indexes in Milvus: a collection each, and an alias a store and kind that leads to the state of the index.

    search_<name>_<kind>                              the alias
    search_<name>_<kind>_<generation>_<random>        ids and vectors, never changed
    search_<name>_<kind>_<generation>_<random>_state  empty; its properties say which collection is the index, its state
                                                      and its sums

The alias is led on in one step, so a reader meets the old index or the new one. The collections before it stay until
the next run, for readers who have them open; who still has them then reads the catalog. The state has a collection of
its own, made when all is known: of properties that are changed later, Milvus 2.3 knows nothing after its next start.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

from indexer.errors import SearchError, StoreDamagedError, StoreError, StoreUnwritableError
from indexer.progress import Progress, Silent
from indexer.types import Float32
from indexer.vectors.backend import BuildPlan, OpenIndex
from indexer.vectors.backends.milvus.builder import PendingCollection, collection_schema, opened_index, properties_of
from indexer.vectors.backends.milvus.client import LONG, NOT_FOUND, SEARCH, SHORT, MilvusServer
from indexer.vectors.backends.milvus.collection import Collection
from indexer.vectors.backends.servers.building import Passing, is_checked_whole
from indexer.vectors.backends.servers.owner import FindOwner, Owner, refuse_other
from indexer.vectors.backends.servers.row_sums import RowSums
from indexer.vectors.base import INDEX_TYPES, Batches, IndexState, IndexType
from indexer.vectors.state_json import state_of

#: Before the names of our properties.
OURS: Final = "search."
#: Behind the name of a collection: that of its state.
STATE: Final = "_state"


@dataclass(frozen=True, slots=True)
class Held:
    """What is said where an alias leads to: the `collection` of the rows, `state` as JSON; see `Collection` for the
    others."""

    collection: str
    store: str
    key: str
    dimension: int
    built: IndexType
    beyond: int
    sums: str
    state: str


class Milvus:
    """Implements `VectorBackend`. Nothing is opened, and pymilvus is not imported, before the first call."""

    def __init__(self, url: str, find_owner: FindOwner) -> None:
        self._server = MilvusServer(url)
        self._find_owner = find_owner
        self._owner: Owner | None = None

    @property
    def owner(self) -> Owner:
        """Raises StoreError."""
        if self._owner is None:
            self._owner = self._find_owner()
        return self._owner

    def version(self, kind: str) -> Hashable | None:
        """See `VectorBackend.version`: one question to the server. None also where it cannot be reached; `open` says
        so."""
        with suppress(SearchError):
            found = self._described(kind)
            return None if found is None else str(found["collection_name"])
        return None

    def state(self, kind: str, key: str) -> IndexState | None:
        """See `VectorBackend.state`. Raises StoreDamagedError, StoreError."""
        held = self._held(kind)
        return None if held is None or held.key != key else self._state(kind, held)

    def open(self, kind: str, key: str, *, once: bool = False) -> OpenIndex | None:
        """See `VectorBackend.open`. Raises StoreDamagedError, StoreError."""
        held = self._held(kind)
        if held is None or held.key != key:
            return None
        state = self._state(kind, held)
        if is_checked_whole(state.count, held.dimension):
            self._check(kind, held)
        index = opened_index(self._collection(held), held.built, state.count, held.dimension)
        return OpenIndex(index if state.tuned is None else index.with_width(state.tuned.width), state, is_far=True)

    def build(
        self,
        kind: str,
        plan: BuildPlan,
        batches: Batches,
        queries: Float32 | None = None,
        progress: Progress | None = None,
    ) -> IndexState:
        """See `VectorBackend.build`. Raises ValueError, StoreUnwritableError, StoreError."""
        progress = progress or Silent()
        passing = Passing(plan, batches, queries)
        before = self._refused(kind)
        name = f"{self._alias(kind)}_{plan.generation}_{secrets.token_hex(4)}"
        pending = PendingCollection(self._server, kind, name, plan)
        try:
            pending.fill(passing)
            state = pending.tuned(passing, progress)
            values = {"collection": name, "store": self.owner.store, "key": plan.key, "dimension": plan.dimension}
            values |= {"built": pending.built}
            values |= {"beyond": pending.beyond, "sums": passing.sums.text, "state": json.dumps(asdict(state))}
            self._lead(kind, name, {f"{OURS}{key}": str(value) for key, value in values.items()}, is_new=before is None)
        except BaseException:
            with suppress(StoreError):
                self._drop(name)
            raise
        self._clean(kind, {name} | ({before} if before is not None else set()))
        return state

    def keep(self, kind: str) -> bool:
        """See `VectorBackend.keep`. Raises StoreError."""
        try:
            held = self._held(kind)
            if held is None:
                return False
            if is_checked_whole(self._state(kind, held).count, held.dimension):
                self._check(kind, held)
        except StoreDamagedError:
            return False
        self._clean(kind, {held.collection})
        return True

    def verify(self, kind: str) -> list[str]:
        """See `VectorBackend.verify`."""
        try:
            held = self._held(kind)
            if held is not None:
                self._state(kind, held)
                self._check(kind, held)
        except StoreError as error:
            return [str(error)]
        return []

    def discard(self, kind: str) -> None:
        """See `VectorBackend.discard`. Raises StoreError where the server cannot be reached."""
        found = self._described(kind)
        if found is not None:
            if properties_of(found).get(f"{OURS}store") != self.owner.store:
                return
            with self._server.use() as client:
                client.drop_alias(self._alias(kind), timeout=SHORT)
        self._clean(kind, set())

    def _alias(self, kind: str) -> str:
        return f"search_{self.owner.name}_{kind}"

    def _described(self, kind: str) -> Any:
        """What the server says of the collection that the alias leads to, None where there is none.

        Raises StoreError.
        """
        name = self._alias(kind)
        with self._server.use() as client:
            from pymilvus.exceptions import MilvusException

            try:
                return client.describe_collection(name, timeout=SHORT)
            except MilvusException as error:
                if error.code in NOT_FOUND:
                    return None
                raise

    def _held(self, kind: str) -> Held | None:
        """Raises StoreDamagedError, StoreError."""
        found = self._described(kind)
        if found is None:
            return None
        given = properties_of(found)
        try:
            values = {name: given[f"{OURS}{name}"] for name in ("collection", "store", "key", "sums", "state", "built")}
            if values["built"] not in INDEX_TYPES:
                raise ValueError("no type")
            numbers = {name: int(given[f"{OURS}{name}"]) for name in ("dimension", "beyond")}
        except (LookupError, ValueError) as error:
            raise self._damaged(kind, "what is kept of it is no state") from error
        return Held(**values, **numbers)  # type: ignore[arg-type]

    def _refused(self, kind: str) -> str | None:
        """The collection before, None where there is no alias. Raises StoreUnwritableError where it is none of ours."""
        found = self._described(kind)
        if found is None:
            return None
        if found["collection_name"] == self._alias(kind):
            raise StoreUnwritableError(
                f"{self._server.url} has a collection {self._alias(kind)} that is no index of this product; give this "
                "store another name in store.toml ([vectors] name), or delete the collection there."
            )
        if properties_of(found).get(f"{OURS}store", self.owner.store) != self.owner.store:
            raise refuse_other(self._server.url, self.owner.name, kind)
        return str(found["collection_name"]).removesuffix(STATE)

    def _lead(self, kind: str, name: str, properties: dict[str, str], *, is_new: bool) -> None:
        """Write down what the collection is, and lead the alias there. Raises StoreError."""
        with self._server.use() as client:
            schema = collection_schema(client, 2)  # no row ever comes
            client.create_collection(f"{name}{STATE}", schema=schema, properties=properties, timeout=SEARCH)
            lead = client.create_alias if is_new else client.alter_alias
            lead(f"{name}{STATE}", self._alias(kind), timeout=SHORT)

    def _state(self, kind: str, held: Held) -> IndexState:
        """Raises StoreDamagedError."""
        try:
            return state_of(json.loads(held.state))
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise self._damaged(kind, "what is kept of it is no state") from error

    def _collection(self, held: Held) -> Collection:
        return Collection(self._server, held.collection, held.dimension, held.built, held.beyond)

    def _check(self, kind: str, held: Held) -> None:
        """Raises StoreDamagedError, StoreError."""
        sums = RowSums(held.dimension)
        for ids, vectors in self._collection(held).rows():
            sums.see(ids, vectors)
        if sums.text != held.sums:
            raise self._damaged(kind, "its rows are not those that were written")

    def _damaged(self, kind: str, reason: str) -> StoreDamagedError:
        return StoreDamagedError(
            f"The {kind} index in {self._server.url} is damaged ({reason}); `repair()` or the next `index()` builds it "
            "again from the catalog."
        )

    def _clean(self, kind: str, keep: set[str]) -> None:
        """Delete the collections of earlier builds but these. What resists is left for the next time."""
        ours = re.compile(rf"({re.escape(self._alias(kind))}_[0-9]+_[0-9a-f]{{8}})({STATE})?")
        with suppress(StoreError), self._server.use() as client:
            for name in client.list_collections(timeout=SHORT):
                found = ours.fullmatch(name)
                if found is not None and found[1] not in keep:
                    client.drop_collection(name, timeout=LONG)

    def _drop(self, name: str) -> None:
        """Raises StoreError."""
        for each in (f"{name}{STATE}", name):
            with self._server.use() as client:
                client.drop_collection(each, timeout=SHORT)
