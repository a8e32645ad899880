"""The table of words, as SQLite keeps and searches it (FTS5): one row an image item, made of what is said of it.

    captions  keywords  name  folders  place      each the tokens of `indexer.words`, with a space between two

The table has its own content, a copy of the tokens: a row is deleted by its number alone, by a trigger too, and is
compared with what it should be. (An index without content has to be told the old words of a row to delete it.) FTS5
cuts at spaces and at ASCII signs, of which tokens have none; all else is done in Python. It is derived: damage of it
costs words, and no answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Executable,
    Integer,
    TextClause,
    bindparam,
    column,
    select,
    table,
    text,
)
from sqlalchemy.exc import DBAPIError

from indexer.catalog import sqlite_derived
from indexer.catalog.sqlite_errors import is_damage
from indexer.catalog.word_expressions import AllOf, AnyOf, Expression, InColumns, Phrase

TABLE: Final = "word"
#: The number of a row, which is the id of its item.
NUMBER: Final = f"{TABLE}.rowid"
COLUMNS: Final = ("captions", "keywords", "name", "folders", "place")

_MADE: Final = f"CREATE VIRTUAL TABLE {TABLE} USING fts5({', '.join(COLUMNS)}, tokenize = 'ascii')"
#: The tables in which FTS5 keeps such a table, by the ends of their names, and their columns.
KEPT: Final[dict[str, frozenset[str]]] = {
    "data": frozenset({"id", "block"}),
    "idx": frozenset({"segid", "term", "pgno"}),
    "content": frozenset({"id", *(f"c{number}" for number in range(len(COLUMNS)))}),
    "docsize": frozenset({"id", "sz"}),
    "config": frozenset({"k", "v"}),
}
SHADOWS: Final[dict[str, frozenset[str]]] = {f"{TABLE}_{name}": columns for name, columns in KEPT.items()}
#: How much a match counts in each of COLUMNS: what people write, before the names of files and folders.
_WEIGHTS: Final = "2, 2, 1, 1, 2"

_word = table(TABLE, column("rowid", Integer), *map(column, COLUMNS))
_FOUND: Final = f"FROM {TABLE} WHERE {TABLE} MATCH asked.value"


def _each(answer: str) -> TextClause:
    """The answer to each of the expressions `words`, a list in JSON, in their order: those of all queries at once."""
    return text(f"SELECT ({answer}) FROM json_each(:words) AS asked ORDER BY asked.key")  # noqa: S608  names of ours


#: Of each the `most` best rows, as a list in JSON; bm25 is below 0, and lowest for the best (Okapi BM25: Robertson and
#: others 1994).
_BY_RANK: Final = f"SELECT rowid, bm25({TABLE}, {_WEIGHTS}) AS rank {_FOUND} ORDER BY rank, rowid LIMIT :most"
BEST: Final = _each(f"SELECT json_group_array(rowid) FROM ({_BY_RANK})")  # noqa: S608  names of ours
#: Of each the `most` newest rows, as a list in JSON.
NEWEST: Final = _each(f"SELECT json_group_array(rowid) FROM (SELECT rowid {_FOUND} ORDER BY rowid DESC LIMIT :most)")  # noqa: S608
#: Of each how many rows match; `most` at most are counted.
COUNT: Final = _each(f"SELECT count(*) FROM (SELECT 1 {_FOUND} LIMIT :most)")  # noqa: S608  names of ours
#: The rows of the items `ids`.
ROWS: Final = select(_word).where(_word.c.rowid.in_(bindparam("ids", expanding=True)))
WRITE: Final = text(
    f"INSERT OR REPLACE INTO {TABLE} (rowid, {', '.join(COLUMNS)}) VALUES (:id, :{', :'.join(COLUMNS)})"  # noqa: S608  as above
)
#: Whether the file has the table.
IS_THERE: Final = text(f"SELECT count(*) FROM main.sqlite_schema WHERE name = '{TABLE}'")  # noqa: S608  as above
#: Make the index anew from the rows: of words that were deleted, it holds nothing then.
REBUILD: Final = text(f"INSERT INTO {TABLE}({TABLE}) VALUES ('rebuild')")  # noqa: S608  as above


def make(connection: Connection) -> None:
    """The table, empty; its rows go with their items."""
    connection.execute(text(_MADE))
    sqlite_derived.keep(connection, TABLE)


def drop(connection: Connection) -> None:
    """Let go of the table, whatever state it is in, so that it can be made anew."""
    for name in sqlite_derived.triggers([TABLE]):
        connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
    drop_table(connection, TABLE, SHADOWS)


def drop_table(connection: Connection, table: str, shadows: Iterable[str]) -> None:
    """Let go of a table of FTS5, whatever state it and its `shadows` are in."""
    try:
        connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    except DBAPIError:  # FTS5 opens what it is to drop
        _drop_unopened(connection, table, shadows)


def _drop_unopened(connection: Connection, table: str, shadows: Iterable[str]) -> None:
    """Take the table out of the schema by hand, then what kept it: plain tables."""
    connection.execute(text("PRAGMA writable_schema = ON"))
    try:
        connection.execute(text(f"DELETE FROM main.sqlite_schema WHERE name = '{table}'"))  # noqa: S608  names of our own tables
    finally:
        connection.execute(text("PRAGMA writable_schema = RESET"))  # and read the schema again
    for name in shadows:
        connection.execute(text(f"DROP TABLE IF EXISTS {name}"))


def rows(connection: Connection, statement: Executable, bound: Mapping[str, Any]) -> list[Any] | None:
    """What a statement gives; None where the table is damaged, or a part of it is missing. Raises what else
    the driver raises."""
    try:
        return list(connection.execute(statement, bound))
    except DBAPIError as error:
        if is_damage(error):
            return None
        raise


def vocabulary(connection: Connection) -> Iterator[tuple[str, int]] | None:
    """Each token of the index, and how often it is there; None where the index does not read. Reads all of it."""
    connection.execute(text(f"CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab('main', '{TABLE}', 'row')"))
    try:
        found = rows(connection, text("SELECT term, cnt FROM temp.vocabulary"), {})
        return None if found is None else ((str(token), int(count)) for token, count in found)
    finally:
        connection.execute(text("DROP TABLE temp.vocabulary"))


def is_ours(name: str, sql: str | None) -> bool:
    """Whether a table of this name, made by this statement, is the table of words or keeps it."""
    return sql == _MADE if name == TABLE else name in SHADOWS and str(sql).startswith("CREATE TABLE")


class FullText:
    """What `WordTable` asks, of a file of SQLite."""

    def is_there(self, connection: Connection) -> bool:
        """Not in an older store that cannot be written."""
        return bool(connection.execute(IS_THERE).scalar())

    def best(self, connection: Connection, expressions: Sequence[Expression], most: int) -> list[list[int]] | None:
        """Of each expression item ids, the `most` best by BM25, then by id."""
        found = self._each(connection, BEST, expressions, most)
        return None if found is None else [json.loads(ids) for ids in found]

    def newest(self, connection: Connection, expressions: Sequence[Expression], most: int) -> list[list[int]] | None:
        """Of each the `most` newest."""
        found = self._each(connection, NEWEST, expressions, most)
        return None if found is None else [json.loads(ids) for ids in found]

    def counts(self, connection: Connection, expressions: Sequence[Expression], most: int) -> list[int] | None:
        """Of each how many rows match, counted no further than `most`."""
        return self._each(connection, COUNT, expressions, most)

    def _each(
        self, connection: Connection, statement: Executable, expressions: Sequence[Expression], most: int
    ) -> list[Any] | None:
        bound = {"words": json.dumps([written(each) for each in expressions]), "most": most}
        found = rows(connection, statement, bound)
        return None if found is None else [value for (value,) in found]

    def rows(self, connection: Connection, ids: Sequence[int]) -> list[Any] | None:
        """The id and the columns of these items."""
        return rows(connection, ROWS, {"ids": ids})

    def write(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put rows, `id` and the columns, in the place of those that are there."""
        connection.execute(WRITE, rows)

    def make_anew(self, connection: Connection) -> None:
        """The table, empty, whatever state it is in."""
        drop(connection)
        make(connection)

    def rebuild(self, connection: Connection) -> None:
        """Leave nothing of the words that were deleted."""
        connection.execute(REBUILD)

    def vocabulary(self, connection: Connection) -> Iterator[tuple[str, int]] | None:
        """Each token of the index, and how often it is there. Reads all of it."""
        return vocabulary(connection)


def written(expression: Expression) -> str:
    """An expression in the language of FTS5."""
    match expression:
        case Phrase():  # a string of FTS5, in which nothing else means anything
            text = '"' + " ".join(expression.tokens).replace("\0", " ").replace('"', '""') + '"'
            return f"{text} *" if expression.begins else text
        case AllOf():
            return " AND ".join(map(_part, expression.parts))
        case AnyOf():
            return " OR ".join(map(_part, expression.parts))
        case InColumns():
            return f"({{{' '.join(expression.columns)}}} : ({written(expression.part)}))"


def _part(expression: Expression) -> str:
    text = written(expression)
    return f"({text})" if isinstance(expression, AllOf | AnyOf) else text
