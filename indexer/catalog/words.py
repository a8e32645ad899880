"""Words: what is said of each photograph, kept as words that a query finds.

Captions (its own, those of files beside it and of tables), keywords, the names of its file and folders, its place. A
row is derived from the rows of other tables, in the transaction that changes them (`derived.py`).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import Connection

from indexer.catalog.meta import WORDS, Meta
from indexer.catalog.sources import Source, Sources
from indexer.catalog.statements import id_chunks
from indexer.catalog.transaction import Part
from indexer.catalog.word_expressions import Expression
from indexer.catalog.word_table import TABLE
from indexer.words import column, name_parts

if TYPE_CHECKING:
    from indexer.catalog.database import WordTable

T = TypeVar("T")

#: Version of the rules by which rows are made, here and in `indexer.words`: with another one, all are made anew by
#: whoever writes next.
RULES = 2
#: Tokens that are kept of each column: captions are a few sentences, and a table may bring a thousand.
MOST_SAID, MOST_NAMED = 2_000, 100
#: The columns of names.
NAMED = ("name", "folders")
#: Folders above a file whose names count.
FOLDERS = 3
#: What stands for the table of words in `Transaction.left_out`.
DAMAGED = (TABLE, 0)


class WordRow(NamedTuple):
    """What is kept of one photograph: in each column tokens, with a space between each two."""

    captions: str
    keywords: str
    name: str
    folders: str
    place: str

    @property
    def said(self) -> tuple[str, str, str]:
        """The columns that say what is in the picture, or where it was taken; names of files may say anything."""
        return self.captions, self.keywords, self.place

    @property
    def named(self) -> tuple[str, str]:
        """The names of its file and folders."""
        return self.name, self.folders


class Words(Part):
    """Words by item."""

    # -- reading --------------------------------------------------------------------------------------------

    def best(self, expressions: Sequence[Expression], most: int) -> list[list[int]]:
        """Item ids of the rows that match each expression, by BM25, the best first; hidden photographs among them."""
        return self._each(self._table.best, expressions, most, [])

    def newest(self, expressions: Sequence[Expression], most: int) -> list[list[int]]:
        """Item ids of the rows that match each, the newest first; hidden photographs among them."""
        return self._each(self._table.newest, expressions, most, [])

    def counts(self, expressions: Sequence[Expression], most: int) -> list[int]:
        """How many rows match each; `most` where there are more."""
        return self._each(self._table.counts, expressions, most, 0)

    def of_items(self, ids: Sequence[int]) -> dict[int, WordRow]:
        """What is kept of these photographs."""
        found: dict[int, WordRow] = {}
        for chunk in id_chunks(ids):
            for number, *columns in self._found(self._table.rows, chunk) or []:
                found[number] = WordRow(*("" if value is None else str(value) for value in columns))
        return found

    def _each(
        self,
        find: Callable[[Connection, Sequence[Expression], int], list[T] | None],
        expressions: Sequence[Expression],
        most: int,
        nothing: T,
    ) -> list[T]:
        """What is found for all of these at once; `nothing` for each where the table is damaged."""
        if not expressions:
            return []
        return self._found(find, expressions, most) or [nothing] * len(expressions)

    def _found(self, find: Callable[..., list[T] | None], *asked: Any) -> list[T] | None:
        """What is found; None where the table is damaged, which `Transaction.left_out` tells then."""
        if DAMAGED in self._transaction.left_out:
            return None
        connection = self._transaction.connection
        found = find(connection, *asked)
        if found is None and self._table.is_there(connection):
            self._leave_out(DAMAGED[0], [DAMAGED[1]])
        return found

    @property
    def _table(self) -> WordTable:
        return self._transaction.words

    # -- writing --------------------------------------------------------------------------------------------

    def save(self, sources: Sequence[Source]) -> None:
        """Make the rows of photographs as they should be; what is there already is not written again, as that costs
        the index more than looking."""
        known = self.of_items([source.item_id for source in sources if source.is_known])
        made = ((source.item_id, _row_of(source)) for source in sources)
        rows = [{"id": number, **row._asdict()} for number, row in made if known.get(number, _NONE) != row]
        if rows:
            self._table.write(self._transaction.connection, rows)

    def clear(self) -> None:
        """Make the table anew, empty, whatever state it is in."""
        self._table.make_anew(self._transaction.connection)

    def are_of_these_rules(self) -> bool:
        """Whether they were kept by the rules of this version."""
        return Meta(self._transaction).get(WORDS) == str(RULES)

    def forget_deleted(self) -> None:
        """Leave nothing of the words that were deleted."""
        self._table.rebuild(self._transaction.connection)

    def are_right(self) -> bool:
        """Whether the rows are what they should be, and the index holds their tokens. Makes every row."""
        tokens_of_rows = 0
        for sources in Sources(self._transaction).pages():
            there = self.of_items([source.item_id for source in sources])
            for source in sources:
                row = _row_of(source)
                if there.get(source.item_id, _NONE) != row:
                    return False
                tokens_of_rows += sum(_sum(token) for kept in row for token in kept.split())
        indexed = self._table.vocabulary(self._transaction.connection)
        return indexed is not None and sum(_sum(token) * count for token, count in indexed) == tokens_of_rows


def _row_of(source: Source) -> WordRow:
    """What is to be kept of a photograph."""
    folders = os.path.dirname(source.path).split(os.sep)[-FOLDERS:]
    name = os.path.splitext(os.path.basename(source.path))[0]
    return WordRow(
        column(source.captions, MOST_SAID),
        column(source.keywords, MOST_SAID),
        column(map(name_parts, (name,)), MOST_NAMED),
        column(map(name_parts, folders), MOST_NAMED),
        column(_place(source.fact.city, source.fact.country), MOST_NAMED),
    )


_NONE = WordRow("", "", "", "", "")


def _sum(token: str) -> int:
    return zlib.crc32(token.encode("utf-8", "surrogatepass"))


def _place(city: int | None, country: str | None) -> tuple[str, ...]:
    """The words for where a photograph was taken."""
    if country is None:
        return ()
    from indexer.places.gazetteer import places  # brings a table, which only photographs with a position need

    return places().words(city, country)
