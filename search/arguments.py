"""What the library's calls take, beyond what any call takes (`indexer/arguments.py`)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from indexer.arguments import Rule, follows, one_of, path, shown
from indexer.encoders.base import Encoder
from indexer.errors import SearchError, UsageError
from indexer.progress import Progress
from search.query.pictures import is_in_memory, path_or_content
from search.query.query import Query
from search.query.settings import TARGETS
from search.rerank.base import Reranker

#: Queries of one call: their answers are all in memory in the end.
MAX_QUERIES: Final = 10_000

#: What is shown how far a call has come.
progress_given: Final[Rule] = follows(Progress)
#: The kind of things that are to be found.
kind_of_answer: Final[Rule] = one_of(TARGETS)


def asked(name: str, given: object) -> object:
    """What is searched for."""
    if isinstance(given, Query | str):
        return given
    if isinstance(given, os.PathLike):
        return path(name, given)
    if is_in_memory(given):
        return Query(image_bytes=path_or_content(name, given))  # type: ignore[arg-type]  # it is no path
    raise TypeError(
        f"`{name}` takes words (a str), an image (a pathlib.Path, the content of its file as bytes, an image of "
        f"Pillow, an array (h, w, 3) uint8) or a search.Query, not {shown(given)}."
    )


def asked_many(name: str, given: object) -> tuple[object, ...]:
    """Many of them; in the place of one that cannot be asked stands the error that says why."""
    if isinstance(given, str | bytes | Query) or not isinstance(given, Iterable) or is_in_memory(given):
        raise TypeError(f"`{name}` takes several queries in a list, not {shown(given)}.")
    found: list[object] = []
    for one in given:
        try:
            found.append(asked(name, one))
        except SearchError as error:
            found.append(error)
        if len(found) > MAX_QUERIES:
            raise UsageError(f"`{name}` takes {MAX_QUERIES:,} queries at most; ask in several calls.")
    return tuple(found)


def encoder_or_name(name: str, given: object) -> object:
    """An encoder by name, or an object of one's own."""
    return given if isinstance(given, str) else _own_encoder(name, given)


def reranker_or_name(name: str, given: object) -> object:
    """A reranker by name or by its folder, or an object of one's own."""
    if isinstance(given, os.PathLike):
        return path(name, given)
    return given if isinstance(given, str) else _own_reranker(name, given)


_own_encoder: Final[Rule] = follows(Encoder)
_own_reranker: Final[Rule] = follows(Reranker)
