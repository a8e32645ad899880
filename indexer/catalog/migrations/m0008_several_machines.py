"""What machines that share a catalog on a server tell each other: which run has which files in hand, and what was
fitted. In a file the first stays empty, and the second lies beside it.

Whoever may read or write the catalog may do so with the new tables too, though their owner is whoever brings it up to
date.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

_TEXT: Final = 'TEXT COLLATE "C"'
_ON_A_SERVER: Final = {
    "claim": "path BYTEA NOT NULL PRIMARY KEY, writer BIGINT NOT NULL, until FLOAT8 NOT NULL",
    "fitted": f"name {_TEXT} PRIMARY KEY, digest BYTEA NOT NULL, size BIGINT NOT NULL",
    "fitted_piece": f"name {_TEXT} NOT NULL, number BIGINT NOT NULL, data BYTEA NOT NULL, PRIMARY KEY (name, number)",
}
_IN_A_FILE: Final = {"claim": "path BLOB NOT NULL PRIMARY KEY, writer INTEGER NOT NULL, until FLOAT NOT NULL"}
#: Rights to the table `meta`, as the statements that give them. PUBLIC is the grantee 0.
_RIGHTS: Final = (
    "SELECT DISTINCT format('%s ON {table} TO %s', privilege_type, "
    "CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END) "
    "FROM pg_class, aclexplode(relacl) WHERE pg_class.oid = 'meta'::regclass"
)


def apply(connection: Connection) -> None:
    """Make the tables."""
    on_server = connection.dialect.name == "postgresql"
    for table, columns in (_ON_A_SERVER if on_server else _IN_A_FILE).items():
        connection.execute(text(f"CREATE TABLE {table} ({columns})"))
        if on_server:
            for (right,) in connection.execute(text(_RIGHTS.format(table=table))).all():
                connection.exec_driver_sql(f"GRANT {right}")
    if on_server:
        # Weights are as good as random: compressing them takes time and gives nothing.
        connection.execute(text("ALTER TABLE fitted_piece ALTER COLUMN data SET STORAGE EXTERNAL"))
