"""A query becomes what a server is asked; images in it are uploaded."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from indexer.errors import FileError, PathNotFoundError, UnreadableFileError, UsageError
from indexer.reach import reason
from search.query.given import mistaken_for, query_of, unheard
from search.query.query import Query
from search.query.terms import Term
from search.remote.problems import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search.calls.query_options import QueryOptions
    from search.query.given import Asked

#: Options of `Library.query` that a server does not take.
_NOT_TAKEN: Final = ("parameters", "reranker")
#: So begins what a server says of an image that it was sent; here its name stands instead.
_OF_UPLOAD: Final = "The image cannot be used: "


class Question:
    """One query to a server. `notes`: what a person should know of how it was read, here."""

    def __init__(self, given: Asked, options: QueryOptions) -> None:
        """Raises EmptyQueryError, PathNotFoundError, and UsageError for an option that a server does not take."""
        for name in _NOT_TAKEN:
            if options[name] is not None:
                raise UsageError(
                    f"A server takes no `{name}`; leave it out, or open the store where it lies with `open(STORE)`."
                )
        query = query_of(given)
        self.notes = (*_mistaken(given), *query.notes, *unheard(query, options))
        self.query = query.narrowed(options["where"])
        self.label = self.query.label
        self._options = options

    def fields(self, uploaded: Callable[[bytes], str]) -> dict[str, Any]:
        """What is asked. `uploaded`: the name under which the server has an image. Raises FileError."""
        query, options = self.query, self._options
        where = None if query.where is None else str(query.where)
        plain = _plain_words(query)
        if plain is not None:
            q = plain
        elif query.terms:
            q = str(Query(terms=tuple(_named(term, uploaded) for term in query.terms)))
        else:
            q, where = where or f"sort:{query.sort}", None
        least = options["min_probability"] if query.min_probability is None else query.min_probability
        return {
            "q": q,
            "as_words": plain is not None,
            "where": where,
            "k": options["k"],
            "to": query.to or options["to"],
            "min_probability": least,
            "sort": query.sort or options["sort"],
            "all_copies": options["all_copies"],
            "by_words": options["by_words"],
            "templates": options["templates"],
            "rerank": options["rerank"],
            "explain": options["explain"],
        }


class Uploading(Protocol):
    """A connection to a server."""

    def upload(self, path: str, content: bytes) -> Mapping[str, Any]:
        """The JSON that is answered to POST of bytes. Raises RefusedError, ServerError."""
        ...


class Uploads:
    """What a server was sent to ask with. Safe to use from several threads."""

    def __init__(self, connection: Uploading) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._names: dict[bytes, str] = {}

    def name(self, content: bytes) -> str:
        """What the server calls an image, which is sent unless it has it. Raises FileError, ServerError."""
        digest = hashlib.sha256(content).digest()
        with self._lock:
            known = self._names.get(digest)
        if known is None:
            try:
                known = str(self._connection.upload("/uploads", content)["name"])
            except RefusedError as error:
                raise error.as_error() from None
            with self._lock:
                self._names[digest] = known
        return known

    def forget(self) -> None:
        """The server does not keep all of them any more."""
        with self._lock:
            self._names.clear()


def _named(term: Term, uploaded: Callable[[bytes], str]) -> Term:
    """With the name that the server has for its image. Raises FileError, which names the image, UsageError, and
    ServerError."""
    if term.image is None and term.image_bytes is None:
        return term
    content = _content(term.image) if term.image is not None else term.image_bytes
    assert content is not None, "one of them is there"
    try:
        image = f"upload:{uploaded(content)}"
    except FileError as error:
        said = str(error).removeprefix(_OF_UPLOAD)
        raise type(error)(f"The query image {term.image or term.name} cannot be used: {said}") from error
    return replace(term, image=image) if term.image is not None else Term(image=image, weight=term.weight)


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise PathNotFoundError(f"The query image {path} is not there; check the spelling.") from None
    except OSError as error:
        raise UnreadableFileError(f"The query image {path} cannot be read ({reason(error)}).") from error


def _plain_words(query: Query) -> str | None:
    """The words of a query that is nothing else, as a program gives them; they may look like anything."""
    if len(query.terms) != 1 or query.terms[0].weight != 1 or len(query.terms[0].words) != 1:
        return None
    (words,) = query.terms[0].words
    return None if words.exact else words.text


def _mistaken(given: Asked) -> tuple[str, ...]:
    said = mistaken_for(given) if isinstance(given, str) else None
    return () if said is None else (said,)
