"""The call that asks."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from indexer import arguments
from indexer.arguments import checked, flag, instance, optional, whole
from indexer.errors import StoreDamagedError
from indexer.images.sniff import IMAGE_SUFFIXES
from indexer.vectors.base import SearchParameters
from search.arguments import asked, kind_of_answer, reranker_or_name
from search.calls.opened import Opened
from search.engine.arrangement import Arrangement
from search.engine.engine import MAX_HITS
from search.engine.listing import list_items
from search.query.query import Query, image_query, is_address
from search.query.settings import ORDERS, Order, Target
from search.rerank.base import Reranker
from search.rerank.stage import DEFAULT_COUNT, MAX_COUNT, Reranking
from search.results import Results

if TYPE_CHECKING:
    from search.query.filter import Filter
    from search.query.pictures import Picture

    #: What a library is asked with.
    Asked = str | Query | Picture


class Querying(Opened):
    """See `search.Library`."""

    @checked(
        query=asked,
        k=whole(1, MAX_HITS),
        to=kind_of_answer,
        parameters=optional(instance("indexer.vectors.base", "SearchParameters")),
        rerank=optional(whole(0, MAX_COUNT)),
        reranker=optional(reranker_or_name),
        explain=flag,
        min_probability=arguments.number(0, 1),
        sort=optional(arguments.one_of(ORDERS)),
        all_copies=flag,
        where=optional(instance("search.query.filter", "Filter")),
    )
    def query(
        self,
        query: Asked,
        *,
        k: int = 10,
        to: Target = "image",
        parameters: SearchParameters | None = None,
        rerank: int | None = None,
        reranker: str | os.PathLike[str] | Reranker | None = None,
        explain: bool = False,
        min_probability: float = 0.0,
        sort: Order | None = None,
        all_copies: bool = False,
        where: Filter | None = None,
    ) -> Results:
        """The `k` best matches for words, or for an image.

        A `str` is words, whatever they look like; a `Path` is an image file; bytes are the content of one; and images
        of Pillow and arrays are taken as `search.Query` says. `to`: "image", "text" (captions) or "any".

        Between words and images, a second stage scores the first `rerank` candidates anew (None: 100, 0: none).
        `reranker`: the folder of one, "blip:PATH_OR_ID", or an object that follows `search.Reranker`; None
        takes the store's own or the one that ships, if it was trained for the store's encoder. `explain`: say of each
        image that words found which of them met which of its regions (`Hit.explanation`). `min_probability`: leave out
        hits of the `k` that are less probable; the result may be empty. `sort`: "date", "name", "size", a minus before
        it for the other way round: of all that are so probable (without `min_probability`: not weak), up to 10,000, not
        of the first `k`. `all_copies`: copies of a photograph are hits of their own. What a Query says itself comes
        before these. `where`: what hits have to be besides, beside what a Query asks of them itself.

        A Query without words and images lists what its filters leave, by `sort` (the newest first).

        Raises EmptyQueryError, PathNotFoundError, UsageError, FileError for a query image that does not decode,
        StoreMissingError, EncoderError, StoreError.
        """
        wanted = _query_of(query).narrowed(where)
        to = wanted.to or to
        least = (min_probability or None) if wanted.min_probability is None else wanted.min_probability
        arrangement = Arrangement(wanted.sort or sort, least, all_copies)
        reranking = Reranking(DEFAULT_COUNT if rerank is None else rerank, explain, insist=reranker is not None)

        def answer() -> Results:
            if not wanted.terms:
                return list_items(opened.store, wanted, k, to, arrangement)
            needed = bool(reranking.count or explain) and to != wanted.kind
            session = self._session(opened, reranker, with_reranker=needed)
            calibration = self._models.calibration(session.encoder)
            results = session.engine.search(
                wanted,
                session.encoder,
                k=k,
                to=to,
                parameters=parameters,
                reranker=session.reranker,
                reranking=reranking,
                calibration=calibration,
                arrangement=arrangement,
            )
            return replace(results, notes=(*session.notes, *calibration.notes, *results.notes))

        with self._reading() as opened:
            try:
                results = answer()
            except StoreDamagedError:
                if not opened.store.catalog.was_replaced():
                    raise
                results = answer()  # it was written while this reader, who may not write, took it for still
        said = _mistaken(query) if isinstance(query, str) else None
        notes = (*(() if said is None else (said,)), *wanted.notes)
        if notes:
            results = replace(results, notes=(*notes, *results.notes))
        return results.likely(least) if least and wanted.terms and results.cut is None else results


def _query_of(given: Asked) -> Query:
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
