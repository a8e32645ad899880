"""What a field asks, from the text behind its colon: a test, or for values with commas any of several."""

from __future__ import annotations

from typing import Final

from indexer.errors import UsageError
from search.query.conditions import Condition, Test, any_of
from search.query.values import as_written, parse_value

#: Fields whose values hold no comma themselves, and of which a photograph has one: weekday:sat,sun
_LISTED: Final = frozenset({"in", "year", "month", "weekday", "time", "date", "country", "type", "orientation", "id"})


def test_of(field: str, text: str) -> Condition:
    """Raises UsageError, in a sentence that goes on from the name of the field or its place."""
    text = as_written(field, text)
    # "Korea, South" is one country.
    if field not in _LISTED or "," not in text or (field == "country" and any(map(str.isspace, text))):
        return Test(field, parse_value(field, text))
    parts = text.split(",")
    if not all(part.strip() for part in parts):
        raise UsageError(f"a value is missing beside a comma of {text!r}.")
    return any_of(*dict.fromkeys(Test(field, parse_value(field, part)) for part in parts))
