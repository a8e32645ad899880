"""Small values as the catalog keeps them, in text: each is read by one function.

Whoever wrote the file may have been a program with a fault, a disk, or a stranger. Each function but the two for
numbers raises StoreDamagedError for what this program does not write.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from indexer.catalog.bounds import HIGHEST, LATITUDES, LONGITUDES
from indexer.encoders.base import EncoderId, TokenShape
from indexer.errors import StoreDamagedError
from indexer.types import Said

#: Characters of one value in JSON: a photograph's captions, a root's patterns. What we write stays far below.
LONGEST: Final = 4_000_000
#: Elements of one list.
MOST: Final = 100_000
#: Bytes of an item's tokens; those of the largest models are some hundred thousand.
LARGEST_TOKENS: Final = 1 << 26

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d\d:\d\d)?", re.ASCII)


def damaged(what: str) -> StoreDamagedError:
    """The error for a value that does not read; `what` it is, in words of a sentence."""
    return StoreDamagedError(f"The catalog's record of {what} cannot be read; `repair()` mends it.")


def texts(value: object, what: str) -> tuple[str, ...]:
    """A list of texts, kept as JSON."""
    if value == "[]":  # nearly always
        return ()
    found = _json(value, what)
    if not isinstance(found, list) or len(found) > MOST or not all(isinstance(one, str) for one in found):
        raise damaged(what)
    return tuple(found)


def text(value: object, what: str) -> str | None:
    """Text, or None."""
    if value is None or isinstance(value, str):
        return value
    raise damaged(what)


def one_of(value: object, known: Sequence[str], what: str) -> str | None:
    """One of the `known` words, or None."""
    if value is None or value in known:
        return text(value, what)
    raise damaged(what)


def share(value: object, what: str) -> float | None:
    """A number above 0 and not above 1, or None."""
    if value is None:
        return None
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        number = math.nan
    if not 0 < number <= 1:  # nor is it NaN
        raise damaged(what)
    return number


def whole_number(value: object) -> int | None:
    """A whole number of 0 to below HIGHEST, kept as text; None for anything else."""
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > 19:
        return None
    number = int(value)
    return number if number < HIGHEST else None


def moment(value: object, what: str) -> str | None:
    """A time in ISO 8601, to the second, with or without its offset from UTC; or None."""
    if value is None:
        return None
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            datetime.fromisoformat(value)
            return value
    except ValueError as error:
        raise damaged(what) from error
    raise damaged(what)


def said(value: object) -> Said | None:
    """What a file beside a photograph says of it, or None."""
    if value is None:
        return None
    what = "what a file beside a photograph says of it"
    found = _json(value, what)
    if not isinstance(found, dict) or not set(found) <= set(Said.__dataclass_fields__):
        raise damaged(what)
    for name, most in (("latitude", LATITUDES), ("longitude", LONGITUDES)):
        degrees = found.get(name)
        if degrees is not None and not (type(degrees) in (int, float) and abs(degrees) <= most):
            raise damaged(what)
    return Said(moment(found.get("taken_at"), what), found.get("latitude"), found.get("longitude"))


def said_text(value: Said | None) -> str | None:
    """How that is kept."""
    return (
        None if value is None else json.dumps({name: part for name, part in asdict(value).items() if part is not None})
    )


def encoder_id(value: object) -> EncoderId:
    """An encoder's identity."""
    what = "its encoder"
    if not isinstance(value, str):
        raise damaged(what)
    try:
        return EncoderId.from_json(value)
    except ValueError as error:
        raise damaged(what) from error


def token_shape(value: object) -> TokenShape | None:
    """The shape of an encoder's tokens, or None."""
    what = "the shape of tokens"
    if value is None:
        return None
    found = _json(value, what)
    names = TokenShape.__dataclass_fields__
    if not isinstance(found, dict) or not set(found) <= set(names):
        raise damaged(what)
    if not all(type(number) is int and 0 < number < 2**31 for number in found.values()):
        raise damaged(what)
    try:
        shape = TokenShape(**found)
    except TypeError as error:
        raise damaged(what) from error
    if max(shape.regions, shape.words) * shape.width > LARGEST_TOKENS:
        raise damaged(what)
    return shape


def _json(value: object, what: str) -> Any:
    if not isinstance(value, str) or len(value) > LONGEST:
        raise damaged(what)
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise damaged(what) from error
