"""Why filters leave nothing: the one that nothing matches even alone, where there is one."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.catalog.selection import Selection
from indexer.catalog.transaction import Transaction
from indexer.types import Kind
from search.query.conditions import All, Condition, Test
from search.query.filter import Filter
from search.query.resolve import resolve
from search.query.values import Near

_DATED = ("in", "after", "before", "year", "month", "weekday", "time")


def reason_of_absence(snapshot: Transaction, where: Filter, kinds: Sequence[Kind]) -> str | None:
    """A sentence; None where there is nothing of these kinds at all, whatever the filters."""
    selection = Selection(snapshot)
    if not any(selection.page(None, kind, None, None, 1) for kind in kinds):
        return None
    parts = where.condition.conditions if isinstance(where.condition, All) else (where.condition,)
    criteria = [resolve(Filter.of(part)).criterion for part in parts]
    fit = [any(found) for found in zip(*(selection.fit(criteria, kind) for kind in kinds), strict=True)]
    if not all(fit):
        return _sentence(parts[fit.index(False)])
    return "Nothing here matches all of these filters at once, though each of them alone matches something."


def _sentence(part: Condition) -> str:
    match part:
        case Test("near", Near(place, km)):
            named = place if isinstance(place, str) else f"{place[0]:g},{place[1]:g}"
            return f"Nothing here was taken near {named} (within {km:g} km)."
        case Test("country", value):
            return f"Nothing here was taken in {value}."
        case Test("camera" | "lens" as device, value):
            return f"Nothing here was taken with a {device} whose name holds {value}."
        case Test(field, _) if field in _DATED:
            return f"Nothing here has a date that matches {part}."
    return f"Nothing here matches {part}."
