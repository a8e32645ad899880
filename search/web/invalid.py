"""What is wrong with a request, or with the call of a tool, in plain sentences: one for each type of pydantic's errors
that a model of the API can raise, and one for all others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

#: Of one name in a sentence.
_MOST: Final = 100
_AS_JSON: Final = "`Content-Type: application/json`"


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a value, and the next step; both may name what the error has beside its type."""

    reason: str
    step: str


_WHOLE: Final = Wrong("it is no whole number", "give one")
_NUMBER: Final = Wrong("it is no number", "give one")
_BOOLEAN: Final = Wrong("it is neither true nor false", "give one of these")
_CHOICE: Final = Wrong("it is none of {expected}", "give one of these")
_OBJECT: Final = Wrong("it is no JSON object", "give one")
#: By the type of an error.
WRONG: Final[Mapping[str, Wrong]] = {
    "missing": Wrong("it is missing", "give it"),
    "extra_forbidden": Wrong("it is not known", "leave it out"),
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": Wrong("it has too many digits", "give a smaller number"),
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": Wrong("it is no finite number", "give one"),
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "greater_than_equal": Wrong("it is less than {ge:,}", "give {ge:,} or more"),
    "less_than_equal": Wrong("it is more than {le:,}", "give {le:,} or less"),
    "literal_error": _CHOICE,
    "enum": _CHOICE,
    "string_type": Wrong("it is no text", "give one"),
    "string_unicode": Wrong("it holds what is no character of Unicode", "leave that out"),
    "string_too_short": Wrong("it has fewer characters than {min_length:,}", "say more"),
    "string_too_long": Wrong("it has more than {max_length:,} characters", "say it shorter"),
    "string_pattern_mismatch": Wrong("it is none that an answer gave", "take it from there as it is"),
    "list_type": Wrong("it is no list", "give one, as [...]"),
    "too_short": Wrong("it has fewer values than {min_length:,}", "give more"),
    "too_long": Wrong("it has more values than {max_length:,}", "give fewer"),
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
}
#: Of all other types.
OTHERS: Final = Wrong("it is not what is taken here", "see the API's document")


def why(error: Mapping[str, Any]) -> Wrong:
    """What is wrong with the value of which an error of pydantic tells."""
    found = WRONG.get(error["type"], OTHERS)
    told = error.get("ctx", {})
    try:
        return Wrong(found.reason.format(**told), found.step.format(**told))
    except (KeyError, ValueError):  # another version of pydantic tells of it in another way
        return OTHERS


def sentence(error: Mapping[str, Any], fields: Sequence[str]) -> str:
    """An error in a request whose parameters are known (`parameters`). `fields`: those that are taken as JSON."""
    place, *inside = error["loc"]
    name = ".".join(map(str, inside))[:_MOST]
    if place == "body" and (error["type"] == "json_invalid" or not inside):
        return _of_body(error)
    if error["type"] == "extra_forbidden" and len(inside) == 1:
        known = ", ".join(f"`{each}`" for each in fields)
        return f"There is no field `{name}`; there {'is' if len(fields) == 1 else 'are'} {known}."
    if error["type"] == "missing":
        return f"`{name}` is missing; give it."
    said = why(error)
    return f"`{name}` cannot be used: {said.reason}; {said.step}."


def _of_body(error: Mapping[str, Any]) -> str:
    if error["type"] == "json_invalid":
        return f"The body is no JSON (character {error['loc'][-1] + 1:,}); send JSON."
    if error["type"] == "missing":
        return f"The request has no body; send a JSON object, with {_AS_JSON}."
    if isinstance(error.get("input"), bytes):
        return f"The body is not said to be JSON; send it with {_AS_JSON}."
    return "The body is no JSON object; send one, as {...}."


def unread(cause: BaseException | None) -> str:
    """A body that cannot be read for `cause`, which is no error of pydantic."""
    if isinstance(cause, RecursionError):
        return "The body is no JSON that is read here: lists or objects lie too deep in one another; send it flatter."
    if isinstance(cause, UnicodeError):
        return "The body is no UTF-8; send JSON in UTF-8."
    if isinstance(cause, ValueError) and not isinstance(cause, json.JSONDecodeError):
        return "The body is no JSON that is read here: a number has too many digits; send a shorter one."
    return "The body cannot be read; send a JSON object in UTF-8."
