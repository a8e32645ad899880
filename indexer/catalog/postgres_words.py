"""The table of words in PostgreSQL: the same tokens, the same matches and the same order as SQLite's FTS5 has.

    word        a row an image item: its columns as text, and `tokens`, all of them with their places, which an index
                (GIN) leads to; the columns stand apart by a gap, so that no phrase goes over an end
    word_total  how many rows there are, and how many tokens they have; triggers keep it

A letter with each place says in which columns a token stands: A captions, B keywords, C place, D name and folders.
What fits is found by the index and ranked here, as FTS5 does it (BM25 with k1 = 1.2, b = 0.75; Robertson and others
1994): a query asks only for words that few photographs have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, text

from indexer.catalog.word_expressions import AllOf, AnyOf, Expression, InColumns, Phrase

COLUMNS: Final = ("captions", "keywords", "name", "folders", "place")
_LETTERS: Final = {"captions": "A", "keywords": "B", "name": "D", "folders": "D", "place": "C"}
#: How much a match counts, as in `full_text.py`.
_WEIGHTS: Final = {"captions": 2.0, "keywords": 2.0, "name": 1.0, "folders": 1.0, "place": 2.0}
#: Of BM25: how fast further matches count less, and how much less a match in a long row counts.
_K1, _B = 1.2, 0.75
#: What a phrase counts at least that more than half of all rows have.
_LEAST_IDF: Final = 1e-6
#: What FTS5 cuts at.
_SIGNS: Final = re.compile("[\0-/:-@\\[-`{-\x7f]+")

_MADE: Final = (
    "CREATE TABLE word (item_id BIGINT PRIMARY KEY REFERENCES item ON DELETE CASCADE, "
    + ", ".join(f'{name} TEXT COLLATE "C" NOT NULL' for name in COLUMNS)
    + ", tokens TSVECTOR NOT NULL, length BIGINT NOT NULL)",
    "CREATE INDEX word_tokens ON word USING GIN (tokens)",
    "CREATE TABLE word_total (rows BIGINT NOT NULL, tokens BIGINT NOT NULL)",
    "INSERT INTO word_total VALUES (0, 0)",
    "CREATE FUNCTION word_counted() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN "
    "UPDATE word_total SET rows = rows + TG_ARGV[0]::int * (SELECT count(*) FROM changed), "
    "tokens = tokens + TG_ARGV[0]::int * (SELECT coalesce(sum(length), 0) FROM changed) "
    "WHERE EXISTS (SELECT FROM changed); RETURN NULL; END $$",
    "CREATE TRIGGER word_inserted AFTER INSERT ON word REFERENCING NEW TABLE AS changed "
    "FOR EACH STATEMENT EXECUTE FUNCTION word_counted('1')",
    "CREATE TRIGGER word_deleted AFTER DELETE ON word REFERENCING OLD TABLE AS changed "
    "FOR EACH STATEMENT EXECUTE FUNCTION word_counted('-1')",
)
_GONE: Final = (
    "DROP TABLE IF EXISTS word",
    "DROP TABLE IF EXISTS word_total",
    "DROP FUNCTION IF EXISTS word_counted()",
)
_ASKED: Final = "unnest(CAST(:words AS TSQUERY[])) WITH ORDINALITY AS asked(value, number)"
_COUNT: Final = text(
    f"SELECT (SELECT count(*) FROM (SELECT FROM word WHERE tokens @@ asked.value LIMIT :most) AS found) FROM {_ASKED} "  # noqa: S608  names of ours
    "ORDER BY asked.number"
)
_NEWEST: Final = text(
    "SELECT ARRAY(SELECT item_id FROM word WHERE tokens @@ asked.value ORDER BY item_id DESC LIMIT :most) "  # noqa: S608  as above
    f"FROM {_ASKED} ORDER BY asked.number"
)
_FOUND: Final = text(
    f"SELECT asked.number, item_id, length, {', '.join(COLUMNS)} FROM {_ASKED} JOIN word ON tokens @@ asked.value"  # noqa: S608  as above
)
_ROWS: Final = text(f"SELECT item_id, {', '.join(COLUMNS)} FROM word WHERE item_id = ANY(CAST(:ids AS BIGINT[]))")  # noqa: S608  as above
_NAMES: Final = ("id", *COLUMNS, "tokens", "length")
_CASTS: Final = ("BIGINT[]", *("TEXT[]" for _ in COLUMNS), "TEXT[]", "BIGINT[]")
_WRITE: Final = text(
    f"INSERT INTO word (item_id, {', '.join(COLUMNS)}, tokens, length) "  # noqa: S608  as above
    f"SELECT id, {', '.join(COLUMNS)}, tokens::tsvector, length FROM unnest("
    + ", ".join(f"CAST(:{name} AS {kind})" for name, kind in zip(_NAMES, _CASTS, strict=True))
    + f") AS given({', '.join(_NAMES)})"
)


class PostgresWords:
    """What `WordTable` asks."""

    def is_there(self, connection: Connection) -> bool:
        """Always: it came with the first catalog in PostgreSQL."""
        return True

    def best(self, connection: Connection, expressions: Sequence[Expression], most: int) -> list[list[int]]:
        """Of each expression item ids, the `most` best by BM25, then by id."""
        rows, tokens = connection.execute(text("SELECT rows, tokens FROM word_total")).one()
        phrases = [list(_phrases(each, COLUMNS)) for each in expressions]
        every = list(dict.fromkeys(phrase for each in phrases for phrase in each))
        asked = [_within(each) for each in every]
        have = dict(zip(every, self.counts(connection, asked, rows), strict=True)) if every else {}
        scored: list[list[tuple[float, int]]] = [[] for _ in expressions]
        for place, number, length, *columns in connection.execute(_FOUND, {"words": [*map(written, expressions)]}):
            kept = dict(zip(COLUMNS, map(_tokens, columns), strict=True))
            scale = _K1 * (1 - _B + _B * length / (tokens / rows))
            score = 0.0
            for phrase in phrases[place - 1]:
                found = sum(_WEIGHTS[name] * _times(phrase[0], kept[name]) for name in phrase[1])
                score += _idf(rows, have[phrase]) * (found * (_K1 + 1) / (found + scale))
            scored[place - 1].append((-score, number))
        return [[number for _, number in sorted(each)[:most]] for each in scored]

    def newest(self, connection: Connection, expressions: Sequence[Expression], most: int) -> list[list[int]]:
        """Of each the `most` newest."""
        bound = {"words": [*map(written, expressions)], "most": most}
        return [list(ids) for (ids,) in connection.execute(_NEWEST, bound)]

    def counts(self, connection: Connection, expressions: Sequence[Expression], most: int) -> list[int]:
        """Of each how many rows match, counted no further than `most`."""
        bound = {"words": [*map(written, expressions)], "most": most}
        return [count for (count,) in connection.execute(_COUNT, bound)]

    def rows(self, connection: Connection, ids: Sequence[int]) -> list[Any]:
        """The id and the columns of these items."""
        return list(connection.execute(_ROWS, {"ids": list(ids)}))

    def write(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put rows, `id` and the columns, in the place of those that are there."""
        newest = {row["id"]: row for row in rows}  # of two for one item
        connection.execute(text("DELETE FROM word WHERE item_id = ANY(CAST(:ids AS BIGINT[]))"), {"ids": [*newest]})
        made = [{**row, **_placed([_tokens(row[name]) for name in COLUMNS])} for row in newest.values()]
        connection.execute(_WRITE, {name: [row[name] for row in made] for name in _NAMES})

    def make_anew(self, connection: Connection) -> None:
        """The table, empty; its rows go with their items."""
        for statement in (*_GONE, *_MADE):
            connection.exec_driver_sql(statement)

    def rebuild(self, connection: Connection) -> None:
        """Nothing is left of words that were deleted once PostgreSQL has cleaned up (VACUUM)."""

    def vocabulary(self, connection: Connection) -> Iterator[tuple[str, int]]:
        """Each token of the index, and how often it is there. Reads all of it."""
        counted = (
            "SELECT lexeme, sum(cardinality(positions)) FROM word, unnest(tokens) AS each(lexeme, positions, weights)"
        )
        for token, count in connection.execute(text(f"{counted} GROUP BY lexeme")):
            yield str(token), int(count)


