"""The library of one's own server, over the store's private socket: what commands need besides plain answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from search.exact_results import results_from_json
from search.query.query import Query
from search.remote.addresses import Address
from search.remote.asking import Question, Uploads
from search.remote.connection import Connection
from search.results import Results

if TYPE_CHECKING:
    from search.calls.answering import QueryOptions
    from search.engine.indexed_file import Indexed

#: Options that are not given.
_UNSAID: Final[QueryOptions] = {
    "k": 10,
    "to": "image",
    "parameters": None,
    "rerank": None,
    "reranker": None,
    "explain": False,
    "min_probability": None,
    "sort": None,
    "all_copies": False,
    "by_words": True,
    "templates": None,
    "where": None,
}
#: Seconds without a byte: it was there a moment ago.
_SILENCE: Final = 60.0


class OwnLibrary:
    """Answers as a library that is open here does, to the last digit and byte.

    Raises what `search.remote` raises, RefusedError, and KeyError, TypeError and ValueError where the answer has
    another form.
    """

    def __init__(self, socket: str, headers: Sequence[tuple[str, str]]) -> None:
        """`socket`: its path; `headers`: who asks (`search.resident.wire`)."""
        self._connection = Connection(Address(socket=socket), None, _SILENCE, dict(headers))
        self._uploads = Uploads(self._connection)

    def query(self, query: Query, options: QueryOptions) -> Results:
        """As `search.Library.query`."""
        question = Question(query, {**_UNSAID, **options})
        said = self._connection.post("/own/search", question.fields(self._uploads.name))
        results = results_from_json(said)
        return replace(results, query=question.label, notes=(*question.notes, *results.notes))

    def roots(self) -> tuple[str, ...]:
        """The indexed folders."""
        return tuple(self._connection.get("/own/roots"))

    def indexed(self, paths: Sequence[str]) -> dict[str, Indexed]:
        """As `search.Library.indexed`."""
        from search.engine.indexed_file import Indexed

        said: Mapping[str, Any] = self._connection.send("/own/indexed", list(paths))
        return {path: Indexed(str(digest), bool(inside)) for path, (digest, inside) in said.items()}

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()
