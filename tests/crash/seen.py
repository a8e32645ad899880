"""All that can be seen once an operation has ended, and how two such sights differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

from indexer.doctor import Finding
from tests.crash.observed import Committed


@dataclass(frozen=True, slots=True)
class Seen:
    """`listing` of what lies there. Of a store what it holds, answers and says of itself; of a model its vectors."""

    listing: list[str]
    items: Committed
    answers: list[list[dict[str, Any]]]
    rows: dict[str, list[dict[str, object]]]
    findings: list[Finding]
    vectors: bytes = b""

    def unlike(self, other: Seen) -> list[str]:
        """In what it differs from another, a sentence each."""
        pairs = {each.name: (getattr(self, each.name), getattr(other, each.name)) for each in fields(self)}
        return [f"other {name}: {_differences(*pair)}" for name, pair in pairs.items() if pair[0] != pair[1]]


def _differences(one: object, other: object) -> str:
    """A few of the parts that only one of them holds."""
    left, right = (Counter(map(str, _parts(each))) for each in (one, other))
    signed = [("+", part) for part in list(left - right)[:4]] + [("-", part) for part in list(right - left)[:4]]
    return "".join(f"\n    {sign} {part[:200]}" for sign, part in signed)


def _parts(value: object) -> list[object]:
    """What a value is made of, down to what is no list, each with the key that it lies under."""
    if isinstance(value, dict):
        return [(key, part) for key, inner in value.items() for part in _parts(inner)]
    if isinstance(value, list):
        return [part for inner in value for part in (_parts(inner) if isinstance(inner, list) else [inner])]
    return [value]
