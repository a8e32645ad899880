"""What is wrong with the content of a file that cannot be understood, in words that are not Python's. Light."""

from __future__ import annotations

import json
import re

from indexer.reach import reason

#: How Python begins to say that a text is no number.
_NO_NUMBER = re.compile(
    r"invalid literal|could not convert|cannot convert|dictionary update|too many values|not enough"
)


def misread(error: BaseException) -> str:
    """Why content was not understood, as the middle of a sentence. What our own code raised as a ValueError says it
    itself."""
    if isinstance(error, OSError):
        return reason(error)
    if isinstance(error, UnicodeDecodeError):
        return "it is no text"
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON from line {error.lineno}, column {error.colno} on"
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]}" if error.args else "a part of it is missing"
    if isinstance(error, RecursionError):
        return "its parts lie too deep in one another"
    said = str(error).strip().rstrip(".")
    if type(error) is ValueError and said and not _NO_NUMBER.match(said):
        return said.splitlines()[0]
    return "a value in it is not of the kind that belongs there"
