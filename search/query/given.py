"""What a library is asked with becomes a query, and what there is to say of it. Without numpy and the engine: a command
that a server answers pays for this."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from indexer.errors import SearchError
from indexer.images.sniff import IMAGE_SUFFIXES
from search.query.query import Query, image_query, is_address

if TYPE_CHECKING:
    from search.query.pictures import Picture

    #: What a library is asked with.
    Asked = str | Query | Picture


def label_of(given: Asked | SearchError) -> str:
    """What results call it."""
    if isinstance(given, Query):
        return given.label
    return os.fspath(given) if isinstance(given, str | os.PathLike) else "(bytes)"


def query_of(given: Asked) -> Query:
    """What is asked for. Raises EmptyQueryError, PathNotFoundError, UsageError."""
    if isinstance(given, os.PathLike):
        return image_query(os.fspath(given))
    if isinstance(given, str):
        return Query(text=given)
    assert isinstance(given, Query), "made of what is in memory by the rule of the argument"
    return given


def unheard(query: Query, options: Mapping[str, Any]) -> Iterator[str]:
    """What to say of options that something was asked by, where the query itself says something else."""
    said = (
        ("min_probability", "min", query.min_probability, options["min_probability"]),
        ("sort", "sort", query.sort, options["sort"]),
        ("to", "to", query.to, None if options["to"] == "image" else options["to"]),
    )
    for option, field, own, given in said:
        if None not in (own, given) and own != given:
            yield f"`{option}={given!r}` is not heard: the query itself says {field}:{own}."


def mistaken_for(query: str) -> str | None:
    """What to say of words that look like an image."""
    if is_address(query):
        return (
            "A query that is a str is words, an address too, and nothing is fetched from the network; Path(...) asks "
            "with the image in a file, its content (bytes) with one that a program has fetched."
        )
    if os.path.splitext(query)[1].lower() in IMAGE_SUFFIXES:
        return "A query that is a str is words; Path(...) asks with the image of that name."
    return None
