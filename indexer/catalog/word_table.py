"""The table of words, as far as all databases have it alike: its columns, and a condition that some words are in it.

captions  keywords  name  folders  place      each the tokens of `indexer.words`, with a space between two
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Dialect, Integer, Select, Text, TypeDecorator, bindparam, literal_column, select, table

from indexer.catalog import full_text
from indexer.catalog.expressions import MATCH, Written
from indexer.catalog.word_expressions import Expression

TABLE: Final = full_text.TABLE


class _Wanted(TypeDecorator[Expression]):
    """An expression, in the language of the database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Expression | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return full_text.written(value).encode("utf-8", "replace").decode("utf-8")
        from indexer.catalog.postgres_words import written

        return written(value)


def matching(words: Expression) -> Select[tuple[int]]:
    """The ids of the items that match an expression, for a condition `IN`."""
    number = Written(full_text.NUMBER, f"{TABLE}.item_id", Integer)
    found = literal_column(TABLE).op(MATCH)(bindparam(None, words, _Wanted))
    return select(number).select_from(table(TABLE)).where(found)
