"""Which store is meant: where nobody says, by a path, or by the address of a server on which its catalog lies,
`postgresql://user@host/database`.

For an address stands a folder of this machine: there lie its caches (vector indexes, thumbnails, the map), what was
fitted, and the address. All else works with the folder as with any other.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from indexer.errors import StoreDamagedError, StoreUnwritableError, UsageError
from indexer.named_hosts import check_host
from indexer.paths import absolute
from indexer.reach import holds, noted_address, reason, refuse_store
from indexer.settings import ADDRESS_NAME, stores_folder

if TYPE_CHECKING:
    from sqlalchemy import URL

_ADDRESS: Final = re.compile(r"postgres(ql)?(\+psycopg)?://")
_OTHER_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def default_store() -> Path:
    """Where an index lives when nobody says: SEARCH_STORE, else one place per user. Raises UsageError where there is
    no home for that."""
    named = os.environ.get("SEARCH_STORE", "").strip()
    if not named:
        return stores_folder() / "default.search"
    return Path(absolute(store_folder(named)))


def is_address(named: object) -> bool:
    """Whether it names a server, and no folder."""
    return isinstance(named, str) and _ADDRESS.match(named) is not None


def store_folder(named: str | os.PathLike[str]) -> Path:
    """The folder of the store that is named, by its path or by its address. Raises UsageError, also for the address of
    what is no PostgreSQL, and StoreUnwritableError where the folder of an address cannot be made."""
    if is_address(named):
        return _folder_of(str(named))
    other = _OTHER_ADDRESS.match(os.fspath(named))
    if other:  # the rest is not shown: a password may stand in it
        raise UsageError(
            f"A store lies in a folder or in PostgreSQL, and `store` names {other[1]}://...; give the path of a "
            "folder, or postgresql://user@host/database."
        )
    return Path(named)


def address_in(folder: Path) -> URL | None:
    """The address that a folder stands for; None for one that holds its catalog itself. Raises StoreError, and
    UsageError for a folder that somebody else may have made, whose server would get a password."""
    if not holds(folder, ADDRESS_NAME):
        return None
    try:
        found = _url(noted_address(folder))
    except OSError as error:
        refuse_store(folder, error)
    except (UnicodeDecodeError, UsageError) as error:
        raise StoreDamagedError(
            f"{folder / ADDRESS_NAME} holds no address of a store; delete it, and name the store by its address."
        ) from error
    if not _is_ours(folder):
        hosts = [found.host or "", *_several(found.query.get("host")), *_several(found.query.get("hostaddr"))]
        for host in ",".join(hosts).split(","):
            check_host(folder / ADDRESS_NAME, found.render_as_string(), "postgresql", host)
    return found


def _is_ours(folder: Path) -> bool:
    """Whether a folder was made here for an address that somebody has named here."""
    try:
        return os.path.realpath(folder.parent) == os.path.realpath(stores_folder())
    except UsageError:  # no home, and so no such folder
        return False


def _several(given: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return () if given is None else (given,) if isinstance(given, str) else given


def _url(address: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    from indexer.catalog.postgres_errors import PostgresErrors

    try:
        url = make_url(_ADDRESS.sub("postgresql://", address, count=1))
    except (ArgumentError, ValueError) as error:
        raise UsageError(
            "The address of the store does not read; it has the form postgresql://user@host:port/database."
        ) from error
    PostgresErrors(url)  # refuses one with a password
    if not url.database:
        raise UsageError(f"{address} names no database; it has the form postgresql://user@host:port/database.")
    return url


def _folder_of(address: str) -> Path:
    from hashlib import blake2b  # brings OpenSSL, which other stores do without

    shown = _url(address).render_as_string()
    digest = blake2b(shown.encode(), digest_size=8).hexdigest()
    folder = stores_folder() / f"server-{digest}.search"
    place = folder / ADDRESS_NAME
    try:
        if not place.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            unfinished = folder / f"{ADDRESS_NAME}.{os.getpid()}"
            with suppress(FileExistsError), open(unfinished, "x", encoding="utf-8") as stream:
                stream.write(f"{shown}\n")
            os.replace(unfinished, place)
    except OSError as error:
        raise StoreUnwritableError(
            f"The folder for the caches of {shown} cannot be made at {folder} ({reason(error)}); make room for it, or "
            "name another with XDG_DATA_HOME."
        ) from error
    return folder
