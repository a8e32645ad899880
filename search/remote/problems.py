"""What a server refuses (problem+json, RFC 9457) becomes the exception that a library raises."""

from __future__ import annotations

import re
from typing import Any, Final

from indexer import errors
from indexer.errors import SearchError, ServerError, UsageError


def _kind(error: type[SearchError]) -> str:
    """As a server names it: StoreBusyError is "store-busy"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", error.__name__.removesuffix("Error")).lower()


_CLASSES: Final[dict[str, type[SearchError]]] = {
    _kind(each): each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, SearchError)
}


#: What is said otherwise here than by the server, whose sentence is for who sends requests of his own.
_HERE: Final = {
    "token-missing": "The server at {address} wants its token; give it to `connect` as `token`.",
    "token-wrong": "That is not the token of the server at {address}; give the `token` that it was started with.",
}


class RefusedError(Exception):
    """A request was answered with a problem. `kind`: its type."""

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind

    @classmethod
    def of(cls, status: int, said: Any, address: str) -> RefusedError:
        """`said`: the JSON of the answer, or anything else."""
        if isinstance(said, dict) and isinstance(said.get("detail"), str):
            kind = str(said.get("type", ""))
            here = _HERE.get(kind)
            return cls(status, kind, said["detail"] if here is None else here.format(address=address))
        detail = f"The server at {address} answers with status {status} and no sentence; is it one of `search serve`?"
        return cls(status, "", detail)

    def as_error(self) -> SearchError:
        """The exception of the library. What only a server refuses (a wrong token, a bound) is a UsageError, what it
        fails in a ServerError."""
        known = _CLASSES.get(self.kind)
        if known is not None:
            return known(str(self))
        return UsageError(str(self)) if 400 <= self.status < 500 and self.kind else ServerError(str(self))
