"""What is looked for in the table of words, as small values; each database writes them in its own language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrase:
    """These tokens one behind the other; `begins`: of which the last may go on."""

    tokens: tuple[str, ...]
    begins: bool = False


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of these; there is one."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of these at least; there is one."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class InColumns:
    """What stands in these columns alone."""

    columns: tuple[str, ...]
    part: Expression


Expression = Phrase | AllOf | AnyOf | InColumns


def phrase(tokens: Sequence[str]) -> Phrase:
    """These tokens one behind the other."""
    return Phrase(tuple(tokens))


def beginning(tokens: Sequence[str]) -> Phrase:
    """These tokens one behind the other, of which the last may go on."""
    return Phrase(tuple(tokens), begins=True)


def all_of(phrases: Iterable[Sequence[str]]) -> AllOf:
    """All of these phrases; there is one."""
    return AllOf(tuple(map(phrase, phrases)))


def conjunction(expressions: Iterable[Expression]) -> AllOf:
    """All of these; there is one."""
    return AllOf(tuple(expressions))


def disjunction(expressions: Iterable[Expression]) -> AnyOf:
    """One of these at least; there is one."""
    return AnyOf(tuple(expressions))


def within(columns: Sequence[str], expression: Expression) -> InColumns:
    """An expression in these columns alone."""
    return InColumns(tuple(columns), expression)
