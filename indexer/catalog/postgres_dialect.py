"""SQLAlchemy's PostgreSQL (over psycopg 3) with the types of the catalog: whole numbers have 64 bits, as in SQLite, and
text has no NUL, which PostgreSQL does not take."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql.base import PGTypeCompiler
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg, PGDialect_psycopg
from sqlalchemy.engine.interfaces import IsolationLevel
from sqlalchemy.sql.type_api import TypeEngine

from indexer.catalog.expressions import GLOB, MATCH
from indexer.catalog.postgres_first import SCHEMA

#: Under which name URLs have it, within this process.
DRIVER: Final = "postgresql+image_search"


class _Types(PGTypeCompiler):
    def visit_INTEGER(self, type_: Any, **_how: Any) -> str:  # noqa: N802  SQLAlchemy's own name
        return "BIGINT"


class _NoNul(Text):
    """Text in which the replacement character stands for NUL."""

    def bind_processor(self, dialect: Any) -> Any:
        return lambda value: value.replace("\0", "�") if isinstance(value, str) and "\0" in value else value


class _Statements(PGCompiler_psycopg):
    def _on_conflict_target(self, clause: Any, **how: Any) -> Any:
        """Also of SQLite's clauses (`expressions.upsert`), which name no constraint and are the same else."""
        if not hasattr(clause, "constraint_target"):
            clause.constraint_target = None
        return super()._on_conflict_target(clause, **how)  # type: ignore[no-untyped-call]

    def visit_custom_op_binary(self, element: Any, operator: Any, **how: Any) -> Any:
        left, right = self.process(element.left, **how), self.process(element.right, **how)
        if operator.opstring == GLOB:
            return f"{left} LIKE {right} ESCAPE '!'"
        if operator.opstring == MATCH:
            return f"{left}.tokens @@ CAST({right} AS TSQUERY)"
        return super().visit_custom_op_binary(element, operator, **how)  # type: ignore[no-untyped-call]


class Dialect(PGDialect_psycopg):
    """See above."""

    supports_statement_cache = True
    type_compiler_cls = _Types
    statement_compiler = _Statements
    colspecs: dict[type[TypeEngine[Any]], type[TypeEngine[Any]]] = {**PGDialect_psycopg.colspecs, Text: _NoNul}  # noqa: RUF012

    # What SQLAlchemy asks each server first, in six round trips, is known: the driver has been told, or we have said it
    # (`postgres.Postgres.connect`).

    def _get_server_version_info(self, connection: Any) -> tuple[int, ...]:
        number: int = connection.connection.dbapi_connection.info.server_version
        return divmod(number, 10_000)

    def _get_default_schema_name(self, connection: Any) -> str:
        return SCHEMA

    def _set_backslash_escapes(self, connection: Any) -> None:
        self._backslash_escapes = False

    def get_default_isolation_level(self, dbapi_conn: Any) -> IsolationLevel:
        return "READ COMMITTED"
