"""Answers in a form that this version does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from indexer.errors import ServerError

T = TypeVar("T")


def in_this_form(read: Callable[[], T], server: str, remedy: str) -> T:
    """What `read` makes of an answer of `server`. Raises ServerError, with the `remedy`, where it has another form."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ServerError(
            f"{server} answers in another form than this version reads ({repr(error)[:80]}); {remedy}."
        ) from error