class NoNames:
    """What `NameIndex` asks, of a database without one: names are read one by one, by several processes at once."""

    def is_there(self, connection: Connection) -> bool:
        """There is none."""
        return False

    def make(self, connection: Connection) -> None:
        """Nothing."""

    def drop(self, connection: Connection) -> None:
        """Nothing."""

    def rebuild(self, connection: Connection) -> None:
        """Nothing."""

    def holds(self, connection: Connection, wanted: Mapping[str, tuple[int, float]]) -> bool:
        """Nothing can be wrong."""
        return True


def written(expression: Expression, columns: tuple[str, ...] = COLUMNS) -> str:
    """An expression as a tsquery, asked of these columns: of `name` and `folders`, which have one letter, both."""
    match expression:
        case Phrase():
            tokens = _tokens(" ".join(expression.tokens)) if columns else []
            if not tokens:
                return "' '"  # which no row has
            letters = "" if columns == COLUMNS else "".join(sorted({_LETTERS[name] for name in columns}))
            ends = [letters] * (len(tokens) - 1) + ["*" * expression.begins + letters]
            parts = (f"{_quoted(token)}:{end}".rstrip(":") for token, end in zip(tokens, ends, strict=True))
            return f"({' <-> '.join(parts)})"
        case AllOf():
            return f"({' & '.join(written(each, columns) for each in expression.parts)})"
        case AnyOf():
            return f"({' | '.join(written(each, columns) for each in expression.parts)})"
        case InColumns():
            return written(expression.part, _both(columns, expression.columns))


