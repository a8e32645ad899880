"""Parts of statements that each database writes in a way of its own: a statement says what it means, and the dialect
with which it is run writes it. Nothing else knows which database there is.

What comes from people is bound, never written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
from sqlalchemy import (
    BindParameter,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Insert,
    Integer,
    Select,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    cast,
    column,
    select,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.type_api import TypeEngine
from sqlalchemy.sql.visitors import InternalTraversal

from indexer.catalog import sqlite_sums
from indexer.catalog.bounds import HIGHEST
from indexer.catalog.column_types import FitText
from indexer.types import Int64

#: Operators of SQLite, which `postgres_dialect.py` writes in its own words: whether a text matches a pattern, and a row
#: of the table of words an expression.
GLOB, MATCH = "GLOB", "MATCH"


class Written(ColumnElement[Any]):
    """SQL of ours, as each database writes it. Of a type, and of no table: that has to be in the statement anyway, by
    its own name and no alias."""

    _traverse_internals = [  # noqa: RUF012  SQLAlchemy's own name and form: what tells one from another
        ("sqlite", InternalTraversal.dp_string),
        ("postgresql", InternalTraversal.dp_string),
        ("type", InternalTraversal.dp_type),
    ]

    def __init__(self, sqlite: str, postgresql: str, kind: TypeEngine[Any] | type[TypeEngine[Any]]) -> None:
        self.sqlite = sqlite
        self.postgresql = postgresql
        self.type = kind() if isinstance(kind, type) else kind


@compiles(Written, "sqlite")
def _in_sqlite(element: Written, _compiler: Any, **_how: Any) -> str:
    return element.sqlite


@compiles(Written, "postgresql")
def _in_postgresql(element: Written, _compiler: Any, **_how: Any) -> str:
    return element.postgresql


#: As many rows as there are, for a statement of which the order says how rows are looked up: SQLite may leave the order
#: of a subquery out, but for one that has a limit.
ALL: Final = Written("-1", "NULL", Integer)


def off_index(column: Column[Any]) -> ColumnElement[Any]:
    """The column, in a condition by which SQLite is not to choose an index: a plus says so. (PostgreSQL has statistics
    and chooses by them.)"""
    name = f"{column.table.name}.{column.name}"
    return Written(f"+{name}", f'"{column.table.name}"."{column.name}"', column.type)


@cache  # what it costs to put together, a query would feel
def is_whole(table: Table) -> ColumnElement[bool]:
    """Whether a row has the checksum with which it was written, or none; `table` must not be aliased. (PostgreSQL sums
    its own pages.)"""
    columns = sqlite_sums.summed(table)
    own = f"{table.name}.{sqlite_sums.COLUMN}"
    return Written(f"({own} IS NULL OR {own} = {sqlite_sums.expression(columns, table.name)})", "true", Boolean)


def row_id(table: Table) -> ColumnElement[int]:
    """A number of 1 or more that tells a row of a table, whatever its key is: in PostgreSQL one that is made of a key
    that is text."""
    first = next(iter(table.primary_key.columns))
    own = f"{table.name}.{first.name}"
    if not isinstance(first.type, Integer):
        own = f"(hashtextextended({own}, 0) & {HIGHEST - 2} | 1)"
    return Written(f"{table.name}.rowid", own, Integer)


def has_sum(table: Table) -> ColumnElement[bool]:
    """Whether a row has a checksum; `table` must not be aliased. (In PostgreSQL none needs one.)"""
    return Written(f"{table.name}.{sqlite_sums.COLUMN} IS NOT NULL", "true", Boolean)


@cache
def is_typed(table: Table) -> ColumnElement[bool]:
    """Whether every value of a row has the type of its column: damage, and a stranger, can put any type anywhere into a
    file of SQLite. PostgreSQL takes no other."""
    return Written(sqlite_sums.typed(table), "true", Boolean)


def upsert(table: Table, key: Sequence[str], change: Sequence[str] = ()) -> Insert:
    """Insert rows; one whose `key` is there gets the new values of the columns `change`, or stays as it is."""
    statement = insert(table)  # which PostgreSQL writes in the same words
    if not change:
        return statement.on_conflict_do_nothing()
    values = {name: statement.excluded[name] for name in change}
    return statement.on_conflict_do_update(index_elements=key, set_=values)


class _Call(FunctionElement[Any]):
    """A call of a function, by its `name` in SQLite."""

    inherit_cache = True


@compiles(_Call, "sqlite")
def _call_in_sqlite(element: _Call, compiler: Any, **_how: Any) -> str:
    return f"{element.name}({_arguments(element, compiler)})"


def _arguments(element: FunctionElement[Any], compiler: Any) -> str:
    return str(compiler.process(element.clause_expr.element))


# -- texts ----------------------------------------------------------------------------------------------------


class _Place(_Call):
    """Where in a text another one begins, from 1; 0: nowhere."""

    name = "instr"
    type = Integer()
    inherit_cache = True


@compiles(_Place, "postgresql")
def _place_in_postgresql(element: _Place, compiler: Any, **_how: Any) -> str:
    return f"strpos({_arguments(element, compiler)})"


class _Beginning(_Call):
    """So many letters of a text, from one of them on."""

    name = "substr"
    type = Text()
    inherit_cache = True


@compiles(_Beginning, "postgresql")
def _beginning_in_postgresql(element: _Beginning, compiler: Any, **_how: Any) -> str:
    text, _, letters = (compiler.process(each) for each in element.clauses)
    return f"left({text}, CAST({letters} AS INTEGER))"


class _Pattern(TypeDecorator[str]):
    """A pattern of "*" and "?", as the database writes one."""

    impl = FitText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return value.replace("[", "[[]")
        for sign in "!%_":
            value = value.replace(sign, f"!{sign}")
        return value.replace("*", "%").replace("?", "_")


def text_holds(text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Whether a text holds `part`, letter by letter."""
    return _Place(text, _bound(part)) > 0


