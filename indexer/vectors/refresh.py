"""When an index is built, of which type, and from what: the catalog's vectors of one generation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.catalog.meta import Meta
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import EncoderId
from indexer.errors import StoreDamagedError, UsageError
from indexer.progress import Progress
from indexer.store import Store
from indexer.types import KINDS, Float32, Int64, Kind
from indexer.vectors.base import INDEX_TYPES, IndexType

#: Items that changed since an index was built are compared one by one. Up to this many, or this share of the
#: index, that costs a query about a millisecond, and less than building the index anew.
TAIL = 1_000
TAIL_SHARE = 0.02
#: However large the index: every new process reads the tail once, 5,000 rows in 80 ms of CPU time.
TAIL_MOST = 5_000

#: Of the true first ten, as many as this are found on average: half a hit of ten is missed, and the search is several
#: times faster than one that misses nothing.
DEFAULT_RECALL = 0.95


def index_key(snapshot: Transaction, identity: EncoderId) -> str:
    """What an index belongs to: this store and this encoder. An index of another key is never used."""
    return hashlib.sha256(f"{Meta(snapshot).get('store')}\n{identity.to_json()}".encode()).hexdigest()[:32]


def check_recall(recall: float | None) -> None:
    """Raises UsageError when it is no recall that can be asked for."""
    if recall is not None and not 0 < recall <= 1:
        raise UsageError(f"--recall takes a share above 0 and up to 1 ({DEFAULT_RECALL} is the default), not {recall}.")


def build_indexes(
    store: Store,
    index_type: IndexType | None,
    progress: Progress,
    *,
    recall: float | None = None,
    kinds: Sequence[Kind] = KINDS,
    force: bool = False,
) -> None:
    """Bring the indexes of `kinds` up to date where they miss too much. Needs the store's write lock.

    `index_type` is remembered for later runs; None takes what was remembered, or chooses by size. So is `recall`, the
    share of the true first ten that an approximate index has to find (`DEFAULT_RECALL`). `force` builds them anew
    whatever they are. Raises UsageError.
    """
    check_recall(recall)
    if recall is not None:
        with store.catalog.batch() as batch:
            Meta(batch).set("recall", repr(float(recall)))
    if index_type is not None:
        if index_type not in INDEX_TYPES:
            raise UsageError(f"--index takes {', '.join(INDEX_TYPES)}, not {index_type!r}.")
        with store.catalog.batch() as batch:
            Meta(batch).set("index_type", index_type)
    for kind in kinds:
        _bring_up_to_date(store, kind, progress, force)


def _bring_up_to_date(store: Store, kind: Kind, progress: Progress, force: bool) -> None:
    from indexer.vectors.backends.faiss_files import manifest, tuning
    from indexer.vectors.backends.faiss_files.build import QUESTIONS, Plan, make_index

    folder = store.vectors_folder
    with store.catalog.snapshot() as snapshot:
        active = Encoders(snapshot).active()
        if active is None:
            return
        row, identity = active
        count = Vectors(snapshot).count(kind, row)
        if count == 0:
            manifest.discard(folder, kind)
            return
        chosen = Meta(snapshot).get("index_type")
        wanted: IndexType = next(
            (known for known in INDEX_TYPES if known == chosen), tuning.choose_type(count, identity.dimension)
        )
        key = index_key(snapshot, identity)
        target = float(Meta(snapshot).get("recall") or DEFAULT_RECALL)
        if not force and _is_good(store, snapshot, kind, key, wanted, target):
            return
        progress.phase(f"Building the index of {count:,} {'images' if kind == 'image' else 'texts'}")

        def batches() -> Iterator[tuple[Int64, Float32]]:
            return Vectors(snapshot).pages(kind, row, identity.dimension)

        generation = snapshot.generation
        other: Kind = "text" if kind == "image" else "image"
        _, others = Vectors(snapshot).sample(other, row, identity.dimension, QUESTIONS)
        plan = Plan(wanted, count, identity.dimension, target, generation, key)
        make_index(folder, kind, plan, batches, others, progress)
    with store.catalog.batch() as batch:
        Items(batch).delete_tombstones(kind, generation)


def _is_good(store: Store, snapshot: Transaction, kind: Kind, key: str, wanted: IndexType, target: float) -> bool:
    from indexer.vectors.backends.faiss_files import manifest

    try:
        stamp = manifest.check(store.vectors_folder, kind, encoder=key)
    except StoreDamagedError:
        return False
    if stamp is None or stamp.asked != wanted or stamp.generation > snapshot.generation:
        return False
    changed = Items(snapshot).changed_count(kind, stamp.generation)
    if stamp.index_type == wanted == "flat":  # building it anew costs what reading the tail would
        return changed == 0
    if stamp.tuned is None or stamp.tuned.target != target:
        return False
    return changed <= max(TAIL, min(TAIL_MOST, TAIL_SHARE * stamp.count))
