"""The calls that ask."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Unpack

from indexer import arguments
from indexer.arguments import Rule, checked, flag, instance, optional, whole
from indexer.progress import Progress, Silent
from indexer.vectors.base import SearchParameters
from search.arguments import asked, asked_many, kind_of_answer, progress_given, reranker_or_name
from search.calls.answering import Answering
from search.calls.opened import Opened
from search.calls.query_options import DEFAULT_OPTIONS, QueryOptions
from search.engine.wanted import MAX_HITS
from search.query.settings import ORDERS, Order, Target
from search.rerank.base import Reranker
from search.rerank.stage import MAX_COUNT
from search.results import Results

if TYPE_CHECKING:
    from search.query.filter import Filter
    from search.query.given import Asked


#: What the options of queries may be.
OPTION_RULES: Final[dict[str, Rule]] = {
    "k": whole(1, MAX_HITS),
    "to": kind_of_answer,
    "parameters": optional(instance("indexer.vectors.base", "SearchParameters")),
    "rerank": optional(whole(0, MAX_COUNT)),
    "reranker": optional(reranker_or_name),
    "explain": flag,
    "min_probability": optional(arguments.number(0, 1)),
    "sort": optional(arguments.one_of(ORDERS)),
    "all_copies": flag,
    "by_words": flag,
    "templates": optional(flag),
    "where": optional(instance("search.query.filter", "Filter")),
}


class Querying(Opened):
    """See `search.Library`."""

    @checked(query=asked, after=optional(arguments.text), **OPTION_RULES)
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
        min_probability: float | None = None,
        sort: Order | None = None,
        all_copies: bool = False,
        by_words: bool = True,
        templates: bool | None = None,
        where: Filter | None = None,
        after: str | None = None,
    ) -> Results:
        """The `k` best matches for words, or for an image.

        A `str` is words, whatever they look like; a `Path` is an image file; bytes are the content of one; and images
        of Pillow and arrays are taken as `search.Query` says. `to`: "image", "text" (captions) or "any".

        Between words and images, a second stage scores the first `rerank` candidates anew (None: 30, or 100 where
        something is subtracted; 0: none). `reranker`: the folder of one, "blip:PATH_OR_ID", or an object that follows
        `search.Reranker`; None takes the store's own or the one that ships, if it was trained for the store's encoder.
        `explain`: say of each image that words found which of them met which of its regions (`Hit.explanation`).
        `min_probability`: leave out hits of the `k` that are less probable (0.0: none); the result may be empty.
        `sort`: "date", "name", "size", a minus before it for the other way round: of all that are so probable (without
        `min_probability`: not weak), up to 10,000, not of the first `k`. `all_copies`: copies of a photograph are hits
        of their own. `by_words`: the words of captions, keywords, names and places find photographs, too, beside what
        they show. `templates`: whether a class name ("corgi", "stop sign") is asked for in prompt templates, too (None:
        as the encoder does by itself; docs/ranking.md). What a Query says itself comes before these; where they differ,
        `Results.notes` says so. `where`: what hits have to be besides, beside what a Query asks of them itself.

        `after`: `Results.cursor` of the same query with the same options (`k` may differ): the hits behind those. While
        others index, none comes twice, and what came since the first page does not show.

        A Query without words and images lists what its filters leave, by `sort` (the newest first).

        Raises EmptyQueryError, PathNotFoundError, UsageError, FileError for a query image that does not decode,
        StoreMissingError, EncoderError, StoreError.
        """
        options = QueryOptions(
            k=k,
            to=to,
            parameters=parameters,
            rerank=rerank,
            reranker=reranker,
            explain=explain,
            min_probability=min_probability,
            sort=sort,
            all_copies=all_copies,
            by_words=by_words,
            templates=templates,
            where=where,
        )
        with self._reading() as opened:
            return Answering(opened, options, self._session, self._models).one(query, after)

    @checked(queries=asked_many, progress=optional(progress_given), **OPTION_RULES)
    def query_many(
        self, queries: Sequence[Asked], *, progress: Progress | None = None, **options: Unpack[QueryOptions]
    ) -> list[Results]:
        """The answers to many queries, in their order: those of `query`, in less time. `options`: as for `query`.

        They go through the encoder and the index together, 64 over one state of the store, and are reranked on all
        cores. A score may differ from that of `query` in its last bits (texts of one length are computed together), by
        less than 0.00001. `Results.seconds`: a query's share.

        A query that cannot be asked (no words, an image that is not there or does not decode) has no hits and its
        `Results.error`; the others are answered. What concerns all is raised: StoreMissingError, EncoderError,
        StoreError, UsageError for more than 10,000 queries, TypeError, and what `progress` raises.
        """
        with self._reading() as opened:
            return Answering(opened, {**DEFAULT_OPTIONS, **options}, self._session, self._models).many(
                queries, progress or Silent()
            )
