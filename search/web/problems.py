"""Errors as problem+json (RFC 9457): which status an error of the library has, and its sentence."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import BaseModel, Field

from indexer.errors import (
    EncoderError,
    EncoderMismatchError,
    FileError,
    SearchError,
    StoreBusyError,
    StoreError,
    StoreMissingError,
    UsageError,
    published,
)
from search.query.lexer import QuerySyntaxError
from search.web.wording import in_api_words

MEDIA_TYPE: Final = "application/problem+json"
#: The first class that an error is one of decides.
_STATUS: Final[tuple[tuple[type[SearchError], int], ...]] = (
    (StoreMissingError, 503),
    (StoreBusyError, 409),
    (UsageError, 422),
    (FileError, 422),
    (EncoderMismatchError, 503),
    (EncoderError, 503),
    (StoreError, 503),
)


class Problem(BaseModel):
    """Why a request was not answered (RFC 9457)."""

    type: str = Field(description="A name of the kind of error, as a relative reference.", examples=["usage"])
    title: str = Field(description="The kind of error, in a few words.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="One sentence: what is wrong, why, and the next step.")


class ProblemError(Exception):
    """What a route raises where no error of the library says it."""

    def __init__(self, status: int, kind: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.problem = Problem(type=kind, title=kind.replace("-", " "), status=status, detail=detail)
        self.headers = headers


def problem_of(error: SearchError) -> Problem:
    """What is told of an error of the library: by the class that everybody knows of."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    kind = QuerySyntaxError if isinstance(error, QuerySyntaxError) else published(error)
    name = kind_of(kind)
    return Problem(type=name, title=name.replace("-", " "), status=status, detail=in_api_words(str(error)))


def kind_of(error: type[SearchError]) -> str:
    """As a problem names it: StoreBusyError is "store-busy"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", error.__name__.removesuffix("Error")).lower()


#: What each status that is documented means here.
_MEANINGS: Final[dict[int, str]] = {
    403: "This server does not do that, or not for this client.",
    404: "It is not there.",
    409: "Something else is at work that has to end first.",
    410: "It was there, and is no longer.",
    413: "It is too large.",
    415: "It is no image that can be read.",
    422: "The request means nothing: a query or a value that is wrong.",
    501: "The server's machine has nothing to do it with.",
    503: "The store or its encoder cannot answer just now, or others ask for much.",
}
#: How the model is named where it stands in the document: `openapi.py` adds it.
SCHEMA_REF: Final = "#/components/schemas/Problem"


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, for its `responses`."""
    return {status: documented(_MEANINGS[status]) for status in statuses}


def documented(description: str) -> dict[str, Any]:
    """A problem as OpenAPI describes it."""
    return {"description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": SCHEMA_REF}}}}
