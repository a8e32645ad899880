"""An index -> answers: embed the query, propose candidates, score them, order them anew, say what they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from indexer.catalog.items import Items
from indexer.catalog.transaction import Transaction
from indexer.encoders.base import Encoder, EncoderId
from indexer.encoders.registry import check_encoder
from indexer.errors import EncoderError, SearchError, StoreError, StoreMissingError
from indexer.types import KINDS, Kind
from indexer.vectors.backend import OpenIndex
from search.calibration.background import BackgroundSamples
from search.calibration.calibration_file import Calibration
from search.calibration.curve import TypicalBackground
from search.calibration.typical_texts import typical_of_texts
from search.computing import map_parts, own_thread
from search.engine.asked import ask, encoded_together, lessened_kinds, reranked_kinds
from search.engine.asked_words import weigh
from search.engine.by_words import bring
from search.engine.clock import Clock
from search.engine.damage import damage_of
from search.engine.ensembles import Ensembles
from search.engine.first_stage import FirstStage, Proposed
from search.engine.hits import HitRows
from search.engine.index_cache import IndexCache
from search.engine.under_way import Setting, UnderWay
from search.engine.wanted import Wanted
from search.query.query import Query
from search.query.resolve import resolve
from search.rerank.stage import Reranked, TokenSource
from search.results import Results

#: What concerns all queries of a call, and not the one that meets it first.
_OF_ALL = (StoreError, StoreMissingError, EncoderError)


def _nothing() -> None:
    """What is done where nobody counts."""


class Engine:
    """Answers queries over one store. Safe to use from several threads."""

    def __init__(self, indexes: IndexCache) -> None:
        self._indexes = indexes
        self._first_stage = FirstStage()
        self._samples = BackgroundSamples()
        self._texts: dict[str, TypicalBackground] = {}
        self._ensembles = Ensembles()
        self._newest = (-1, 0)  # generation, the highest id of an item

    def encoder_of(self, snapshot: Transaction) -> EncoderId | None:
        """The identity of the encoder that the store was made with; None where there is none yet. Raises StoreError."""
        active = self._indexes.encoder.of(snapshot)
        return None if active is None else active[1]

    def index(self, kind: Kind, identity: EncoderId) -> OpenIndex | None:
        """The vector index of a kind; None where there is none. Raises StoreError."""
        return self._indexes.open(kind, identity)

    def search(self, query: Query, encoder: Encoder, wanted: Wanted | None = None) -> Results:
        """The answer to one query.

        Raises EmptyQueryError, UsageError for a place that nobody knows, FileError for a broken query image, and what
        the reranker raises.
        """
        (found,) = self.search_many([(query, wanted or Wanted())], encoder)
        if isinstance(found, SearchError):
            raise found
        return found

    @own_thread()
    def search_many(
        self,
        given: Sequence[tuple[Query, Wanted]],
        encoder: Encoder,
        done: Callable[[], None] = _nothing,
    ) -> list[Results | SearchError]:
        """The answers to queries over one state of the catalog, each that of `search`, or why it has none.

        All are encoded together, ask each index together, and share what is read of the catalog; all cores rerank.
        `done` is called once for each. `Results.seconds`: a query's share. Raises StoreError, EncoderError, and what
        `done` raises.
        """
        found = self._search_many(given, encoder, done)
        again: dict[int, tuple[Query, Wanted]] = {}
        for place, (query, wanted) in enumerate(given):
            wider = wanted.arrangement.widened(wanted.reach)
            results = found[place]
            if wider is not None and isinstance(results, Results) and results.more_matches:
                again[place] = query, replace(wanted, arrangement=wider)
        if again:
            for place, results in zip(again, self._search_many(list(again.values()), encoder, _nothing), strict=True):
                found[place] = results
        return found

    def _search_many(
        self, given: Sequence[tuple[Query, Wanted]], encoder: Encoder, done: Callable[[], None]
    ) -> list[Results | SearchError]:
        clock = Clock()
        opened = {
            kind: self._indexes.open(kind, encoder.identity)
            for kind in KINDS
            if any(kind in wanted.kinds for _, wanted in given)
        }
        clock.lap("open")
        # No state of the catalog is held while models encode: connections are few, and threads may be many.
        asking = [(query, wanted.templates) for query, wanted in given]
        knowing = encoded_together(asking, encoder, self._indexes.store.folder)
        found: dict[int, Results | SearchError] = {}
        ways: dict[int, UnderWay] = {}
        for place, (query, wanted) in enumerate(given):
            try:
                ways[place] = self._asked(query, wanted, knowing)
            except _OF_ALL:
                raise
            except SearchError as error:
                found[place] = error
        clock.lap("encode")
        with self._indexes.store.catalog.snapshot() as snapshot:
            setting = self._setting(snapshot, encoder, opened)
            for way, words in zip(
                ways.values(), weigh(snapshot, [way.asked_words for way in ways.values()]), strict=True
            ):
                way.words = words
            for place, way in list(ways.items()):
                try:
                    way.request(setting)
                except _OF_ALL:
                    raise
                except SearchError as error:
                    found[place] = error
                    del ways[place]
            _find(list(ways.values()), setting)
            clock.lap("search")
            _rerank(list(ways.values()), setting, clock, done)
            _join_words([way for way in ways.values() if way.words], setting, clock)
            for way in ways.values():
                way.judge(setting)
            rows = HitRows.read(snapshot, [(way.arranged.places, way.known) for way in ways.values()])
            clock.lap("search")
            explained = {place: way.explain(setting, rows) for place, way in ways.items()}
            if any(way.wanted.reranking.explain for way in ways.values()):
                clock.lap("explain")
            damage = damage_of(snapshot, filtered=any(way.query.where is not None for way in ways.values()))
            seconds = {step: spent / len(given) for step, spent in clock.seconds.items()}
            for place, way in ways.items():
                found[place] = way.results(setting, rows, explained[place], damage, dict(seconds))
        for _ in range(len(given) - len(ways)):
            done()
        return [found[place] for place in range(len(given))]

    def _asked(self, query: Query, wanted: Wanted, encoder: Encoder) -> UnderWay:
        where = None if query.where is None else resolve(query.where)
        tokens = wanted.reranker is not None and wanted.reranker.needs_tokens
        tokens &= bool(reranked_kinds(query, wanted.kinds) or lessened_kinds(query, wanted.kinds))
        catalog = self._indexes.store.catalog
        asked = ask(query, encoder, catalog, self._ensembles, tokens=tokens, templates=wanted.templates)
        curves = self._curves(wanted.calibration, asked.query.kind, wanted.kinds, encoder)
        return UnderWay(query, wanted, asked, curves, where)

    def _setting(self, snapshot: Transaction, encoder: Encoder, opened: dict[Kind, OpenIndex | None]) -> Setting:
        """Raises EncoderMismatchError where the store has another encoder by now."""
        row, active = self._indexes.encoder.required(snapshot)
        check_encoder(self._indexes.store.folder, active, encoder.identity)
        tokens = TokenSource.open(snapshot, row, encoder)
        generation, newest = self._newest
        if generation != snapshot.generation:
            newest = Items(snapshot).newest()
            self._newest = snapshot.generation, newest
        return Setting(snapshot, encoder, row, tokens, opened, self._first_stage, self._samples, newest)

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
            self._texts = {key: typical_of_texts(encoder)}
        return curves.guessing(self._texts[key])


def _find(ways: Sequence[UnderWay], setting: Setting) -> None:
    """The candidates of all; of several queries each index is asked for all at once."""
    proposed: list[dict[Kind, Proposed]] = [{} for _ in ways]
    if len(ways) > 1:
        for kind, index in setting.indexes.items():
            asking = [place for place, way in enumerate(ways) if kind in way.requests]
            requests = [ways[place].requests[kind] for place in asking]
            for place, one in zip(asking, setting.stage.propose(requests, kind, index), strict=True):
                if one is not None:
                    proposed[place][kind] = one
    for way, own in zip(ways, proposed, strict=True):
        way.find(setting, own)


def _rerank(ways: Sequence[UnderWay], setting: Setting, clock: Clock, done: Callable[[], None]) -> None:
    """The second stage of all, on all cores; the tokens of all candidates are read at once."""
    setting.tokens.read_ahead(list(dict.fromkeys(number for way in ways for number in way.reranked_ids())))

    @own_thread()  # of several, each computes by itself
    def several(way: UnderWay) -> dict[Kind, Reranked]:
        return way.rerank(setting)

    if len(ways) == 1:
        ways[0].take(ways[0].rerank(setting))
        done()
    else:
        for way, reranked in zip(ways, map_parts(several, ways, done), strict=True):
            way.take(reranked)
    if any(way.looked_at and way.wanted.reranking.count for way in ways):
        clock.lap("rerank")


def _join_words(ways: Sequence[UnderWay], setting: Setting, clock: Clock) -> None:
    """What words bring besides, of all queries some of whose words are said of something."""
    found = bring(setting.snapshot, [way.beside for way in ways])
    scored = [(way.scored.get("image"), one.brought.ids.tolist()) for way, one in zip(ways, found, strict=True)]
    ahead = [number for by, ids in scored if by is not None and by.needs_tokens for number in ids]
    setting.tokens.read_ahead(list(dict.fromkeys(ahead)))
    for way, one in zip(ways, found, strict=True):
        way.join_words(setting, one)
    named = [way.named_ids() for way in ways]
    items = Items(setting.snapshot).get(list(dict.fromkeys(number for ids in named for number in ids)))
    for way, ids in zip(ways, named, strict=True):
        way.tell_folder([items[number].path for number in ids if number in items])
    if ways:
        clock.lap("words")
