"""An index -> answers: embed the query, propose candidates, score them, order them anew, say what they are."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from indexer.arguments import one_of, whole
from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Identity, Items
from indexer.encoders.answers import ask_texts
from indexer.encoders.base import Encoder
from indexer.encoders.registry import check_encoder
from indexer.types import KINDS, Kind
from indexer.vectors.base import SearchParameters
from search.calibration.background import BackgroundSamples
from search.calibration.calibration_file import Calibration
from search.calibration.curve import Background, TypicalBackground
from search.calibration.typical_texts import typical_of_texts
from search.engine.clock import Clock
from search.engine.copies import rank_distinct
from search.engine.first_stage import CandidateRequest, FirstStage
from search.engine.hits import hits_of
from search.engine.index_cache import IndexCache
from search.engine.places import Judge
from search.query.query import Query
from search.query.settings import TARGETS, Target
from search.ranked import Ranked
from search.rerank.base import EncodedQuery, Reranker, is_familiar
from search.rerank.explain import Explanation, explain_images
from search.rerank.stage import Reranking, TokenSource, crosses, rerank
from search.results import Results, Work

#: More than any store of one machine holds.
MAX_HITS = 1_000_000_000


class Engine:
    """Answers queries over one store. Safe to use from several threads."""

    def __init__(self, indexes: IndexCache) -> None:
        self._indexes = indexes
        self._first_stage = FirstStage()
        self._samples = BackgroundSamples()
        self._texts: dict[str, TypicalBackground] = {}

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
        k, to = whole(1, MAX_HITS)("k", k), one_of(TARGETS)("to", to)
        parameters, reranking = parameters or SearchParameters(), reranking or Reranking()
        kinds: tuple[Kind, ...] = KINDS if to == "any" else (to,)
        crossing = [kind for kind in kinds if crosses(query.kind, kind)]
        notes: list[str] = []
        work = Work()
        clock = Clock()
        opened = {kind: self._indexes.open(kind, encoder.identity) for kind in kinds}
        clock.lap("open")
        # No state of the catalog is held while models compute: connections are few, and threads may be many.
        with_tokens = reranker is not None and reranker.needs_tokens and bool(crossing)
        asked, content_id = self._ask(query, encoder, with_tokens, notes)
        curves = self._curves(calibration, query.kind, kinds, encoder)
        clock.lap("encode")
        store = self._indexes.store
        with store.catalog.snapshot() as snapshot:
            row, active = Encoders(snapshot).required()
            check_encoder(store.folder, active, encoder.identity)
            tokens = TokenSource.open(snapshot, row, encoder)
            ranked: dict[Kind, Ranked] = {}
            known: dict[int, Identity] = {}
            for kind in kinds:
                depth = max(k, reranking.count) if reranker is not None and kind in crossing else k
                request = CandidateRequest(snapshot, row, asked.vector, k, depth, parameters)
                ranked[kind], found, spent = rank_distinct(self._first_stage, request, kind, opened[kind])
                known |= found
                work += spent
            backgrounds: dict[Kind, Background] = {}
            for kind in kinds:
                typical = curves.curve("text", "text", None).typical if kind == query.kind == "text" else None
                backgrounds[kind] = self._background(request, kind, typical)
            scorers: dict[Kind, Reranker] = {}
            clock.lap("search")
            if reranker is not None and reranking.count:
                for kind in crossing:
                    again = rerank(ranked[kind], asked, reranker, reranking, tokens)
                    ranked[kind] = again.ranked
                    work += Work(reranked=again.count)
                    if again.count:
                        scorers[kind] = reranker
                    notes += again.notes
                    clock.lap("rerank")
            judge = Judge(curves, query.kind, backgrounds, scorers, is_familiar(reranker, asked))
            best = judge.best(ranked, k)
            rows = Items(snapshot).get([place.id for place in best.places])
            clock.lap("search")
            explained: dict[int, Explanation] = {}
            if reranking.explain:
                explained, said = explain_images(asked, list(rows.values()), encoder, reranker, tokens)
                notes += said
                clock.lap("explain")
            hits = hits_of(snapshot, best.places, rows, known, explained, content_id)
            notes += _damage(snapshot.left_out)
        return Results(query.label, hits, tuple(notes), clock.seconds, work, best.fitted)

    def _ask(
        self, query: Query, encoder: Encoder, with_tokens: bool, notes: list[str]
    ) -> tuple[EncodedQuery, int | None]:
        """The query's vector, and its tokens when they are wanted and to be had, from one pass of the encoder; and of
        an image the row id of its content, where it is indexed."""
        if query.text is None:
            from search.engine.query_image import embed_image  # brings what decodes images

            found = embed_image(query, encoder, self._indexes.store.catalog, tokens=with_tokens)
            asked = EncodedQuery("image", found.vector, found.tokens, image=query.image, image_bytes=query.image_bytes)
            return asked, found.content_id
        count = encoder.count_tokens(query.text)
        if count > encoder.max_text_tokens:
            notes.append(
                f"The query is longer than the encoder reads: only its first {encoder.max_text_tokens} of {count} "
                "word pieces count."
            )
        encoded = ask_texts(encoder, [query.text], tokens=with_tokens)
        words = encoded.tokens[0] if encoded.tokens else None
        return EncodedQuery("text", encoded.vectors[0], words, text=query.text), None

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

    def _background(self, request: CandidateRequest, kind: Kind, typical: TypicalBackground | None) -> Background:
        """What the similarities of a kind's items to the query look like when none matches."""
        sample = self._samples.of(request.snapshot, kind, request.encoder_row, request.dimension)
        found, only = sample.background(request.embedding, typical), request.parameters.only
        return found if only is None else replace(found, items=min(found.items, len(only)))


def _damage(left_out: Set[tuple[str, int]]) -> list[str]:
    """What a person should know where the catalog is not what was written."""
    count = sum(table != "token" for table, _ in left_out)
    if count:
        what = "one item" if count == 1 else f"{count:,} items"
        return [f"The catalog is damaged: at least {what} cannot be read, and so not be found; `repair()` mends it."]
    if left_out:
        return ["The catalog is damaged: tokens of some candidates cannot be read; `repair()` mends it."]
    return []
