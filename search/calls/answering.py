"""Answers: of one query, and of many at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from indexer.errors import SearchError, StoreDamagedError, StoreError, StoreMissingError
from indexer.progress import Progress
from indexer.vectors.base import SearchParameters
from search.calls.opened import OpenStore, Session
from search.calls.query_options import QueryOptions
from search.engine.arrangement import Arrangement
from search.engine.continued import Continued, digest_of
from search.engine.listing import list_items
from search.engine.wanted import Wanted
from search.loaded_models import LoadedModels
from search.query.given import label_of, mistaken_for, query_of, unheard
from search.query.query import Query
from search.query.settings import Target
from search.rerank.base import Reranker
from search.rerank.stage import DEFAULT_COUNT, LESSENED_COUNT, Reranking
from search.results import Results

if TYPE_CHECKING:
    from search.query.given import Asked

#: Queries that are answered over one state of the catalog: what is read for them is in memory together.
AT_ONCE: Final = 64


class OpenSession(Protocol):
    """What a call works with (`Opened._session`)."""

    def __call__(
        self,
        opened: OpenStore,
        reranker: str | os.PathLike[str] | Reranker | None = None,
        *,
        with_reranker: bool,
    ) -> Session: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """One query with all that it says itself put before what the call says. `least`: None leaves nothing out.
    `unheard`: sentences about options of the call of which the query says something else."""

    given: Asked
    query: Query
    to: Target
    least: float | None
    arrangement: Arrangement
    reranking: Reranking
    unheard: tuple[str, ...] = ()
    after: Continued | None = None

    @classmethod
    def of(cls, given: Asked, options: QueryOptions) -> Plan:
        """Raises EmptyQueryError, PathNotFoundError, UsageError."""
        query = query_of(given).narrowed(options["where"])
        least = options["min_probability"] if query.min_probability is None else query.min_probability
        usual = LESSENED_COUNT if any(term.weight < 0 for term in query.terms) else DEFAULT_COUNT
        count = usual if options["rerank"] is None else options["rerank"]
        return cls(
            given,
            query,
            query.to or options["to"],
            least,
            Arrangement(query.sort or options["sort"], least, options["all_copies"]),
            Reranking(count, options["explain"], insist=options["reranker"] is not None),
            tuple(unheard(query, options)),
        )

    @property
    def wants_reranker(self) -> bool:
        images_less_words = self.to != "text" and any(
            term.kind == "text" and term.weight < 0 for term in self.query.terms
        )
        asked_across = self.to != self.query.kind or images_less_words
        return bool(self.reranking.count or self.reranking.explain) and asked_across

    def said(self, results: Results) -> Results:
        """With what there is to say of the query, and without what is not probable enough."""
        mistaken = mistaken_for(self.given) if isinstance(self.given, str) else None
        notes = (*(() if mistaken is None else (mistaken,)), *self.query.notes, *self.unheard)
        if notes:
            results = replace(results, notes=(*notes, *results.notes))
        return results.likely(self.least) if self.least and self.query.terms and results.cut is None else results


@dataclass(frozen=True, slots=True)
class Answering:
    """What queries are answered with: the store as it is open, and the models."""

    opened: OpenStore
    options: QueryOptions
    open_session: OpenSession
    models: LoadedModels

    def one(self, given: Asked, after: str | None = None) -> Results:
        """The answer to one query. Raises what `Library.query` says."""
        plan = Plan.of(given, self.options)
        if after is not None:
            plan = replace(plan, after=Continued.read(after, self._digest(plan)))
        (found,) = self._answered([plan], lambda: None)
        if isinstance(found, SearchError):
            raise found
        return found

    def many(self, given: Sequence[Asked | SearchError], progress: Progress) -> list[Results]:
        """The answers to many queries, in their order; `Results.error` of those that cannot be asked.

        Raises what concerns all of them, and what `progress` raises.
        """
        progress.phase(f"Answering {len(given):,} queries")
        progress.total(len(given))
        found: list[Results] = []
        for start in range(0, len(given), AT_ONCE):
            some = given[start : start + AT_ONCE]
            plans = [self._planned(one) for one in some]
            answers = iter(
                self._answered([one for one in plans if isinstance(one, Plan)], partial(progress.advance, 1))
            )
            for one, plan in zip(some, plans, strict=True):
                if isinstance(plan, SearchError):
                    progress.advance(1)
                answer = plan if isinstance(plan, SearchError) else next(answers)
                if isinstance(answer, SearchError):
                    answer = Results(label_of(one), notes=(str(answer),), error=answer)
                found.append(answer)
        return found

    def _planned(self, given: Asked | SearchError) -> Plan | SearchError:
        if isinstance(given, SearchError):
            return given
        try:
            return Plan.of(given, self.options)
        except SearchError as error:
            return error

    def _answered(self, plans: Sequence[Plan], done: Callable[[], None]) -> list[Results | SearchError]:
        try:
            found = self._tried(plans, done)
        except StoreDamagedError:
            if not self.opened.store.catalog.was_replaced():
                raise
            found = self._tried(plans, lambda: None)  # it was written while this reader took it for still
        return [plan.said(one) if isinstance(one, Results) else one for plan, one in zip(plans, found, strict=True)]

    def _tried(self, plans: Sequence[Plan], done: Callable[[], None]) -> list[Results | SearchError]:
        asking = [plan for plan in plans if plan.query.terms]
        answers = iter(self._searched(asking, done))
        found: list[Results | SearchError] = []
        for plan in plans:
            if plan.query.terms:
                found.append(next(answers))
            else:
                found.append(self._listed(plan))
                done()
        return found

    def _listed(self, plan: Plan) -> Results | SearchError:
        try:
            return list_items(self.opened.store, plan.query, self._wanted(plan))
        except (StoreError, StoreMissingError):
            raise
        except SearchError as error:
            return error

    def _wanted(self, plan: Plan) -> Wanted:
        options = self.options
        return Wanted(
            options["k"],
            plan.to,
            self._parameters,
            arrangement=plan.arrangement,
            use_words=options["by_words"],
            templates=options["templates"],
            after=plan.after,
            digest=partial(self._digest, plan),
        )

    @property
    def _parameters(self) -> SearchParameters:
        return (self.options["parameters"] or SearchParameters()).looked_up()

    def _digest(self, plan: Plan) -> str:
        """A name of all that decides which hits there are, and in which order."""
        options, query = self.options, plan.query
        parameters = self._parameters
        ids = [None if each is None else each.tobytes() for each in (parameters.only, parameters.exclude)]
        reranker = options["reranker"]
        named = reranker if reranker is None or isinstance(reranker, str | os.PathLike) else reranker.name
        images = [term.image_bytes for term in query.terms if term.image_bytes is not None]
        arranged = (plan.arrangement.order, plan.least, plan.arrangement.all_copies)
        how = (
            plan.to,
            plan.reranking.count,
            named,
            arranged,
            options["by_words"],
            options["templates"],
            parameters.effort,
        )
        return digest_of(str(query), *images, how, *ids)

    def _searched(self, plans: Sequence[Plan], done: Callable[[], None]) -> list[Results | SearchError]:
        if not plans:
            return []
        options = self.options
        sessions = {
            wanted: self.open_session(self.opened, options["reranker"], with_reranker=wanted)
            for wanted in dict.fromkeys(plan.wants_reranker for plan in plans)
        }
        session = next(iter(sessions.values()))
        calibration = self.models.calibration(session.encoder)
        given = [
            (
                plan.query,
                replace(
                    self._wanted(plan),
                    reranker=sessions[plan.wants_reranker].reranker,
                    reranking=plan.reranking,
                    calibration=calibration,
                ),
            )
            for plan in plans
        ]
        found = session.engine.search_many(given, session.encoder, done)
        return [
            replace(one, notes=(*sessions[plan.wants_reranker].notes, *calibration.notes, *one.notes))
            if isinstance(one, Results)
            else one
            for plan, one in zip(plans, found, strict=True)
        ]
