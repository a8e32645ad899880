"""An index -> answers: embed the query, propose candidates, score them, order them anew, say what they are."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Item, Items
from indexer.catalog.transaction import Transaction
from indexer.encoders.base import Encoder
from indexer.errors import UsageError
from indexer.types import KINDS, Float32, Kind
from indexer.vectors.base import SearchParameters
from search.calibration.background import BackgroundSamples
from search.calibration.calibration_file import Calibration, reranker_key
from search.calibration.curve import Background
from search.calibration.probability import HitProbabilities, hit_probabilities
from search.engine.clock import Clock
from search.engine.first_stage import CandidateRequest, FirstStage
from search.engine.index_cache import IndexCache
from search.query.query import TARGETS, Query, Target
from search.ranked import Ranked
from search.rerank.base import EncodedQuery, Reranker, is_familiar
from search.rerank.explain import Explanation, explain_images
from search.rerank.stage import Reranking, TokenSource, crosses, rerank
from search.results import Hit, Results, Work


class Engine:
    """Answers queries over one store. Safe to use from several threads."""

    def __init__(self, indexes: IndexCache) -> None:
        self._indexes = indexes
        self._first_stage = FirstStage()
        self._samples = BackgroundSamples()

    def search(
        self,
        query: Query,
        encoder: Encoder,
        *,
        k: int = 10,
        to: Target = "image",
        parameters: SearchParameters | None = None,
        reranker: Reranker | None = None,
        reranking: Reranking | None = None,
        calibration: Calibration | None = None,
    ) -> Results:
        """The `k` best items of the kind `to`; the first candidates as the `reranker` orders them, when there is one.

        `calibration`: what the hits' probabilities are made with; None: from the spread of the scores alone.

        Raises UsageError when k < 1, FileError for a broken query image, and what the reranker raises.
        """
        if k < 1:
            raise UsageError(f"The number of hits must be at least 1, not {k}.")
        if to not in TARGETS:
            raise UsageError(f"--to takes {', '.join(TARGETS)}, not {to!r}.")
        parameters, reranking = parameters or SearchParameters(), reranking or Reranking()
        kinds: tuple[Kind, ...] = KINDS if to == "any" else (to,)
        crossing = [kind for kind in kinds if crosses(query.kind, kind)]
        notes: list[str] = []
        work = Work()
        clock = Clock()
        opened = {kind: self._indexes.open(kind, encoder.identity) for kind in kinds}
        clock.lap("open")
        with self._indexes.store.catalog.snapshot() as snapshot:
            row, _ = Encoders(snapshot).required()
            tokens = TokenSource.open(snapshot, row, encoder)
            with_tokens = reranker is not None and reranker.needs_tokens and bool(crossing)
            asked = _ask(query, encoder, tokens, with_tokens, notes)
            clock.lap("encode")
            ranked: dict[Kind, Ranked] = {}
            for kind in kinds:
                depth = max(k, reranking.count) if reranker is not None and kind in crossing else k
                request = CandidateRequest(snapshot, row, asked.vector, k, depth, parameters)
                ranked[kind], spent = self._first_stage.rank(request, kind, opened[kind])
                work += spent
            firsts = dict(ranked)
            backgrounds = {kind: self._background(snapshot, row, asked.vector, kind, parameters) for kind in kinds}
            scorers: dict[Kind, Reranker] = {}
            clock.lap("search")
            if reranker is not None and reranking.count:
                for kind in crossing:
                    found = rerank(ranked[kind], asked, reranker, reranking, tokens)
                    ranked[kind] = found.ranked
                    work += Work(reranked=found.count)
                    if found.count:
                        scorers[kind] = reranker
                    notes += found.notes
                    clock.lap("rerank")
            chosen = _merge(firsts, ranked, backgrounds, k)
            rows = Items(snapshot).get([place.id for place in chosen])
            clock.lap("search")
            explained: dict[int, Explanation] = {}
            if reranking.explain:
                explained, said = explain_images(asked, list(rows.values()), encoder, reranker, tokens)
                notes += said
                clock.lap("explain")
        chosen = [place for place in chosen if place.id in rows]
        curves = calibration or Calibration(encoder.identity.weights)
        chances = _probabilities(curves, query.kind, chosen, backgrounds, scorers, is_familiar(reranker, asked))
        hits = tuple(
            _hit(rows[place.id], place, probability, explained.get(place.id))
            for place, probability in zip(chosen, chances.probabilities, strict=True)
        )
        return Results(str(query), hits, tuple(notes), clock.seconds, work, chances.fitted)

    def _background(
        self, snapshot: Transaction, row: int, vector: Float32, kind: Kind, parameters: SearchParameters
    ) -> Background:
        """What the similarities of a kind's items to the query `vector` (d,) look like when none matches."""
        found = self._samples.of(snapshot, kind, row, len(vector)).background(vector)
        return found if parameters.only is None else replace(found, items=min(found.items, len(parameters.only)))


