"""The vector indexes: whether they are whole, and not newer than the catalog."""

from __future__ import annotations

from collections.abc import Iterator

from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.catalog.vectors import Vectors
from indexer.doctor.finding import Finding
from indexer.store import Store
from indexer.types import KINDS
from indexer.vectors.refresh import index_state


def check_indexes(store: Store) -> Iterator[Finding]:
    with store.catalog.snapshot() as snapshot:
        active = Encoders(snapshot).active()
        if active is None:
            return
        for kind in KINDS:
            count = Vectors(snapshot).count(kind, active[0])
            problems = store.vectors.verify(kind)
            remedy = "`repair()` builds it again"
            if problems:
                problem, _, step = problems[0].rstrip(".").partition("; ")
                yield Finding("index", problem, step or remedy)
                continue
            state = index_state(snapshot, store.vectors, kind)
            if state is None:
                if count:
                    yield Finding("index", f"the index of {count} {kind}s is missing", remedy)
            elif state.generation > snapshot.generation:
                yield Finding("index", f"the index of {kind}s is newer than the catalog", remedy)


def check_content(store: Store) -> Iterator[Finding]:
    with store.catalog.snapshot() as snapshot:
        is_empty = not any(Items(snapshot).count(kind) for kind in KINDS)
    if is_empty:
        yield Finding("index", f"{store} holds no image yet", "`index(FOLDER)` fills it", grave=False)
