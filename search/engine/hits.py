"""What was found, as hits: where it is, what else holds it, and whether it is still there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.catalog.criteria import Criterion
from indexer.catalog.files import Files
from indexer.catalog.items import Identity, Item, Items
from indexer.catalog.selection import Selection
from indexer.catalog.shown_facts import ShownFact, ShownFacts
from indexer.catalog.transaction import Transaction
from indexer.storage.shown import is_missing, is_shown
from indexer.types import Kind
from search.engine.dated import dated, facts_of
from search.engine.places import Place
from search.rerank.explain import Explanation
from search.results import Hit

#: Copies of a hit of which it is seen whether they are there; thousands on a slow drive would hold the answer up.
LOOKED_AT: Final = 100


@dataclass(frozen=True, slots=True)
class HitRows:
    """What hits are made of, read at once for all of one answer or of several: `items` and `facts` by item id,
    `holders`: the paths of photographs by content."""

    items: Mapping[int, Item]
    facts: Mapping[int, ShownFact]
    holders: Mapping[int, Sequence[str]]

    @classmethod
    def read(cls, snapshot: Transaction, answers: Sequence[tuple[Sequence[Place], Mapping[int, Identity]]]) -> HitRows:
        """`answers`: the places of each, and what was found there, by item id."""
        items = Items(snapshot).get(list(dict.fromkeys(place.id for places, _ in answers for place in places)))
        facts = facts_of(snapshot, list(items.values()))
        wanted = {
            number
            for places, known in answers
            for place in places
            if place.id in items and (number := _photograph(place.kind, known[place.id])) is not None
        }
        return cls(items, facts, Files(snapshot).paths_of(sorted(wanted)))


def hits_of(
    snapshot: Transaction,
    places: Sequence[Place],
    said: HitRows,
    known: Mapping[int, Identity],
    explained: Mapping[int, Explanation],
    asked: Set[int],
    all_copies: bool = False,
    where: Criterion | None = None,
    *,
    fitted: bool = True,
    worded: bool = True,
) -> tuple[Hit, ...]:
    """The hits at `places`, but for those that are no longer in the catalog.

    `said`: what was read of them; `known`, `explained`: by item id. `asked`: row ids of the contents of the
    query's images, where they are indexed. `all_copies`: a copy is a hit of its own, and no hit names others.
    `fitted`: what the places have are probabilities, not estimates. `worded`: estimates are good for words.
    `where`: what was to be found; a copy takes the place of a file that is gone only where it is selected, too.
    """
    hits: list[Hit] = []
    others: dict[int, ShownFact] = {}
    for place in places:
        if place.id not in said.items:
            continue
        row, photograph = said.items[place.id], _photograph(place.kind, known[place.id])
        holding = [] if photograph is None or all_copies else said.holders.get(photograph, ())
        number, path, missing = place.id, row.path, False
        if not is_shown(path):
            if place.kind == "image":  # a copy that is there, and may be looked at, is the better answer
                path = next((each for each in holding if is_shown(each) and _fits(snapshot, each, where)), path)
                if path != row.path and (number := Items(snapshot).at(path) or place.id) != place.id:
                    others |= ShownFacts(snapshot).get([number])
            missing = path == row.path and is_missing(path)
        copies = [each for each in holding if each != path]
        also = [*(each for each in copies[:LOOKED_AT] if not is_missing(each)), *copies[LOOKED_AT:]]
        hits.append(
            Hit(
                number,
                place.kind,
                path,
                place.score,
                place.similarity,
                place.probability if fitted else None,
                row.text,
                path if place.kind == "image" else row.source,
                row.metadata if place.kind == "image" else None,
                explained.get(place.id),
                also=tuple(also),
                missing=missing,
                same=place.kind == "image" and photograph in asked,
                found_by=place.found_by,
                guess=None if fitted else place.probability,
                worded=worded,
            )
        )
    return dated(hits, {**said.facts, **others})


def _fits(snapshot: Transaction, path: str, where: Criterion | None) -> bool:
    """Whether conditions select the photograph at a path."""
    if where is None:
        return True
    number = Items(snapshot).at(path)
    return number is not None and len(Selection(snapshot).among(where, "image", np.array([number], np.int64))) == 1


def _photograph(kind: Kind, identity: Identity) -> int | None:
    """Row id of the content of the photograph that an item is, or is about."""
    content_id, about = identity
    if kind == "image":
        return content_id
    return about if isinstance(about, int) else None
