"""Conditions on texts, and on many numbers, as SQLite writes them. What comes from people is bound, never written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from sqlalchemy import BindParameter, ColumnElement, Integer, Select, Text, bindparam, cast, column, func, select

from indexer.catalog.column_types import FitText
from indexer.types import Int64


def text_holds(text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Whether a text holds `part`, letter by letter."""
    return func.instr(text, _bound(part)) > 0


def text_begins(text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Whether a text begins with `part`."""
    return func.substr(text, 1, len(part)) == _bound(part)


def text_matches(text: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """Whether a text matches a pattern as a whole: "*" stands for any letters, "?" for one, the rest for itself."""
    return text.op("GLOB", is_comparison=True)(_bound(pattern.replace("[", "[[]")))


def among(number: ColumnElement[Any], numbers: Iterable[int]) -> ColumnElement[bool]:
    """Whether a number is one of many: bound as one value, where a statement has room for some hundred alone."""
    given = func.json_each(bindparam(None, json.dumps([int(each) for each in numbers]))).table_valued(
        column("value", Integer)
    )
    return number.in_(select(given.c.value))


def given_numbers(name: str) -> Select[tuple[int]]:
    """Whole numbers that are bound under a name, as one value, a list in JSON: the statement stays the same whatever
    their number."""
    given = func.json_each(bindparam(name, type_=Text)).table_valued(column("value", Integer))
    return select(given.c.value)


def gathered(statement: Select[Any]) -> Select[Any]:
    """All numbers of a statement as one value, for `numbers`: row by row they cost ten times as much."""
    rows = statement.subquery()
    return select(func.json_group_array(rows.c[0]))


def gathered_in_group(value: ColumnElement[Any]) -> ColumnElement[str]:
    """The values of a group of rows as one, a list in JSON. (Bytes, which only damage puts there, are made to fit.)"""
    return func.json_group_array(cast(value, value.type))


def numbers(value: str) -> Int64:
    """(n,) int64: what `gathered` gives."""
    return np.array(json.loads(value), np.int64)


def _bound(text: str) -> BindParameter[Any]:
    """Text of a person, whatever is in it."""
    return bindparam(None, text, FitText)
