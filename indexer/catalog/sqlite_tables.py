"""The tables that a SQLite file has: whether they are ours, what an older file lacks, what of a damaged one reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, text

from indexer.catalog import full_text, full_text_names, sqlite_derived, sqlite_sums
from indexer.catalog.bounds import HIGHEST
from indexer.catalog.schema import first_lacking
from indexer.catalog.sqlite_ids import ids_ended

#: How the statement begins that made a plain table.
_MADE: Final = "CREATE TABLE"
#: Tables that SQLite keeps itself.
_OF_SQLITE: Final = frozenset({"sqlite_sequence", "sqlite_stat1", "sqlite_stat4"})


class SqliteTables:
    """The tables of the database in the file `path`."""

    path: Path

    def foreign(self, connection: Connection, tables: Iterable[Table]) -> str | None:
        """What the file holds besides plain tables of ours, indexes, and the triggers that keep checksums and derived
        rows: the first of it, in words.

        A view in the place of a table, or a column that is computed, could keep a statement busy for ever.
        """
        known: dict[str, Set[str]] = {table.name: set(table.columns.keys()) for table in tables}
        found = connection.exec_driver_sql("SELECT type, name, sql FROM main.sqlite_schema").all()
        for kind, name, sql in found:
            plain = name in _OF_SQLITE or (name in known and str(sql).startswith(_MADE))
            plain = plain or full_text.is_ours(name, sql) or full_text_names.is_ours(name, sql)
            if (kind == "table" and not plain) or kind not in ("table", "index", "trigger"):
                return f"a {kind} {name!r}"
        there = self._all_columns(connection)
        known |= full_text.SHADOWS | full_text_names.SHADOWS
        for table, columns in there.items():
            for column, computed in columns.items():
                if table in known and (computed or column not in known[table]):
                    return f"a column {column!r} of the table {table!r}"
        triggers = self._triggers(there)
        unknown = (name for kind, name, sql in found if kind == "trigger" and triggers.get(name) != sql)
        return next((f"a trigger {name!r}" for name in unknown), None)

    def lacking(self, connection: Connection, tables: Iterable[Table]) -> str | None:
        """The first table, column or trigger of ours that the file does not have, in words."""
        there = self._all_columns(connection)
        found = first_lacking(tables, there)
        if found is not None:
            return found
        names = set(connection.exec_driver_sql("SELECT name FROM main.sqlite_schema WHERE type = 'trigger'").scalars())
        return next((f"the trigger {name!r}" for name in self._triggers(there) if name not in names), None)

    def _all_columns(self, connection: Connection) -> dict[str, dict[str, bool]]:
        """Whether each column of each plain table is computed, by the names of both."""
        statement = (
            "SELECT t.name, c.name, c.hidden FROM main.sqlite_schema t, pragma_table_xinfo(t.name) c "
            "WHERE t.type = 'table' AND t.sql LIKE 'CREATE TABLE%'"
        )
        found: dict[str, dict[str, bool]] = {}
        for table, column, hidden in connection.exec_driver_sql(statement):
            found.setdefault(table, {})[column] = bool(hidden)
        return found

    def _triggers(self, there: Mapping[str, Iterable[str]]) -> dict[str, str]:
        """The statements that made the triggers of a file with these columns, by their names."""
        made: dict[str, str] = {}
        for table, columns in there.items():
            if sqlite_sums.COLUMN in columns:
                made |= sqlite_sums.triggers(table, [name for name in columns if name != sqlite_sums.COLUMN])
        if "fact" in there:
            made |= full_text_names.TRIGGERS
        return made | sqlite_derived.triggers({*there, full_text.TABLE})

    def stand_ins(self, connection: Connection, tables: Iterable[Table]) -> list[str]:
        """Statements that let a reader use an older file that cannot be written; its indexes still serve.

        Temporary names hide those of the file: an empty table that of one that is not there, a view that of one that
        lacks columns, which then hold their defaults or nothing.
        """
        statements: list[str] = []
        for table in tables:
            there = self._columns(connection, table)
            lacking = [column for column in table.columns if column.name not in there]
            if not there:
                names = ", ".join(column.name for column in lacking)
                statements.append(f"CREATE TEMP TABLE {table.name} ({names})")
            elif lacking:
                defaults: list[Any] = [column.server_default for column in lacking]
                values = ["NULL" if default is None else default.arg for default in defaults]
                added = ", ".join(f"{value} AS {column.name}" for value, column in zip(values, lacking, strict=True))
                kept = ", ".join(sorted(there - {sqlite_sums.COLUMN}))
                if sqlite_sums.COLUMN in there:  # made of fewer columns: not to be compared
                    kept += f", NULL AS {sqlite_sums.COLUMN}"
                whole = f"SELECT {kept}, {added} FROM main.{table.name}"  # noqa: S608  names of our own tables
                statements.append(f"CREATE TEMP VIEW {table.name} AS {whole}")
        return statements

    def _columns(self, connection: Connection, table: Table) -> set[str]:
        """Names of the columns that the file's own table has; none where it is not there."""
        made = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?"
        if not str(connection.exec_driver_sql(made, (table.name,)).scalar()).startswith(_MADE):
            return set()
        return {row[1] for row in connection.exec_driver_sql(f"PRAGMA main.table_info({table.name})")}

    def keeps_sums(self, connection: Connection, table: Table) -> bool:
        """Whether the file's own table has a column for the checksum of a row, and no view stands in for it."""
        return {column.name for column in table.columns} <= self._columns(connection, table)

    def integrity(self, connection: Connection) -> list[str]:
        """What SQLite's own checks say; empty when all is well."""
        rows = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        problems = [
            line
            for row in rows
            for line in str(row).splitlines()  # those of pages come in one row, below a line that says of which file
            if line != "ok" and not line.startswith("***")
        ]
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        return problems + [f"a row of {row[0]} refers to a row of {row[2]} that is not there" for row in broken]

    def judge_references_late(self, connection: Connection) -> None:
        """Let rows refer to others that come later in the same transaction."""
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")

    def rows_left(self, copy: Connection, tables: Sequence[Table]) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """What is left of the rows of `tables`, by their names, though the file is damaged; None for each of which is
        known only that it is lost. `copy` has the tables as they should be. Raises OSError."""
        from indexer.catalog.sqlite_rows import rows_left  # queries do without

        return rows_left(self.path, copy, tables)

    def keys_left(self, tables: Iterable[Table]) -> dict[str, dict[int, Any]]:
        """What the index of the one unique column of each of these tables holds, by row id, though the file is damaged;
        without those whose index does not read. Raises OSError."""
        from indexer.catalog.sqlite_rows import keys_left

        return keys_left(self.path, [table.name for table in tables])

    def keep_sequences(self, copy: Connection, tables: Iterable[Table]) -> None:
        """Ids are never used again, those of lost rows neither; nothing says whether what is kept of them is what was
        written. Raises OSError."""
        from indexer.catalog.sqlite_rows import sequences_left

        names = {table.name for table in tables}
        for name, seq in sequences_left(self.path).items():
            if name in names and 0 <= seq < HIGHEST:
                bound = {"name": name, "seq": seq}
                raised = text("UPDATE sqlite_sequence SET seq = max(seq, :seq) WHERE name = :name")
                if not copy.execute(raised, bound).rowcount:
                    copy.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), bound)

    def ids_ended(self, connection: Connection) -> list[str]:
        """The tables of which the ids are at their end, so that they take no new row."""
        return ids_ended(lambda statement: connection.exec_driver_sql(statement).scalars())

    def mend_ids(self, connection: Connection) -> None:
        """Let the ids of such tables go on from those that are there."""
        for name in self.ids_ended(connection):
            highest = f'SELECT coalesce(max(rowid), 0) FROM main."{name}"'  # noqa: S608  names of our own tables
            raised = text(f"UPDATE main.sqlite_sequence SET seq = ({highest}) WHERE name = :name")  # noqa: S608  as above
            connection.execute(raised, {"name": name})
