"""What a query takes beside what is asked, and what holds where nothing else is said. Light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    import os

    from indexer.vectors.base import SearchParameters
    from search.query.filter import Filter
    from search.query.settings import Order, Target
    from search.rerank.base import Reranker


class QueryOptions(TypedDict, total=False):
    """What `query` and `query_many` take beside what is asked; `Library.query` says what they mean."""

    k: int
    to: Target
    parameters: SearchParameters | None
    rerank: int | None
    reranker: str | os.PathLike[str] | Reranker | None
    explain: bool
    min_probability: float | None
    sort: Order | None
    all_copies: bool
    by_words: bool
    templates: bool | None
    where: Filter | None


#: What `Library.query` does where nothing else is said; a test holds this to its signature.
DEFAULT_OPTIONS: Final[QueryOptions] = {
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