def _both(columns: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in columns if name in others)


def _tokens(text: str) -> list[str]:
    """The tokens of a column, or of a phrase, as FTS5 cuts them."""
    lowered = re.sub("[A-Z]+", lambda found: found[0].lower(), text)
    lowered = lowered.encode("utf-8", "replace").decode("utf-8")
    return [token for token in _SIGNS.split(lowered) if token]


def _quoted(token: str) -> str:
    return "'" + token.replace("\\", "\\\\").replace("'", "''") + "'"


def _placed(columns: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The tokens of a row with their places, as a tsvector, and how many there are."""
    places: dict[str, list[str]] = {}
    at = 1
    for name, tokens in zip(COLUMNS, columns, strict=True):
        for token in tokens:
            places.setdefault(token, []).append(f"{at}{_LETTERS[name]}")
            at += 1
        at += 1
    vector = " ".join(f"{_quoted(token)}:{','.join(at)}" for token, at in places.items())
    return {"tokens": vector, "length": sum(map(len, columns))}


_Asked = tuple[Phrase, tuple[str, ...]]


def _phrases(expression: Expression, columns: tuple[str, ...]) -> Iterator[_Asked]:
    """The phrases of an expression, and in which columns each is asked for."""
    match expression:
        case Phrase():
            yield expression, columns
        case InColumns():
            yield from _phrases(expression.part, _both(columns, expression.columns))
        case _:
            for part in expression.parts:
                yield from _phrases(part, columns)


def _within(asked: _Asked) -> Expression:
    phrase, columns = asked
    return phrase if columns == COLUMNS else InColumns(columns, phrase)


def _times(phrase: Phrase, kept: Sequence[str]) -> int:
    """How often a phrase stands in the tokens of a column."""
    wanted = _tokens(" ".join(phrase.tokens))
    if not wanted:
        return 0
    *first, last = wanted
    count = 0
    for start in range(len(kept) - len(first)):
        end = kept[start + len(first)]
        if (end.startswith(last) if phrase.begins else end == last) and kept[start : start + len(first)] == first:
            count += 1
    return count


def _idf(rows: int, have: int) -> float:
    return max(math.log((rows - have + 0.5) / (have + 0.5)), 0.0) or _LEAST_IDF
