"""The library of one's own server, over the store's private socket: what commands need besides plain answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from indexer.errors import ServerError
from search.calls.query_options import DEFAULT_OPTIONS, QueryOptions
from search.exact_results import results_from_json
from search.query.query import Query
from search.remote.asking import Question, Uploads
from search.remote.forms import in_this_form
from search.resident import client
from search.resident.wire import API
from search.results import Results

if TYPE_CHECKING:
    from search.engine.indexed_file import Indexed

T = TypeVar("T")

_JSON: Final = "application/json"


class OwnLibrary:
    """Answers as a library that is open here does, to the last digit and byte. Raises ServerError where the server does
    not answer, or otherwise than one of this code."""

    def __init__(self, store: str) -> None:
        """`store`: its folder."""
        self._store = store
        self._uploads = Uploads(self)

    def query(self, query: Query, options: QueryOptions) -> Results:
        """As `search.Library.query`."""
        question = Question(query, {**DEFAULT_OPTIONS, **options})
        said = self._json("POST", "/own/search", _JSON, json.dumps(question.fields(self._uploads.name)).encode())
        results = self._read(lambda: results_from_json(said))
        return replace(results, query=question.label, notes=(*question.notes, *results.notes))

    def roots(self) -> tuple[str, ...]:
        """The indexed folders."""
        return tuple(self._json("GET", "/own/roots"))

    def indexed(self, paths: Sequence[str]) -> dict[str, Indexed]:
        """As `search.Library.indexed`."""
        from search.engine.indexed_file import Indexed

        said = self._json("POST", "/own/indexed", _JSON, json.dumps(list(paths)).encode())
        return self._read(lambda: {path: Indexed(digest, inside) for path, (digest, inside) in said.items()})

    def upload(self, path: str, content: bytes) -> dict[str, Any]:
        """As `search.remote.connection.Connection` does."""
        said = self._json("POST", path, "application/octet-stream", content)
        assert isinstance(said, dict)
        return said

    def _json(self, method: str, path: str, kind: str = "", body: bytes = b"") -> Any:
        reply = client.ask(self._store, method, f"{API}{path}", [("Content-Type", kind)] if kind else [], body)
        if reply is None or reply.status not in (200, 201):
            raise ServerError("The store's server does not answer; ask again without it (SEARCH_RESIDENT=off).")
        return self._read(lambda: json.loads(reply.body))

    def _read(self, read: Callable[[], T]) -> T:
        return in_this_form(read, "The store's server", "`search serve --stop` ends it")
