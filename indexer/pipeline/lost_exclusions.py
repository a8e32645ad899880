"""Forgotten paths that are no longer there: what was in them may have come back under another name.

Of what is forgotten nothing is kept but the path, so it cannot be known again; a person can.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from indexer.catalog import stored
from indexer.catalog.catalog import Catalog
from indexer.catalog.exclusions import Exclusions
from indexer.catalog.meta import LOST_EXCLUSIONS, Meta
from indexer.catalog.moves import is_in, moved_path
from indexer.catalog.roots import Roots
from indexer.catalog.transaction import Transaction
from indexer.files.mounts import is_deleted
from indexer.files.scope import nearest


def tell_lost_exclusions(catalog: Catalog, places: Collection[str]) -> list[str]:
    """At most one sentence, about the exclusions that are gone while their roots are there, in a run that found new
    photographs in `places` (folders). Each is told once, and again when it had come back."""
    with catalog.snapshot() as snapshot:
        excluded = Exclusions(snapshot).all()
        if not excluded:
            return []
        mounts = {row.path: row.mount for row in Roots(snapshot).all()}
        told = set(stored.texts(Meta(snapshot).get(LOST_EXCLUSIONS) or "[]", "forgotten paths"))
    lost = []
    for path in excluded:
        root = nearest(path, mounts)
        if root is not None and is_deleted(path, root, mounts[root]):
            lost.append(path)
    untold = [path for path in lost if path not in told] if places else []
    kept = told.intersection(lost).union(untold)
    if kept != told:
        with catalog.batch() as batch:
            Meta(batch).set(LOST_EXCLUSIONS, json.dumps(sorted(kept)))
    return [_sentence(untold, sorted(places))] if untold else []


def follow_told(batch: Transaction, old: str, new: str) -> None:
    """What was told of paths in `old` was told of those in `new`, where that folder is now."""
    told = stored.texts(Meta(batch).get(LOST_EXCLUSIONS) or "[]", "forgotten paths")
    moved = [moved_path(path, old, new) if is_in(path, old) else path for path in told]
    if moved != list(told):
        Meta(batch).set(LOST_EXCLUSIONS, json.dumps(sorted(moved)))


def _sentence(lost: list[str], places: list[str]) -> str:
    which = f"{lost[0]} was forgotten and is" if len(lost) == 1 else f"{len(lost):,} forgotten paths are"
    first = "" if len(lost) == 1 else f" (first: {lost[0]})"
    where = places[0] if len(places) == 1 else f"{len(places):,} folders (first: {places[0]})"
    return (
        f"{which} no longer there{first}. What was renamed or moved can be found again under its new name: this run "
        f"found new photographs in {where}; `forget(PATH)` with the new name takes it out."
    )
