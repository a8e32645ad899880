"""Answers: of one query, and of many at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from indexer.encoders.base import Encoder
from indexer.errors import EncoderError, SearchError, StoreDamagedError, StoreError, StoreMissingError
from indexer.images.sniff import IMAGE_SUFFIXES
from indexer.progress import Progress
from indexer.settings import thread_count
from indexer.vectors.base import SearchParameters
from search.calls.opened import OpenStore, Session
from search.computing import own_thread
from search.engine.arrangement import Arrangement
from search.engine.listing import list_items
from search.loaded_models import LoadedModels
from search.query.query import Query, image_query, is_address
from search.query.settings import Order, Target
from search.query.terms import texts_to_encode
from search.rerank.base import Reranker
from search.rerank.stage import DEFAULT_COUNT, Reranking
from search.results import Results

if TYPE_CHECKING:
    from search.query.filter import Filter
    from search.query.pictures import Picture

    #: What a library is asked with.
    Asked = str | Query | Picture


@dataclass(frozen=True, slots=True)
class Options:
    """How queries are answered: the arguments of `Library.query`."""

    k: int
    to: Target
    parameters: SearchParameters | None
    rerank: int | None
    reranker: str | os.PathLike[str] | Reranker | None
    explain: bool
    min_probability: float
    sort: Order | None
    all_copies: bool
    by_words: bool
    where: Filter | None


class OpenSession(Protocol):
    """What a call works with (`Opened._session`)."""

    def __call__(
        self,
        opened: OpenStore,
        reranker: str | os.PathLike[str] | Reranker | None = None,
        *,
        with_reranker: bool,
    ) -> Session: ...


def answer(
    opened: OpenStore,
    given: Asked,
    options: Options,
    open_session: OpenSession,
    models: LoadedModels,
    encoder: Encoder | None = None,
) -> Results:
    """The answer to one query. `encoder`: stands for the store's own, and knows some texts already.

    Raises what `Library.query` says.
    """
    wanted = query_of(given).narrowed(options.where)
    to = wanted.to or options.to
    least = (options.min_probability or None) if wanted.min_probability is None else wanted.min_probability
    arrangement = Arrangement(wanted.sort or options.sort, least, options.all_copies)
    count = DEFAULT_COUNT if options.rerank is None else options.rerank
    reranking = Reranking(count, options.explain, insist=options.reranker is not None)

    def search() -> Results:
        if not wanted.terms:
            return list_items(opened.store, wanted, options.k, to, arrangement)
        needed = bool(reranking.count or options.explain) and to != wanted.kind
        session = open_session(opened, options.reranker, with_reranker=needed)
        calibration = models.calibration(session.encoder)
        results = session.engine.search(
            wanted,
            encoder or session.encoder,
            k=options.k,
            to=to,
            parameters=options.parameters,
            reranker=session.reranker,
            reranking=reranking,
            calibration=calibration,
            arrangement=arrangement,
            use_words=options.by_words,
        )
        return replace(results, notes=(*session.notes, *calibration.notes, *results.notes))

    try:
        results = search()
    except StoreDamagedError:
        if not opened.store.catalog.was_replaced():
            raise
        results = search()  # it was written while this reader, who may not write, took it for still
    said = _mistaken(given) if isinstance(given, str) else None
    notes = (*(() if said is None else (said,)), *wanted.notes)
    if notes:
        results = replace(results, notes=(*notes, *results.notes))
    return results.likely(least) if least and wanted.terms and results.cut is None else results


@own_thread()
def answer_many(
    opened: OpenStore,
    given: Sequence[Asked | SearchError],
    options: Options,
    open_session: OpenSession,
    models: LoadedModels,
    progress: Progress,
) -> list[Results]:
    """The answers to many queries, in their order; `Results.error` of those that cannot be asked.

    Raises what concerns all of them, and what `progress` raises.
    """
    from search.fast_start.prefetched_encoder import PrefetchedEncoder, encode_ahead

    progress.phase(f"Answering {len(given):,} queries")
    progress.total(len(given))
    queries = [_try(one) for one in given]
    texts = dict.fromkeys(
        text for query in queries if isinstance(query, Query) for text in texts_to_encode(query.terms)
    )
    encoder = open_session(opened, with_reranker=False).encoder
    ahead: Encoder | None = None
    if len(texts) > 1:
        ahead = PrefetchedEncoder(encode_ahead(encoder, tuple(texts)), opened.store.folder, None, encoder)

    def one(place: int) -> Results:
        query = queries[place]
        if isinstance(query, Query):
            asked = given[place]
            try:
                return answer(opened, asked if isinstance(asked, str) else query, options, open_session, models, ahead)
            except (StoreError, StoreMissingError, EncoderError):
                raise
            except SearchError as error:
                query = error
        return Results(_label(given[place]), notes=(str(query),), error=query)

    found: list[Results] = []
    with ThreadPoolExecutor(max(1, min(thread_count(), len(given))), "query") as pool:
        waiting = [pool.submit(one, place) for place in range(len(given))]
        try:
            for future in waiting:
                found.append(future.result())
                progress.advance(1)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


def _try(given: Asked | SearchError) -> Query | SearchError:
    """What is asked for, or why that cannot be."""
    if isinstance(given, SearchError):
        return given
    try:
        return query_of(given)
    except SearchError as error:
        return error


def _label(given: Asked | SearchError) -> str:
    if isinstance(given, Query):
        return given.label
    return os.fspath(given) if isinstance(given, str | os.PathLike) else "(bytes)"


def query_of(given: Asked) -> Query:
    """What is asked for. Raises EmptyQueryError, PathNotFoundError, UsageError."""
    if isinstance(given, os.PathLike):
        return image_query(os.fspath(given))
    if isinstance(given, str):
        return Query(text=given)
    assert isinstance(given, Query), "made of what is in memory by the rule of the argument"
    return given


def _mistaken(query: str) -> str | None:
    """What to say of words that look like an image."""
    if is_address(query):
        return (
            "A query that is a str is words, an address too, and nothing is fetched from the network; Path(...) asks "
            "with the image in a file, its content (bytes) with one that a program has fetched."
        )
    if os.path.splitext(query)[1].lower() in IMAGE_SUFFIXES:
        return "A query that is a str is words; Path(...) asks with the image of that name."
    return None