def _ask(query: Query, encoder: Encoder, tokens: TokenSource, with_tokens: bool, notes: list[str]) -> EncodedQuery:
    """The query's vector, and its tokens when they are wanted and to be had, from one pass of the encoder."""
    if query.image is not None:
        from search.engine.query_image import embed_image  # brings what decodes images

        vector, regions = embed_image(query.image, encoder, tokens, tokens=with_tokens)
        return EncodedQuery("image", vector, regions, image=query.image)
    assert query.text is not None
    count = encoder.count_tokens(query.text)
    if count > encoder.max_text_tokens:
        notes.append(
            f"The query is longer than the encoder reads: only its first {encoder.max_text_tokens} of {count} "
            "word pieces count."
        )
    encoded = encoder.encode_texts([query.text], tokens=with_tokens)
    return EncodedQuery("text", encoded.vectors[0], encoded.tokens[0] if encoded.tokens else None, text=query.text)


@dataclass(frozen=True, slots=True)
class _Place:
    """What was found at one place of the answer."""

    id: int
    kind: Kind
    score: float
    similarity: float


def _merge(
    firsts: dict[Kind, Ranked], ranked: dict[Kind, Ranked], backgrounds: dict[Kind, Background], k: int
) -> list[_Place]:
    """The k best of all kinds.

    Which places a kind gets follows from the standard scores of its similarities in the first stage; which of its
    items take them, from `ranked`: scores that a second stage has joined are comparable with those of their kind only.
    """
    lists = []
    for kind, one in ranked.items():
        background = backgrounds[kind]
        places = [(float(each) - background.mean) / (background.spread or 1.0) for each in firsts[kind].similarities]
        lists.append(_entries(kind, places, one))
    merged = heapq.merge(*lists, key=lambda entry: entry[0])  # keeps the order within a kind, ties included
    return [place for _, place in islice(merged, k)]


def _entries(kind: Kind, places: list[float], one: Ranked) -> Iterator[tuple[tuple[float, int], _Place]]:
    for place, number, score, similarity in zip(places, one.ids, one.scores, one.similarities, strict=True):
        yield (-place, int(number)), _Place(int(number), kind, float(score), float(similarity))


def _probabilities(
    calibration: Calibration,
    asks: Kind,
    places: list[_Place],
    backgrounds: dict[Kind, Background],
    scorers: dict[Kind, Reranker],
    familiar: bool,
) -> HitProbabilities:
    """The probability of each place, in their order. `scorers`: who gave the scores of a kind, where a reranker did.
    `familiar`: the query is of the kind that a curve was fitted on."""
    probabilities = [0.0] * len(places)
    fitted = True
    for kind, background in backgrounds.items():
        own = [at for at, place in enumerate(places) if place.kind == kind]
        scores, near = [places[at].score for at in own], [places[at].similarity for at in own]
        key = reranker_key(scorers.get(kind))
        found = hit_probabilities(calibration, asks, kind, key, scores, near, background, familiar=familiar)
        fitted &= found.fitted
        for at, probability in zip(own, found.probabilities, strict=True):
            probabilities[at] = probability
    return HitProbabilities(tuple(probabilities), fitted)


def _hit(row: Item, place: _Place, probability: float, explanation: Explanation | None) -> Hit:
    metadata = row.metadata if row.kind == "image" else None
    return Hit(
        row.id,
        row.kind,
        row.path,
        place.score,
        place.similarity,
        probability,
        row.text,
        row.source,
        metadata,
        explanation,
    )
