"""The parameters of a request: those behind the question mark that its route takes, each given once. No filter is left
out because its name is misspelt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, get_args, get_origin

from fastapi import Depends, Request, params
from fastapi.dependencies.utils import get_flat_params
from pydantic import BaseModel

from search.web.problems import ProblemError
from search.web.settings import PREFIX
from search.web.shown import as_text

_ELSEWHERE: Final = (params.Path, params.Header, params.Cookie)
#: Characters of a name that is told back.
_MOST: Final = 100


def parameters_of(route: Any) -> dict[str, Any]:
    """Those behind the question mark by their names, each with its type, in the order of the document."""
    taken = (each for each in get_flat_params(route.dependant) if not isinstance(each.field_info, _ELSEWHERE))
    return {each.alias: each.field_info.annotation for each in taken}


def fields_of(route: Any) -> Sequence[str]:
    """Those of the JSON that it takes, by their names."""
    taken = None if route.body_field is None else route.body_field.field_info.annotation
    models = (each for each in (taken, *get_args(taken)) if isinstance(each, type) and issubclass(each, BaseModel))
    return [name for model in models for name in model.model_fields]


async def _check(request: Request) -> None:
    """Raises ProblemError for a parameter that the route has not, and for one that is given twice and is no list:
    nobody knows which is meant."""
    given = [name for name, _ in request.query_params.multi_items()]
    if not given:
        return
    route = request.scope["route"]
    taken = parameters_of(route)
    for name in given:
        if name not in taken:
            takes = f"it takes {', '.join(map('`{}`'.format, taken))}" if taken else "it takes none"
            said = f"`{name[:_MOST]}` is no parameter of {route.path.removeprefix(PREFIX)}; {takes}."
            raise ProblemError(422, "wrong-request", as_text(said))
        if given.count(name) > 1 and get_origin(taken[name]) is not list:
            raise ProblemError(422, "wrong-request", f"`{name}` is given {given.count(name)} times; give it once.")


#: As a dependency of every route of the API.
Parameters: Final = Depends(_check)
