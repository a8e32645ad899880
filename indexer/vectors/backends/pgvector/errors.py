"""What PostgreSQL refuses, as sentences. A server that cannot be reached is no damage: no query goes around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from indexer.errors import StoreDamagedError, StoreError, StoreUnwritableError

#: Classes of SQLSTATE: insufficient resources (a full disk), and what may not be done.
_FULL = "53"
_FORBIDDEN = ("42501", "25006")


def unreachable(server: str, error: Exception) -> StoreError:
    """The error of a connection that does not come about."""
    reason = _last_line(error)
    if "password" in reason:
        return StoreError(
            f"{server} refuses the user or the password ({reason}); set PGPASSWORD, or write it into ~/.pgpass."
        )
    return StoreError(
        f"The vector indexes in {server} cannot be reached ({reason}); start that server, or mend the url in "
        "store.toml."
    )


def lost(server: str, error: Exception) -> StoreError:
    """The error of a connection that broke during a call."""
    return StoreError(f"The connection to {server} was lost ({_last_line(error)}); ask again when that server answers.")


def no_extension(server: str, reason: str) -> StoreError:
    """The error of a database that has no pgvector."""
    return StoreError(
        f"{server} has no extension vector ({reason}); install pgvector there, and let one who may run "
        '"CREATE EXTENSION vector" in this database.'
    )


def too_old(server: str, found: str, least: str) -> StoreError:
    """The error of a server of another age."""
    return StoreError(f"{server} runs {found}, and {least} or newer is needed; upgrade it there.")


def replaced(server: str, kind: str) -> StoreDamagedError:
    """The error of an index that went while somebody had it open: the catalog answers, and the next query opens the
    one that took its place."""
    return StoreDamagedError(
        f"The {kind} index in {server} is damaged (its table is not there); `repair()` or the next `index()` builds it "
        "again from the catalog."
    )


@contextmanager
def saying_why(server: str) -> Iterator[None]:
    """What psycopg raises inside becomes a sentence. Raises StoreError, StoreUnwritableError."""
    import psycopg

    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise StoreError(f"{server} ended a statement ({_last_line(error)}); raise its statement_timeout.") from error
    except psycopg.Error as error:
        state = error.sqlstate or ""
        if state in _FORBIDDEN or (state.startswith(_FULL) and not state.startswith("533")):
            raise StoreUnwritableError(
                f"The vector indexes in {server} cannot be written ({_last_line(error)}); give its user the right to "
                "create tables, or room, then run `index()` again."
            ) from error
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            raise lost(server, error) from error
        raise StoreError(
            f"{server} does not do what was asked ({_last_line(error)}); see its log, or mend the url in store.toml."
        ) from error


def _last_line(error: Exception) -> str:
    """Of several (one an address, or with a position below) the one that says why."""
    diag = getattr(error, "diag", None)
    primary = getattr(diag, "message_primary", None)
    lines = [line.strip() for line in str(primary or error).splitlines() if line.strip()]
    said = [line for line in lines if "failed:" in line] or lines[:1] or [type(error).__name__]
    return said[-1].rpartition("failed: ")[2].removeprefix("FATAL: ").strip().rstrip(".")
