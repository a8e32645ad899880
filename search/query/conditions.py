"""What a filter says, as a tree: tests of single fields, joined by "and", "or" and "not".

Every tree prints as a line of the query language that reads as an equal tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from indexer.errors import UsageError
from search.query.quoting import quoted_where_needed
from search.query.values import Value

#: Tests that one query may make, and brackets within brackets.
MAX_TESTS: Final = 200
MAX_DEPTH: Final = 20
#: Ids of one list, `id:12,15,20`: they are one test, and one look into the catalog.
MAX_IDS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Test:
    """`field` of the query language has this value."""

    field: str
    value: Value

    def __str__(self) -> str:
        return f"{self.field}:{quoted_where_needed(str(self.value))}"


@dataclass(frozen=True, slots=True)
class Not:
    """What `condition` leaves out."""

    condition: Condition

    def __str__(self) -> str:
        return f"-{self.condition}" if isinstance(self.condition, Test) else f"-({self.condition})"


@dataclass(frozen=True, slots=True)
class All:
    """All of these hold; two at least, none of them an `All`."""

    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        return " ".join(f"({each})" if isinstance(each, AnyOf) else str(each) for each in self.conditions)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of these holds at least; two at least, none of them an `AnyOf`."""

    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        return " | ".join(map(str, self.conditions))


Condition = Test | Not | All | AnyOf


def all_of(*conditions: Condition) -> Condition:
    """Their conjunction, at least one, in the one form that a tree has."""
    flat = tuple(part for each in conditions for part in (each.conditions if isinstance(each, All) else (each,)))
    return flat[0] if len(flat) == 1 else All(flat)


def any_of(*conditions: Condition) -> Condition:
    """Their disjunction, at least one, in the one form that a tree has."""
    flat = tuple(part for each in conditions for part in (each.conditions if isinstance(each, AnyOf) else (each,)))
    return flat[0] if len(flat) == 1 else AnyOf(flat)


def opposite(condition: Condition) -> Condition:
    """Its negation; of a negation what that leaves out."""
    return condition.condition if isinstance(condition, Not) else Not(condition)


def of_id(condition: Condition) -> bool:
    """Whether it asks for one id; several of these, any of which may hold, count as one test."""
    return isinstance(condition, Test) and condition.field == "id"


def check_size(condition: Condition) -> None:
    """Raises UsageError for a tree that makes more tests, or is deeper, than a query may be."""
    count, level, depth = 0, [condition], 0
    while level:
        depth += 1
        below: list[Condition] = []
        for each in level:
            match each:
                case Test():
                    count += 1
                case Not():
                    below.append(each.condition)
                case All():
                    below += each.conditions
                case AnyOf():
                    others = [part for part in each.conditions if not of_id(part)]
                    below += others
                    listed = len(each.conditions) - len(others)
                    if listed > MAX_IDS:
                        raise UsageError(f"A filter has at most {MAX_IDS:,} ids, and this one has more; take fewer.")
                    count += listed > 0
        level = below
        if count > MAX_TESTS or depth > 2 * MAX_DEPTH:  # a "not" between any two brackets
            what = f"at most {MAX_TESTS} tests" if count > MAX_TESTS else f"brackets at most {MAX_DEPTH} deep"
            raise UsageError(f"A filter has {what}, and this one has more; ask in several queries.")


def tests(condition: Condition) -> Iterator[Test]:
    """Every test in it, from left to right."""
    match condition:
        case Test():
            yield condition
        case Not():
            yield from tests(condition.condition)
        case All() | AnyOf():
            for each in condition.conditions:
                yield from tests(each)
