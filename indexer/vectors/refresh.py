"""When an index is built, of which type, and from what: the catalog's vectors of one generation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeGuard

from indexer.arguments import number, one_of
from indexer.catalog import stored
from indexer.catalog.catalog import Catalog
from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.catalog.meta import STORE, Meta
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import EncoderId
from indexer.errors import StoreDamagedError
from indexer.progress import Progress
from indexer.types import KINDS, Kind
from indexer.vectors.backend import BuildPlan, VectorBackend
from indexer.vectors.base import INDEX_TYPES, IndexState, IndexType

#: Items that changed since an index was built are compared one by one. Up to this many, or this share of the
#: index, that costs a query about a millisecond, and less than building the index anew.
TAIL = 1_000
TAIL_SHARE = 0.02
#: However large the index: every new process reads the tail once, 5,000 rows in 80 ms of CPU time.
TAIL_MOST = 5_000

#: Of the true first ten, as many as this are found on average: half a hit of ten is missed, and the search is several
#: times faster than one that misses nothing.
DEFAULT_RECALL = 0.95


#: A full scan of this many bytes (52,000 vectors of 384) takes about 6 ms on one core: less than encoding the query
#: does, it misses nothing, and there is nothing to build.
FLAT_BYTES = 80_000_000
#: Vectors of few dimensions cost more in bookkeeping than in bytes.
FLAT_COUNT = 100_000


def choose_type(count: int, dimension: int) -> IndexType:
    """The kind for `count` vectors of `dimension`: flat while a scan is not felt, then IVF with SQ8."""
    if count <= FLAT_COUNT and count * dimension * 4 <= FLAT_BYTES:
        return "flat"
    return "ivf-sq8"


def index_key(snapshot: Transaction, identity: EncoderId) -> str:
    """What an index belongs to: this store and this encoder. An index of another key is never used."""
    return key_of(Meta(snapshot).get(STORE), identity)


def key_of(store: str | None, identity: EncoderId) -> str:
    """As `index_key`; `store`: the store's id."""
    return hashlib.sha256(f"{store}\n{identity.to_json()}".encode()).hexdigest()[:32]


def check_recall(recall: float | None) -> None:
    """Raises UsageError when it is no recall that can be asked for."""
    if recall is not None:
        number(0, 1, open_below=True)("recall", recall)


def build_indexes(
    catalog: Catalog,
    vectors: VectorBackend,
    index_type: IndexType | None,
    progress: Progress,
    *,
    recall: float | None = None,
    kinds: Sequence[Kind] = KINDS,
    force: bool = False,
) -> list[str]:
    """Bring the indexes of `kinds` up to date where they miss too much. Needs the store's write lock.

    Returns a sentence for each kind of which damaged vectors had to be left out.

    `index_type` is remembered for later runs; None takes what was remembered, or chooses by size. So is `recall`, the
    share of the true first ten that an approximate index has to find (`DEFAULT_RECALL`). `force` builds them anew
    whatever they are. Raises UsageError.
    """
    note_wanted(catalog, index_type, recall)
    left_out = {kind: _bring_up_to_date(catalog, vectors, kind, progress, force) for kind in kinds}
    return [
        f"The vectors of {count:,} {kind}s are damaged, so that these are not found; `repair()` and then `index()` "
        "make them again."
        for kind, count in left_out.items()
        if count
    ]


def note_wanted(catalog: Catalog, index_type: IndexType | None, recall: float | None) -> None:
    """Remember what indexes are to be, where that was said. Raises UsageError."""
    check_recall(recall)
    if recall is not None:
        with catalog.batch() as batch:
            Meta(batch).set("recall", repr(float(recall)))
    if index_type is not None:
        one_of(INDEX_TYPES)("index_type", index_type)
        with catalog.batch() as batch:
            Meta(batch).set("index_type", index_type)


def index_state(snapshot: Transaction, vectors: VectorBackend, kind: Kind) -> IndexState | None:
    """The index of a kind and how far it is behind the catalog; None where there is none for the active encoder.

    Also where it is damaged: it is built again.
    """
    active = Encoders(snapshot).active()
    try:
        state = None if active is None else vectors.state(kind, index_key(snapshot, active[1]))
    except StoreDamagedError:
        return None
    return None if state is None else replace(state, behind=Items(snapshot).changed_count(kind, state.generation))


def _bring_up_to_date(catalog: Catalog, vectors: VectorBackend, kind: Kind, progress: Progress, force: bool) -> int:
    """Returns how many damaged vectors were left out of an index that was built."""
    from indexer.vectors.recall import QUERIES  # queries do without

    if _has_nothing(catalog, vectors, kind):
        return 0
    with catalog.snapshot() as snapshot:
        row, identity = Encoders(snapshot).required()
        count = Vectors(snapshot).count(kind, row)
        chosen = Meta(snapshot).get("index_type")
        wanted = next((known for known in INDEX_TYPES if known == chosen), choose_type(count, identity.dimension))
        target = stored.share(Meta(snapshot).get("recall"), "the recall that was asked for") or DEFAULT_RECALL
        state = index_state(snapshot, vectors, kind)
        if not force and _is_good(state, snapshot.generation, wanted, target) and vectors.keep(kind):
            generation, left_out = state.generation, 0
            if not Items(snapshot).has_tombstones(kind, generation):
                return 0
        else:
            progress.phase(f"Building the index of {count:,} {'images' if kind == 'image' else 'texts'}")
            rows = Vectors(snapshot)
            other: Kind = "text" if kind == "image" else "image"
            _, queries = Vectors(snapshot).sample(other, row, identity.dimension, QUERIES)
            generation = snapshot.generation
            plan = BuildPlan(wanted, count, identity.dimension, target, generation, index_key(snapshot, identity))
            vectors.build(kind, plan, lambda: rows.pages(kind, row, identity.dimension), queries, progress)
            left_out = len(rows.left_out)
    with catalog.batch() as batch:
        Items(batch).delete_tombstones(kind, generation)
    return left_out


def _has_nothing(catalog: Catalog, vectors: VectorBackend, kind: Kind) -> bool:
    """Whether there is nothing of a kind to build an index of: then there is none, and none holds what was deleted."""
    with catalog.snapshot() as snapshot:
        active = Encoders(snapshot).active()
        if active is None:
            return True
        if Vectors(snapshot).count(kind, active[0]):
            return False
        generation = snapshot.generation
        buried = Items(snapshot).has_tombstones(kind, generation)
    vectors.discard(kind)
    if buried:
        with catalog.batch() as batch:
            Items(batch).delete_tombstones(kind, generation)
    return True


def _is_good(state: IndexState | None, generation: int, wanted: IndexType, target: float) -> TypeGuard[IndexState]:
    """Whether an index serves as it is, at this `generation` of the catalog."""
    if state is None or state.asked != wanted or state.generation > generation:
        return False
    if state.index_type == wanted == "flat":  # building it anew costs what reading the tail would
        return state.behind == 0
    if state.tuned is None or state.tuned.target != target:
        return False
    return state.behind <= max(TAIL, min(TAIL_MOST, TAIL_SHARE * state.count))
