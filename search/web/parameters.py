"""What stands behind the question mark of an address: parameters that a route has not are refused, so that no filter is
left out because its name is misspelt."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import isclass
from typing import Final

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from search.web.problems import ProblemError
from search.web.settings import PREFIX
from search.web.shown import as_text

#: Characters of a name that is told back.
_MOST: Final = 100


async def _known(request: Request) -> None:
    """Raises ProblemError for the first parameter that the route has not."""
    route = request.scope["route"]
    own = parameters_of(route) if request.query_params else ()
    unknown = next((name for name in request.query_params if name not in own), None)
    if unknown is not None:
        takes = f"it takes {', '.join(map('`{}`'.format, own))}" if own else "it takes none"
        said = f"`{unknown[:_MOST]}` is no parameter of {route.path.removeprefix(PREFIX)}; {takes}."
        raise ProblemError(422, "wrong-request", as_text(said))


#: For all routes of the API.
KnownParameters = Depends(_known)


def parameters_of(route: APIRoute) -> tuple[str, ...]:
    """The names of a route's own parameters and of what it depends on; of a model, its fields."""
    return tuple(dict.fromkeys(_names(route.dependant)))


def _names(dependant: Dependant) -> Iterator[str]:
    for inner in dependant.dependencies:
        yield from _names(inner)
    for field in dependant.query_params:
        model = field.field_info.annotation
        if isclass(model) and issubclass(model, BaseModel):
            yield from (each.alias or name for name, each in model.model_fields.items())
        else:
            yield field.alias
