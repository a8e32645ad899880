"""What the end of a run owes for all that came and went in it: also for what earlier runs did that were killed.

Captions are read again, and copies that are gone are marked, once everything else was looked at. How far that came is
noted in the catalog (`meta.SETTLED`): what changed after it, the next run settles, whoever changed it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from indexer.catalog import stored
from indexer.catalog.catalog import Catalog
from indexer.catalog.meta import BACK, SETTLED, Meta
from indexer.catalog.moves import Moves
from indexer.pipeline.since import Since
from indexer.pipeline.write import Found


@dataclass(frozen=True, slots=True)
class Owed:
    """`since`: the generation up to which everything was settled. `is_older`: something changed between that and this
    run; `may_be_back`: and in what was forgotten may have come back. `began`: when the run did."""

    since: int
    is_older: bool
    may_be_back: bool
    began: Since


def begin(catalog: Catalog, *, forgotten: bool) -> Owed:
    """Before a run changes anything. `forgotten`: something is, which it may bring back."""
    began = Since(catalog)
    generation = began.generation
    with catalog.snapshot() as snapshot:
        settled = stored.whole_number(Meta(snapshot).get(SETTLED))
        was_back = Meta(snapshot).get(BACK) is not None
    if settled is None or (forgotten and not was_back):
        with catalog.batch() as batch:
            if settled is None and Meta(batch).get(SETTLED) is None:  # a new store, or one of an earlier version
                Meta(batch).set(SETTLED, str(generation))
            if forgotten:
                Meta(batch).set(BACK, "due")
    since = generation if settled is None else min(settled, generation)
    return Owed(since, since < generation, was_back, began)


def with_others(catalog: Catalog, owed: Owed) -> Owed:
    """At the end of a run, also for what runs have brought that were at work at the same time, and left that to it."""
    if not owed.began.others_wrote():
        return owed
    with catalog.snapshot() as snapshot:
        back = Meta(snapshot).get(BACK) is not None
    return replace(owed, is_older=True, may_be_back=owed.may_be_back or back)


def of_earlier_runs(catalog: Catalog, owed: Owed, found: Found) -> None:
    """Add to what this run has `found` the photographs that came, or changed, after the last run that ended."""
    if not owed.is_older and not owed.may_be_back:
        return
    with catalog.snapshot() as snapshot:
        for path, content_id in Moves(snapshot).changed(owed.since):
            folder = os.path.dirname(path)
            found.places.add(folder)
            if owed.may_be_back:
                found.back_in.add(folder)
            found.reused.append(content_id)


def end(catalog: Catalog) -> None:
    """All is settled."""
    with catalog.snapshot() as snapshot:
        generation = str(snapshot.generation)
        is_noted = Meta(snapshot).get(SETTLED) == generation and Meta(snapshot).get(BACK) is None
    if not is_noted:
        with catalog.batch() as batch:
            Meta(batch).set(SETTLED, generation)
            Meta(batch).delete(BACK)
