"""An index -> answers: embed the query, propose candidates, score them, order them anew, say what they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from functools import partial

from indexer.arguments import one_of, whole
from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Identity, Items
from indexer.catalog.words import DAMAGED
from indexer.encoders.base import Encoder
from indexer.encoders.registry import check_encoder
from indexer.errors import EmptyQueryError
from indexer.types import KINDS, Kind
from indexer.vectors.base import SearchParameters
from search.calibration.background import BackgroundSamples, Sample
from search.calibration.calibration_file import Calibration
from search.calibration.curve import Background, TypicalBackground
from search.calibration.typical_texts import typical_of_texts
from search.computing import own_thread
from search.engine.absence import reason_of_absence
from search.engine.arrangement import Arrangement, arrange
from search.engine.asked import Asked, ask, reranked_kinds
from search.engine.asked_words import AskedWords
from search.engine.by_words import ByWords, beside
from search.engine.clock import Clock
from search.engine.copies import rank_distinct
from search.engine.eligible import eligible_of
from search.engine.first_stage import CandidateRequest, FirstStage
from search.engine.fusion import DEPTH
from search.engine.hits import hits_of
from search.engine.index_cache import IndexCache
from search.engine.penalty import Penalty, loss_of
from search.engine.places import Judge, without_probabilities
from search.query.content_words import content_words
from search.query.query import Query
from search.query.resolve import resolve
from search.query.settings import TARGETS, Target
from search.ranked import Ranked
from search.rerank.base import Reranker, is_familiar
from search.rerank.explain import Explanation, explain_images
from search.rerank.stage import Reranking, TokenSource, rerank, rerank_more
from search.results import Results, Work

_WORDS = "The words of captions, names and places are damaged, so meaning alone answers; `repair()` mends them."
#: More than any store of one machine holds.
MAX_HITS = 1_000_000_000


class Engine:
    """Answers queries over one store. Safe to use from several threads."""

    def __init__(self, indexes: IndexCache) -> None:
        self._indexes = indexes
        self._first_stage = FirstStage()
        self._samples = BackgroundSamples()
        self._texts: dict[str, TypicalBackground] = {}

    @own_thread()
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
        arrangement: Arrangement | None = None,
        use_words: bool = False,
    ) -> Results:
        """The `k` best items of the kind `to`; the first candidates as the `reranker` orders them, when there is one.

        `calibration`: what the hits' probabilities are made with; None: from the spread of the scores alone.
        `use_words`: what captions, names and places say finds photographs, too.

        Raises UsageError when k < 1, FileError for a broken query image, and what the reranker raises.
        """
        k, to = whole(1, MAX_HITS)("k", k), one_of(TARGETS)("to", to)
        parameters, reranking = parameters or SearchParameters(), reranking or Reranking()
        arrangement = arrangement or Arrangement()
        pool = arrangement.pool(k)
        kinds: tuple[Kind, ...] = KINDS if to == "any" else (to,)
        crossing = reranked_kinds(query, kinds)
        work = Work()
        clock = Clock()
        opened = {kind: self._indexes.open(kind, encoder.identity) for kind in kinds}
        clock.lap("open")
        where = None if query.where is None else resolve(query.where)
        # No state of the catalog is held while models compute: connections are few, and threads may be many.
        with_tokens = reranker is not None and reranker.needs_tokens and bool(crossing)
        store = self._indexes.store
        asked = ask(query, encoder, store.catalog, tokens=with_tokens)
        notes = [*asked.notes, *(() if where is None else where.notes)]
        curves = self._curves(calibration, asked.query.kind, kinds, encoder)
        clock.lap("encode")
        with store.catalog.snapshot() as snapshot:
            row, active = Encoders(snapshot).required()
            check_encoder(store.folder, active, encoder.identity)
            tokens = TokenSource.open(snapshot, row, encoder)
            words = AskedWords.of(snapshot, content_words(query) if use_words and "image" in kinds else ())
            if asked.nothing is not None and not words:
                raise EmptyQueryError(asked.nothing)
            ranked: dict[Kind, Ranked] = {}
            known: dict[int, Identity] = {}
            penalties: dict[Kind, Penalty | None] = {}
            requests: dict[Kind, CandidateRequest] = {}
            backgrounds: dict[Kind, Background] = {}
            for kind in kinds:
                wanted = max(pool, DEPTH) if words and kind == "image" else pool
                depth = max(wanted, reranking.count) if reranker is not None and kind in crossing else wanted
                sample = self._samples.of(snapshot, kind, row, encoder.identity.dimension)
                vector, penalties[kind] = asked.against(kind, sample, curves)
                eligible = eligible_of(snapshot, where, kind, opened[kind])
                request = CandidateRequest(snapshot, row, vector, wanted, depth, parameters, penalties[kind], eligible)
                requests[kind] = request
                ranked[kind], found, spent = rank_distinct(
                    self._first_stage, request, kind, opened[kind], all_copies=arrangement.all_copies
                )
                known |= found
                work += spent
                backgrounds[kind] = _background(request, sample, asked, kind, curves)
            scorers: dict[Kind, Reranker] = {}
            clock.lap("search")
            if reranker is not None and reranking.count:
                for kind in crossing:
                    loss = loss_of(penalties[kind], reranker, snapshot, row)
                    again = rerank(ranked[kind], asked.query, reranker, reranking, tokens, loss)
                    ranked[kind] = again.ranked
                    work += Work(reranked=again.count)
                    if again.count:
                        scorers[kind] = reranker
                    notes += again.notes
                    clock.lap("rerank")
            by_words: ByWords | None = None
            if words:
                scored_as: Callable[[Ranked], Ranked] | None = None
                if "image" in scorers:
                    loss = loss_of(penalties["image"], scorers["image"], snapshot, row)
                    scored_as = partial(rerank_more, ranked["image"], asked.query, scorers["image"], tokens, loss)
                apart = arrangement.all_copies
                by_words = beside(words, requests["image"], ranked["image"], known, scored_as, all_copies=apart)
                ranked["image"] = by_words.ranked
                known |= by_words.known
                clock.lap("words")
            familiar = is_familiar(reranker, asked.query)
            judge = Judge(curves, asked.query.kind, backgrounds, scorers, familiar, asked.several)
            best = judge.best(ranked, pool, by_words)
            if asked.unread:
                best = without_probabilities(best)
            arranged = arrange(snapshot, best.places, arrangement, k)
            notes += arranged.notes
            rows = Items(snapshot).get([place.id for place in arranged.places])
            clock.lap("search")
            explained: dict[int, Explanation] = {}
            if reranking.explain:
                explained, said = explain_images(asked.query, list(rows.values()), encoder, reranker, tokens)
                notes += said
                clock.lap("explain")
            hits = hits_of(
                snapshot,
                arranged.places,
                rows,
                known,
                explained,
                asked.content_ids,
                arrangement.all_copies,
                None if where is None else where.criterion,
            )
            notes += _damage(snapshot.left_out)
            reason = None
            if not best.places and query.where is not None:
                reason = reason_of_absence(snapshot, query.where, kinds)
        results = Results(query.label, hits, tuple(notes), clock.seconds, work, best.fitted, arranged.cut, reason)
        return replace(results, matches=arranged.matches, more_matches=arranged.more_matches)

    def _curves(
        self, calibration: Calibration | None, asks: Kind, kinds: Sequence[Kind], encoder: Encoder
    ) -> Calibration:
        """What probabilities are made with; of texts that nobody fitted, what is typical is found out once: it takes
        as long as a few queries."""
        curves = calibration or Calibration(encoder.identity.weights)
        if asks != "text" or "text" not in kinds or curves.curve("text", "text", None).fitted:
            return curves
        key = encoder.identity.weights
        if key not in self._texts:
            self._texts[key] = typical_of_texts(encoder)
        return curves.guessing(self._texts[key])


def _background(request: CandidateRequest, sample: Sample, asked: Asked, kind: Kind, curves: Calibration) -> Background:
    """What the similarities of a kind's items to the query look like when none matches. Of the whole collection,
    whatever conditions leave of it: a photograph is as probable with a filter as without."""
    typical = curves.curve("text", "text", None).typical if kind == asked.query.kind == "text" else None
    found, only = sample.background(request.embedding, typical), request.parameters.only
    return found if only is None else replace(found, items=min(found.items, len(only)))


def _damage(left_out: Set[tuple[str, int]]) -> list[str]:
    """What a person should know where the catalog is not what was written."""
    words = [_WORDS] if DAMAGED in left_out else []
    left_out = left_out - {DAMAGED}
    count = sum(table != "token" for table, _ in left_out)
    if count:
        what = "one item" if count == 1 else f"{count:,} items"
        return [
            f"The catalog is damaged: at least {what} cannot be read, and so not be found; `repair()` mends it.",
            *words,
        ]
    if left_out:
        return ["The catalog is damaged: tokens of some candidates cannot be read; `repair()` mends it.", *words]
    return words
