"""One query between what was asked and its hits: what is known of it so far, and the steps that find out more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from indexer.catalog.items import Identity, Items
from indexer.catalog.transaction import Transaction
from indexer.encoders.base import Encoder
from indexer.errors import EmptyQueryError
from indexer.types import Kind
from indexer.vectors.backend import OpenIndex
from search.calibration.background import BackgroundSamples, Sample
from search.calibration.calibration_file import Calibration
from search.calibration.curve import Background
from search.engine.absence import reason_of_absence
from search.engine.arrangement import Arranged, arrange
from search.engine.asked import Asked, lessened_kinds, reranked_kinds
from search.engine.asked_words import NO_WORDS, AskedWords
from search.engine.by_words import Beside, Brought, ByWords
from search.engine.copies import rank_distinct
from search.engine.eligible import eligible_of
from search.engine.first_stage import CandidateRequest, FirstStage, Proposed
from search.engine.fusion import DEPTH
from search.engine.hits import HitRows, hits_of
from search.engine.named_folders import named_in_full, said_of_folder
from search.engine.penalty import Penalty, loss_of
from search.engine.places import Judge, Places, without_probabilities
from search.engine.wanted import Wanted
from search.engine.wanted_alone import WantedAlone
from search.query.content_words import ContentWord, content_words, meaning_names, unwanted_words
from search.query.query import Query
from search.query.query_form import form_of
from search.query.resolve import Resolved
from search.ranked import Ranked
from search.rerank.base import Reranker
from search.rerank.explain import Explanation, explain_images
from search.rerank.stage import Loss, Reranked, TokenSource, lessen, rerank, rerank_more
from search.results import Results, Work


@dataclass(frozen=True, slots=True)
class Setting:
    """One state of a store, and what queries are answered with in it. `encoder_row`: its id in the catalog,
    `newest`: the highest id of an item."""

    snapshot: Transaction
    encoder: Encoder
    encoder_row: int
    tokens: TokenSource
    indexes: Mapping[Kind, OpenIndex | None]
    stage: FirstStage
    samples: BackgroundSamples
    newest: int


@dataclass(slots=True)
class UnderWay:
    """`curves`: what probabilities are made with; `where`: the conditions. The rest comes with the steps: `requests`,
    `ranked`, `penalties` and `backgrounds` of each kind, the `words`, what the candidates are (`known`), who has
    `scored` a kind anew, the places, and what a person should know (`notes`)."""

    query: Query
    wanted: Wanted
    asked: Asked
    curves: Calibration
    where: Resolved | None
    notes: list[str] = field(default_factory=list)
    work: Work = field(default_factory=Work)
    words: AskedWords = NO_WORDS
    requests: dict[Kind, CandidateRequest] = field(default_factory=dict)
    penalties: dict[Kind, Penalty | None] = field(default_factory=dict)
    backgrounds: dict[Kind, Background] = field(default_factory=dict)
    ranked: dict[Kind, Ranked] = field(default_factory=dict)
    known: dict[int, Identity] = field(default_factory=dict)
    scored: dict[Kind, Reranker] = field(default_factory=dict)
    by_words: ByWords | None = None
    best: Places = field(default_factory=lambda: Places([], False))
    arranged: Arranged = field(default_factory=lambda: Arranged([]))
    cursor: str | None = None

    @property
    def asked_words(self) -> tuple[Sequence[ContentWord], Sequence[Sequence[ContentWord]]]:
        """The words of the query that are looked for, and those of what it subtracts."""
        if not self.wanted.use_words or "image" not in self.wanted.kinds:
            return (), ()
        return meaning_names(content_words(self.query), self.asked.unread), unwanted_words(self.query)

    @property
    def crossing(self) -> list[Kind]:
        """The kinds that a reranker orders."""
        return reranked_kinds(self.query, self.wanted.kinds) if self.wanted.reranker is not None else []

    @property
    def looked_at(self) -> list[Kind]:
        """The kinds that a reranker looks at, be it for what is subtracted alone."""
        lessened = lessened_kinds(self.query, self.wanted.kinds) if self.wanted.reranker is not None else []
        return list(dict.fromkeys([*self.crossing, *lessened]))

    def request(self, setting: Setting) -> None:
        """Step 1: what is asked of the first stage. Raises EmptyQueryError where there is nothing to search for."""
        wanted, snapshot = self.wanted, setting.snapshot
        unread = self.asked.said_of_unread(self.words.has, wanted.arrangement.least)
        self.notes += [*self.asked.notes, *(() if unread is None else (unread,))]
        self.notes += () if self.where is None else self.where.notes
        guesses = self.asked.said_of_guesses
        if guesses is not None and not self.words.weights:
            if self.asked.nothing is not None and self.asked.nothing.certain:
                raise EmptyQueryError(guesses)
            self.notes.append(guesses)
        parameters = wanted.parameters
        if wanted.after is not None:  # what came since its first page does not show
            wanted.after.check(snapshot.generation)
            newer = np.array(Items(snapshot).newer(wanted.after.newest), np.int64)
            own = newer if parameters.exclude is None else np.union1d(newer, parameters.exclude)
            parameters = replace(parameters, exclude=own if len(own) else None)
        for kind in wanted.kinds:
            count = max(wanted.pool, DEPTH) if self.words and kind == "image" else wanted.pool
            depth = max(count, wanted.reranking.count) if kind in self.looked_at else count
            sample = setting.samples.of(snapshot, kind, setting.encoder_row, setting.encoder.identity.dimension)
            vector, penalty = self.asked.against(kind, sample, self.curves)
            eligible = eligible_of(snapshot, self.where, kind, setting.indexes[kind])
            request = CandidateRequest(
                snapshot, setting.encoder_row, vector, count, depth, parameters, penalty, eligible
            )
            self.requests[kind], self.penalties[kind] = request, penalty
            self.backgrounds[kind] = _background(request, sample, self.asked, kind, self.curves)

    def find(self, setting: Setting, proposed: Mapping[Kind, Proposed]) -> None:
        """Step 2: the candidates. `proposed`: by indexes that were asked for many queries at once."""
        apart = self.wanted.arrangement.all_copies
        for kind, request in self.requests.items():
            self.ranked[kind], found, spent = rank_distinct(
                setting.stage, request, kind, setting.indexes[kind], proposed.get(kind), all_copies=apart
            )
            self.known |= found
            self.work += spent

    def reranked_ids(self) -> list[int]:
        """The items whose tokens step 3 looks at."""
        reranker, count = self.wanted.reranker, self.wanted.reranking.count
        if reranker is None or not reranker.needs_tokens or not count:
            return []
        return [number for kind in self.looked_at for number in self.ranked[kind].ids[:count].tolist()]

    def rerank(self, setting: Setting) -> dict[Kind, Reranked]:
        """Step 3: the first candidates as the reranker orders them, for `take`. Several queries may do so at once."""
        reranker, reranking = self.wanted.reranker, self.wanted.reranking
        if reranker is None or not reranking.count:
            return {}
        found: dict[Kind, Reranked] = {}
        for kind in self.looked_at:
            first, loss = self.ranked[kind], self._loss(kind, setting)
            if kind in self.crossing:
                found[kind] = rerank(first, self.asked.query, reranker, reranking, setting.tokens, loss)
            elif loss is not None:
                found[kind] = lessen(first, kind, reranker, reranking, setting.tokens, loss)
        return found

    def take(self, reranked: Mapping[Kind, Reranked]) -> None:
        """What step 3 has found."""
        for kind, again in reranked.items():
            self.ranked[kind] = again.ranked
            self.work += Work(reranked=again.count)
            self.notes += again.notes
            if again.count and self.wanted.reranker is not None and kind in self.crossing:
                self.scored[kind] = self.wanted.reranker

    @property
    def beside(self) -> Beside:
        """What the words of the query are put beside in step 4."""
        apart = self.wanted.arrangement.all_copies
        request, ranked = self.requests["image"], self.ranked["image"]
        return Beside(self.words, request, ranked, self.known, self.backgrounds["image"], apart)

    def join_words(self, setting: Setting, brought: Brought) -> None:
        """Step 4: what the words of captions, names and places have found besides."""
        scored_as: Callable[[Ranked], Ranked] | None = None
        if "image" in self.scored:
            loss = self._loss("image", setting)
            first, query = self.ranked["image"], self.asked.query
            scored_as = partial(rerank_more, first, query, self.scored["image"], setting.tokens, loss)
        self.by_words = brought.joined(scored_as)
        self.ranked["image"] = self.by_words.ranked
        self.known |= self.by_words.known

    def named_ids(self) -> list[int]:
        """The items whose names say all of the query, where one text is all of it and they may stand behind others."""
        if self.by_words is None or self.asked.several or self.asked.query.text is None:
            return []
        return named_in_full(self.by_words.matches, self.by_words.trusted)

    def tell_folder(self, paths: Sequence[str]) -> None:
        """Whether the query is the name of a folder. `paths`: of the items `named_ids`."""
        folder = said_of_folder(self.asked.query.text or "", paths)
        self.notes += () if folder is None else (folder,)

    def judge(self, setting: Setting) -> None:
        """Step 5: how probable the candidates are, and which of them are hits, in their order."""
        asked, wanted = self.asked, self.wanted
        text = asked.query.text
        form = None if text is None else form_of(text)
        judge = Judge(self.curves, asked.query.kind, self.backgrounds, self.scored, form, asked.several)
        said_only = asked.nothing is not None and bool(self.words.weights)  # else unread words seem to be answered
        best = judge.best(self.ranked, wanted.pool, self.by_words, said_only=said_only)
        falling = not asked.subtracted
        if asked.subtracted:
            several = sum(term.weight > 0 for term in self.query.terms) > 1
            alone = WantedAlone(self.curves, asked.query.kind, form, several, self.backgrounds)
            best = alone.judged(best, self.requests, setting.snapshot)
        self.best = without_probabilities(best) if asked.unread else best
        arranged = arrange(setting.snapshot, self.best, wanted.arrangement, wanted.reach, falling=falling)
        shown, self.cursor = wanted.page(arranged.places, setting.snapshot.generation, setting.newest)
        self.arranged = replace(arranged, places=shown)
        self.notes += self.arranged.notes

    def explain(self, setting: Setting, rows: HitRows) -> dict[int, Explanation]:
        """Step 6: of each image of the hits which words met which of its regions, where that is wanted."""
        if not self.wanted.reranking.explain:
            return {}
        items = [rows.items[place.id] for place in self.arranged.places if place.id in rows.items]
        found, said = explain_images(self.asked.query, items, setting.encoder, self.wanted.reranker, setting.tokens)
        self.notes += said
        return found

    def results(
        self,
        setting: Setting,
        rows: HitRows,
        explained: Mapping[int, Explanation],
        damage: Sequence[str],
        seconds: dict[str, float],
    ) -> Results:
        """Step 7: the answer. `damage`: notes on what the catalog has lost."""
        snapshot, where = setting.snapshot, self.where
        hits = hits_of(
            snapshot,
            self.arranged.places,
            rows,
            self.known,
            explained,
            self.asked.content_ids,
            self.wanted.arrangement.all_copies,
            None if where is None else where.criterion,
            fitted=self.best.fitted,
            worded=not self.asked.subtracted,  # similarities lessened by a loss stand out as nothing that was measured
        )
        reason = None
        if not self.best.places and self.query.where is not None:
            reason = reason_of_absence(snapshot, self.query.where, self.wanted.kinds)
        notes = (*self.notes, *damage)
        fitted, arranged = self.best.fitted, self.arranged
        results = Results(self.query.label, hits, notes, seconds, self.work, fitted, arranged.cut, reason)
        return replace(results, matches=arranged.matches, more_matches=arranged.more_matches, cursor=self.cursor)

    def _loss(self, kind: Kind, setting: Setting) -> Loss | None:
        if self.wanted.reranker is None:
            return None
        return loss_of(self.penalties[kind], self.wanted.reranker, setting.tokens, kind)


def _background(request: CandidateRequest, sample: Sample, asked: Asked, kind: Kind, curves: Calibration) -> Background:
    """What the similarities of a kind's items to the query look like when none matches. Of the whole collection,
    whatever conditions leave of it: a photograph is as probable with a filter as without."""
    typical = curves.curve("text", "text", None).typical if kind == asked.query.kind == "text" else None
    found, only = sample.background(request.embedding, typical), request.parameters.only
    return found if only is None else replace(found, items=min(found.items, len(only)))
