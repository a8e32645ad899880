"""The forms of an answer: JSON, and what the shell prints, for the shell itself and for people with `curl`."""

from __future__ import annotations

import os
from typing import Any, Final

from fastapi import Request, Response

from search.console.answer_text import Form, Printed, Surroundings
from search.console.escaping import escaped
from search.resident.wire import EXIT_CODE, HERE, JSON, PATHS, PATHS0, SAID, TABLE, TERMINAL, percent, unpercent

FORMS: Final[dict[str, Form]] = {TABLE: "table", PATHS: "paths", PATHS0: "paths0", JSON: "json"}
_JSON: Final = ("application/json", "application/*", "*/*")

#: The other forms of an answer to a query, as OpenAPI describes them.
DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {
            TABLE: {"schema": {"type": "string"}},
            PATHS: {"schema": {"type": "string", "format": "binary"}},
            PATHS0: {"schema": {"type": "string", "format": "binary"}},
            JSON: {"schema": {"type": "object"}},
        },
        "headers": {
            EXIT_CODE: {
                "schema": {"type": "integer"},
                "description": "Of the command, in all forms but application/json.",
            },
            SAID: {
                "schema": {"type": "string"},
                "description": "A sentence that the command writes to stderr, percent-encoded; repeated.",
            },
        },
    }
}


def wanted(request: Request) -> Form | None:
    """The form that a request prefers; None: JSON, also where it names none that there is."""
    best: tuple[float, Form | None] = (0.0, None)
    for part in request.headers.get("accept", "").split(","):
        name, *parameters = (each.strip().lower() for each in part.split(";"))
        if name in FORMS or name in _JSON:
            quality = _quality(parameters)
            if quality > best[0]:
                best = quality, FORMS.get(name)
    return best[1]


def surroundings(request: Request) -> Surroundings:
    """Where the answer is read, as the client says."""
    here = request.headers.get(HERE)
    try:
        folder = None if here is None else os.fsdecode(unpercent(here))
    except ValueError:
        folder = None
    return Surroundings(folder, request.headers.get(TERMINAL) == "1")


def response(printed: Printed, form: Form) -> Response:
    """An answer in a form."""
    media_type = next(name for name, each in FORMS.items() if each == form)
    answer = Response(printed.out, media_type=media_type if isinstance(printed.out, bytes) or form == "json" else TABLE)
    answer.headers[EXIT_CODE] = str(printed.code)
    answer.headers["Vary"] = "Accept"
    for sentence in printed.said:
        answer.headers.append(SAID, percent(escaped(sentence).encode()))
    return answer


def _quality(parameters: list[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
