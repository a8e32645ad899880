"""What PostgreSQL, and its driver, raise, as the error tree of this product says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from indexer.errors import (
    SearchError,
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreUnwritableError,
    UnfitValueError,
    UsageError,
)

#: Codes of SQL, or the classes with which they begin (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_FULL: Final = ("53100",)
_DAMAGED: Final = ("XX001", "XX002")
_BUSY: Final = ("55P03", "40001", "40P01")
_FORBIDDEN: Final = ("42501", "25006")
_UNFIT: Final = ("22",)
_GONE: Final = ("08", "57P")
_ENDED: Final = "57P01"
_LACKS_TABLES: Final = ("42P01", "42703", "3F000")


def _message(error: BaseException) -> str:
    """The first line of what the driver says, as the middle of a sentence."""
    lines = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines() or [type(error).__name__]
    said = lines[0].partition("FATAL:")[2] or lines[0].removeprefix("connection failed: ")
    return said.strip().rstrip(".")


class PostgresErrors:
    """The errors of the database that a URL names. Raises UsageError for a URL that holds a password."""

    def __init__(self, url: URL) -> None:
        if url.password is not None or {"password", "sslpassword"} & set(url.query):
            others = {name: value for name, value in url.query.items() if name not in ("password", "sslpassword")}
            shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database, others)
            raise UsageError(
                f"A password does not belong into the address of a store, where others see it; give "
                f"{shown.render_as_string()}, and the password in PGPASSWORD or ~/.pgpass."
            )
        self._url = url

    def __str__(self) -> str:
        return self._url.set(drivername="postgresql").render_as_string()

    def lacks_driver(self) -> UsageError:
        """The error where the driver is not installed."""
        return UsageError(
            "A store in PostgreSQL needs a package that is not here; `pip install 'psycopg[binary]'` installs it."
        )

    def unwritable(self) -> StoreUnwritableError:
        """The error for a store that may only be read."""
        return StoreUnwritableError(
            f"{self} may only be read by this user; ask its owner for the right to write, or name another `store`."
        )

    def full(self) -> StoreUnwritableError:
        """The error for a server whose disk has no room."""
        return StoreUnwritableError(
            f"The disk of the server of {self} is full; free some space and run the same command again, it goes on "
            "from the last committed batch."
        )

    def lacks_room(self, error: StoreError) -> bool:
        """Never: what cannot be written is read as ever."""
        return False

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what the driver raises into the error tree."""
        try:
            yield
        except SearchError:
            raise
        except DBAPIError as error:
            raise self._translated(error) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "psycopg":  # of a connection that is used without SQLAlchemy
                raise
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> SearchError:
        cause = error.orig if isinstance(error, DBAPIError) else error
        code: str = getattr(cause, "sqlstate", None) or ""
        said = _message(error)
        if code in _FULL:
            return self.full()
        if code in _DAMAGED:
            return StoreDamagedError(f"{self} is damaged ({said}); bring it back from a copy of the server's own.")
        if code in _BUSY:
            return StoreBusyError(f"Another process is writing to {self}; try again when it ends.")
        if code in _FORBIDDEN:
            return StoreUnwritableError(
                f"{self} does not let this user do that ({said}); ask its owner for the right (GRANT), or name another "
                "`store`."
            )
        if code.startswith(_UNFIT):
            return UnfitValueError(f"A value does not fit into {self} ({said}); the file that brought it is left out.")
        if code.startswith(_LACKS_TABLES):
            return StoreDamagedError(
                f"{self} lacks what a catalog has ({said}); bring it back from a copy, or name another `store`."
            )
        if (isinstance(error, DBAPIError) and error.connection_invalidated) or code == _ENDED:
            return StoreUnwritableError(
                f"The server of {self} ended the connection ({said}); start the server and run the same command again, "
                "it goes on from the last committed batch."
            )
        if not code or code.startswith(_GONE) or code in ("28P01", "28000", "3D000"):
            return StoreUnwritableError(f"{self} cannot be opened ({said}); {self._advice(code, said)}.")
        return StoreError(f"{self} could not do that ({said}); look into the server's log.")

    def _advice(self, code: str, said: str) -> str:
        if code.startswith("28") or "password" in said or "authentication" in said:
            return "give the right user in the address, and the password in PGPASSWORD or ~/.pgpass"
        if code == "3D000" or ("database" in said and "does not exist" in said):
            return "make the database (createdb), or name another in the address"
        return "start the server, or correct the host and the port in the address"
