"""The places of an answer: how probable each candidate is, and the kinds merged into one list."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from indexer.types import Kind
from search.calibration.calibration_file import Calibration, reranker_key
from search.calibration.curve import Background, standing
from search.calibration.probability import hit_probabilities, never_rising
from search.calibration.said import with_words
from search.engine.by_words import ByWords
from search.engine.fusion import WordMatch, fuse
from search.query.query_form import QueryForm
from search.ranked import Ranked
from search.rerank.base import Reranker
from search.results import FoundBy


@dataclass(frozen=True, slots=True)
class Place:
    """What was found at one place of the answer; without numbers where filters alone were asked. `probability`: an
    estimate where nothing was fitted (`Places.fitted`)."""

    id: int
    kind: Kind
    score: float | None = None
    similarity: float | None = None
    probability: float | None = None
    found_by: FoundBy | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """Best first. `fitted`: all probabilities come from pairs."""

    places: list[Place]
    fitted: bool


@dataclass(frozen=True, slots=True)
class Judge:
    """What gives the candidates of one query their probabilities.

    `asks`: what the query is. `backgrounds`: its similarities to each kind where none match. `scorers`: who gave the
    scores of a kind, where a reranker did. `form`: of a text. `several`: it has several terms.
    """

    calibration: Calibration
    asks: Kind
    backgrounds: Mapping[Kind, Background]
    scorers: Mapping[Kind, Reranker]
    form: QueryForm | None
    several: bool = False

    def best(
        self, ranked: Mapping[Kind, Ranked], k: int, words: ByWords | None = None, *, said_only: bool = False
    ) -> Places:
        """The k best of all kinds; `words`: what those of the query say of the images. `said_only`: of nothing but what
        words say something of.

        Scores of different kinds are not comparable, probabilities are; within a kind both have the same order. All
        candidates are judged, however few are wanted: no hit's probability depends on how many are.
        """
        lists: list[list[Place]] = []
        fitted = True
        for kind, one in ranked.items():
            key = reranker_key(self.scorers.get(kind))
            beside = words if kind == "image" else None
            found = hit_probabilities(
                self.calibration,
                self.asks,
                kind,
                key,
                one.scores.tolist(),
                one.similarities.tolist(),
                self.backgrounds[kind],
                form=self.form,
                several=self.several,
                settled=None if beside is None else [number not in beside.tail for number in one.ids.tolist()],
            )
            fitted &= found.fitted
            if beside is not None:
                places = _fused(list(_places(kind, one, found.probabilities)), beside, k, said_only=said_only)
            else:
                places = [] if said_only else list(islice(_places(kind, one, found.probabilities), k))
            lists.append(places if found.fitted else _estimated(places, self.backgrounds[kind].items))
        merged = heapq.merge(*lists, key=lambda place: -(place.probability or 0.0))  # keeps the order within a kind
        return Places(list(islice(merged, k)), fitted)


def without_probabilities(places: Places) -> Places:
    """The same in the same order; nobody knows how probable they are."""
    return Places([replace(place, probability=None) for place in places.places], fitted=False)


def _estimated(places: Sequence[Place], items: int) -> list[Place]:
    """The same in the same order, with the estimates that words are made of."""
    estimates = standing([place.probability or 0.0 for place in places], items)
    return [replace(place, probability=estimate) for place, estimate in zip(places, estimates, strict=True)]


def _places(kind: Kind, one: Ranked, probabilities: tuple[float, ...]) -> Iterator[Place]:
    rows = zip(one.ids.tolist(), one.scores.tolist(), one.similarities.tolist(), strict=True)
    for (number, score, similarity), probability in zip(rows, probabilities, strict=True):
        yield Place(number, kind, score, similarity, probability, "meaning")


def _fused(by_meaning: Sequence[Place], words: ByWords, k: int, *, said_only: bool = False) -> list[Place]:
    """The k best by meaning and words, with the probabilities that both tell; `said_only`: see `Judge.best`."""
    of_id = {place.id: place for place in by_meaning}
    first = {place.id for place in by_meaning[:k]}
    by_chance = {place.id: place.probability or 0.0 for place in by_meaning}
    both = fuse(by_chance, words.matches, words.trusted)
    told = [_told(by_chance[number], words.matches.get(number)) for number, _ in both]
    chances = never_rising(told, [place < words.settled for place in range(len(told))])
    rows = zip(both, chances, strict=True)
    found: list[Place] = []
    for (number, score), chance in islice((row for row in rows if not said_only or row[0][0] in words.matches), k):
        place, match = of_id[number], words.matches.get(number)
        by = place.found_by if match is None or match.unwanted else "both" if number in first else "words"
        found.append(replace(place, score=score, probability=chance, found_by=by))
    return found


def _told(chance: float, match: WordMatch | None) -> float:
    """How probable a photograph is by what it shows, and by what is said of it."""
    if match is None:
        return chance
    if match.unwanted:  # whatever it looks like: it is said not to be what was asked for
        return 0.0
    return with_words(chance, match.said, captioned=match.captioned)
