"""Search by words, images, and several of these."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from search.calls.details import StoreState
from search.calls.query_options import QueryOptions
from search.console.answer_text import Form, answer_text, count_shown, for_the_shell, reason_of_absence
from search.engine.continued import places_before
from search.query.query import Query as Asking
from search.results import Results
from search.web.freshness import Revalidated
from search.web.hosts import by_socket
from search.web.leaving import while_there
from search.web.models.answers import Answer, Asked
from search.web.owner import Checked, patience_of
from search.web.problems import ProblemError, problems
from search.web.representations import DOCUMENTED, response, surroundings, wanted
from search.web.service import Served, Service, state_of

router = APIRouter(tags=["search"], responses=problems(403, 404, 422, 503), dependencies=[Checked])
_ANSWERS: dict[str, Any] = {
    "response_model": Answer,
    "response_model_exclude_none": True,
    "responses": DOCUMENTED,
}


@router.get("/search", dependencies=[Revalidated], **_ANSWERS)
async def search_by_line(request: Request, service: Served, asked: Annotated[Asked, Query()]) -> Answer | Response:
    """The best matches for a line of the query language."""
    return await _answered(request, service, asked)


@router.post("/search", **_ANSWERS)
async def search_by_body(request: Request, service: Served, asked: Asked) -> Answer | Response:
    """The same as `GET /search`, for lines that are long."""
    return await _answered(request, service, asked)


async def _answered(request: Request, service: Service, asked: Asked) -> Answer | Response:
    form = wanted(request)
    if form is not None:
        return await while_there(request, _text(request, service, asked, form))
    return await while_there(request, answer(service, await state_of(request, service), asked))


async def answer(service: Service, state: StoreState, asked: Asked) -> Answer:
    """What a question is answered with."""
    first = 1 if asked.after is None else 1 + places_before(asked.after)
    query = service.asking.query_of(asked)
    shown = service.shown(state, paths=asked.paths)
    return Answer.of(await results_of(service, query, asked, asked.k), asked.q, shown, first)


async def results_of(service: Service, query: Asking, asked: Asked, k: int, patience: float | None = None) -> Results:
    """As the library has it. `patience`: see `Batcher.answer`. Raises what it raises, ProblemError for one that waited
    longer."""
    options = QueryOptions(
        k=k,
        to=asked.to,
        min_probability=asked.min_probability,
        sort=asked.sort,
        all_copies=asked.all_copies,
        by_words=asked.by_words,
        templates=asked.templates,
        rerank=asked.rerank,
        explain=asked.explain,
    )
    try:
        return await service.queries.answer(query, options, asked.after, patience)
    except TimeoutError:
        raise ProblemError(503, "busy", "The server works on the queries of others; try again in a moment.") from None


async def _text(request: Request, service: Service, asked: Asked, form: Form) -> Response:
    """What the shell prints. Paths are told over the store's own socket, or where they are asked for."""
    query = service.asking.query_of(asked)
    tells = by_socket(request.scope) or asked.paths or form != "table"
    shown = None
    if not by_socket(request.scope):
        shown = service.shown(await state_of(request, service), paths=tells)
    counted = "k" in asked.model_fields_set
    k = asked.k if counted else count_shown(query)
    found = await results_of(service, query, asked, k, patience_of(request))

    def rendered() -> Response:
        results = for_the_shell(found)
        display = None
        if shown is not None and not tells:
            results, display = replace(results, notes=tuple(map(shown.sentence, results.notes))), shown.relative
        absence = reason_of_absence(results, form, query.to or asked.to, service.library.folder)
        where = surroundings(request)
        printed = answer_text(results, query, form, where, absence, all_wanted=not counted, display=display)
        return response(printed, form)

    return await run_in_threadpool(rendered)
