"""How probable hits are by what is wanted alone, where something is subtracted from it.

A loss orders; it says nothing of how probable a hit is. An item that shows nothing of what is subtracted loses several
spreads, as its loss begins early, so that a cut by what is left took real dogs from "dog -snow". So cuts go by the
wanted before the loss, but for what clearly shows something that is subtracted: it keeps what its loss has left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.types import Kind
from search.calibration.calibration_file import Calibration
from search.calibration.curve import Background, standing
from search.calibration.probability import hit_probabilities
from search.engine.first_stage import CandidateRequest, similarities
from search.engine.places import Place, Places
from search.query.query_form import QueryForm


@dataclass(frozen=True, slots=True)
class WantedAlone:
    """What is wanted of one query. `asks`: what it is, `form`: of a text; `several`: it has several terms;
    `backgrounds`: of its similarities, by kind."""

    calibration: Calibration
    asks: Kind
    form: QueryForm | None
    several: bool
    backgrounds: Mapping[Kind, Background]

    def judged(self, best: Places, requests: Mapping[Kind, CandidateRequest], snapshot: Transaction) -> Places:
        """The same places in the same order with these estimates; what words rule out, and what clearly shows what is
        subtracted, keeps its own, and so does what words make more probable."""
        found: dict[int, float] = {}
        for kind, request in requests.items():
            found |= self._estimates([place for place in best.places if place.kind == kind], request, snapshot)
        places = [
            replace(place, probability=max(place.probability, found[place.id]))
            if place.probability and place.id in found
            else place
            for place in best.places
        ]
        return Places(places, fitted=False)

    def _estimates(self, places: Sequence[Place], request: CandidateRequest, snapshot: Transaction) -> dict[int, float]:
        """By id, of those that do not clearly show what is subtracted."""
        if not places or request.penalty is None:
            return {}
        kind = places[0].kind
        read = Vectors(snapshot).of_items([place.id for place in places], request.encoder_row, request.dimension)
        ids = np.array([place.id for place in places if place.id in read.vectors], np.int64)
        if not len(ids):
            return {}
        vectors = np.array([read.vectors[number] for number in ids.tolist()], np.float32)  # (n, d)
        near = similarities(vectors, request.embedding)
        order = np.argsort(-near, kind="stable")  # probabilities are of a list that falls
        background = self.backgrounds[kind]
        falling = near[order].tolist()
        chances = hit_probabilities(
            self.calibration, self.asks, kind, None, falling, falling, background, form=self.form, several=self.several
        )
        estimates = chances.probabilities if chances.fitted else standing(chances.probabilities, background.items)
        shown = request.penalty.clearly_shown(vectors)[order]
        return {
            number: chance
            for number, chance, is_shown in zip(ids[order].tolist(), estimates, shown.tolist(), strict=True)
            if not is_shown
        }