def text_begins(text: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Whether a text begins with `part`."""
    return _Beginning(text, bindparam(None, 1), bindparam(None, len(part))) == _bound(part)


def text_matches(text: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """Whether a text matches a pattern as a whole: "*" stands for any letters, "?" for one, the rest for itself."""
    return text.op(GLOB, is_comparison=True)(bindparam(None, pattern, _Pattern))


def _bound(text: str) -> BindParameter[Any]:
    """Text of a person, whatever is in it."""
    return bindparam(None, text, FitText)


# -- many numbers ---------------------------------------------------------------------------------------------


class _Listed(TypeDecorator[str]):
    """A list of whole numbers in JSON, as one value."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or dialect.name == "sqlite":
            return value
        return "{" + value[1:-1] + "}"


class _Each(_Call):
    """The rows of a list of numbers."""

    name = "json_each"
    type = Integer()
    inherit_cache = True


@compiles(_Each, "postgresql")
def _each_in_postgresql(element: _Each, compiler: Any, **_how: Any) -> str:
    return f"(SELECT unnest(CAST({_arguments(element, compiler)} AS BIGINT[])) AS value)"


class _Gathered(_Call):
    """All values of a column as a list in JSON."""

    name = "json_group_array"
    type = Text()
    inherit_cache = True


@compiles(_Gathered, "postgresql")
def _gathered_in_postgresql(element: _Gathered, compiler: Any, **_how: Any) -> str:
    return f"coalesce(CAST(json_agg({_arguments(element, compiler)}) AS TEXT), '[]')"


def among(number: ColumnElement[Any], numbers: Iterable[int]) -> ColumnElement[bool]:
    """Whether a number is one of many: bound as one value, where a statement has room for some hundred alone."""
    given = _each(bindparam(None, json.dumps([int(each) for each in numbers]), _Listed))
    return number.in_(select(given.c.value))


def given_numbers(name: str) -> Select[tuple[int]]:
    """Whole numbers that are bound under a name, as one value, a list in JSON: the statement stays the same whatever
    their number."""
    return select(_each(bindparam(name, type_=_Listed)).c.value)


def _each(numbers: BindParameter[Any]) -> Any:
    return _Each(numbers).table_valued(column("value", Integer))


def gathered(statement: Select[Any]) -> Select[Any]:
    """All numbers of a statement as one value, for `numbers`: row by row they cost ten times as much."""
    rows = statement.subquery()
    return select(_Gathered(rows.c[0]))


def gathered_in_group(value: ColumnElement[Any]) -> ColumnElement[str]:
    """The values of a group of rows as one, a list in JSON. (Bytes, which only damage puts there, are made to fit.)"""
    return _Gathered(cast(value, value.type))


def numbers(value: str) -> Int64:
    """(n,) int64: what `gathered` gives."""
    return np.array(json.loads(value), np.int64)
