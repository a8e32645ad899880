"""A migration that dies half-way, under our runner and under Alembic; and what importing Alembic costs.

Needs `pip install alembic`, and for `--postgres URL` a server and a driver (`postgresql+psycopg://...`), where it drops
the tables of the schema `public`.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text

from indexer.catalog.migrations import run

ENV = """
from alembic import context
given = context.config.attributes
context.configure(connection=given["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
"""
REVISIONS = {
    "a1": "op.create_table('photo', sa.Column('content_id', sa.Integer, primary_key=True))",
    "a2": "op.add_column('photo', sa.Column('lens', sa.Text)); raise RuntimeError('killed')",
}


class Counted:
    """A database whose version is the number of its records."""

    def version(self, connection: Connection) -> int:
        if not inspect(connection).has_table("migration"):
            return 0
        return int(connection.execute(text("SELECT count(*) FROM migration")).scalar_one())

    def set_version(self, connection: Connection, number: int) -> None:
        """The records say it."""


def sqlite(path: Path, *, immediate: bool) -> Engine:
    engine = create_engine(f"sqlite:///{path}")
    if immediate:  # as the catalog's connections
        event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def ours(engine: Engine) -> object:
    """The record that is left after a kill in the last migration."""

    def killed(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE photo ADD COLUMN lens TEXT"))
        raise RuntimeError("killed")

    database: Any = Counted()
    with engine.begin() as connection:
        run.migrate(connection, database)
    before = run.MIGRATIONS
    run.MIGRATIONS, run.SCHEMA_VERSION = (*before, ("9999_lens", killed)), len(before) + 1
    try:
        with engine.begin() as connection:
            run.migrate(connection, database)
    except RuntimeError:
        pass
    finally:
        run.MIGRATIONS, run.SCHEMA_VERSION = before, len(before)
    with engine.connect() as connection:
        return database.version(connection)


def alembics(engine: Engine) -> object:
    from alembic import command
    from alembic.config import Config

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "versions").mkdir()
        (folder / "env.py").write_text(ENV)
        former = None
        for revision, change in REVISIONS.items():
            lines = (
                f"from alembic import op\nimport sqlalchemy as sa\nrevision, down_revision = {revision!r}, {former!r}\n"
            )
            (folder / "versions" / f"{revision}.py").write_text(f"{lines}def upgrade():\n    {change}\n")
            former = revision
        config = Config()
        config.set_main_option("script_location", name)
        for target in REVISIONS:
            with engine.connect() as connection:
                config.attributes["connection"] = connection
                try:
                    command.upgrade(config, target)
                    connection.commit()
                except RuntimeError:
                    connection.rollback()
    with engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()


def cpu_ms(statement: str) -> int:
    """Milliseconds of the processor that a new Python takes for a statement, the least of five."""
    least = float("inf")
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", statement], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        least = min(least, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return round(least * 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres")
    given = parser.parse_args()
    print("import sqlalchemy", cpu_ms("import sqlalchemy"), "ms")
    print("import sqlalchemy, alembic.command", cpu_ms("import sqlalchemy, alembic.command, alembic.config"), "ms")
    for runner in (ours, alembics):
        with tempfile.TemporaryDirectory() as name:
            engines = {
                "SQLite as the driver comes": sqlite(Path(name) / "a.db", immediate=False),
                "SQLite, BEGIN IMMEDIATE": sqlite(Path(name) / "b.db", immediate=True),
            }
            if given.postgres:
                engines["PostgreSQL"] = create_engine(given.postgres)
                with engines["PostgreSQL"].begin() as connection:
                    connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
            for what, engine in engines.items():
                record = runner(engine)
                columns = {column["name"] for column in inspect(engine).get_columns("photo")}
                left = "left" if "lens" in columns else "gone"
                print(f"{runner.__name__:9} {what:27} record {record}, the killed one's column {left}")
                engine.dispose()


if __name__ == "__main__":
    main()
