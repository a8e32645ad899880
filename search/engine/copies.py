"""One answer a content: copies of a photograph are one hit, and so are the same words about the same photograph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from indexer.catalog.items import Identity, Items
from indexer.types import Kind
from indexer.vectors.backend import OpenIndex
from search.engine.first_stage import CandidateRequest, FirstStage, Proposed
from search.ranked import Ranked
from search.results import Work


def rank_distinct(
    stage: FirstStage,
    request: CandidateRequest,
    kind: Kind,
    opened: OpenIndex | None,
    proposed: Proposed | None = None,
    *,
    all_copies: bool = False,
) -> tuple[Ranked, dict[int, Identity], Work]:
    """The best candidates of a kind, of each content the one with the least id; what each is; what it took.

    `request.depth` of them, where there are so many, and more where many are copies: a second stage orders as many as
    it is told to, however few hits are wanted. `all_copies`: all of each.
    `proposed`: see `FirstStage.rank`.
    """
    work, wanted = Work(), request.depth
    while True:
        ranked, contents, spent = stage.rank(request, kind, opened, proposed)
        work += spent
        if kind == "image" and all(number in contents for number in ranked.ids.tolist()):
            known: dict[int, Identity] = {number: (content_id, None) for number, content_id in contents.items()}
        else:
            known = Items(request.snapshot).identities(ranked.ids.tolist())
        if all_copies:
            return ranked, known, work
        distinct = _firsts(ranked, known)
        if len(distinct) >= wanted or len(ranked) < request.depth:  # the second: these are all that there are
            return distinct, known, work
        request, proposed = replace(request, k=2 * request.k, depth=2 * request.depth), None


def _firsts(ranked: Ranked, known: Mapping[int, Identity]) -> Ranked:
    seen: set[Identity] = set()
    kept: list[int] = []
    for at, number in enumerate(ranked.ids.tolist()):
        identity = known.get(number)
        if identity is not None and identity not in seen:
            seen.add(identity)
            kept.append(at)
    if len(kept) == len(ranked):
        return ranked
    rows = np.array(kept, np.int64)
    return Ranked(ranked.ids[rows], ranked.scores[rows], ranked.similarities[rows])
