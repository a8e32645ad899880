"""A statement of the catalog as others ask it who come to the same database: in SQL, of the same state."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SharedStatement:
    """A SELECT of ids. `place`: the only database in which it means anything (`place_of`); `schema`: where its
    tables lie there; `snapshot`: the name of the state of which it is to be asked, as long as the transaction lasts
    that it comes from. `text` in SQL, with parameters by name as psycopg takes them, `values`.
    """

    place: Hashable
    schema: str
    snapshot: str
    text: str
    values: Mapping[str, Any]


def place_of(host: str | None, port: int | None, user: str | None, database: str | None) -> Hashable:
    """What two URLs of one database of PostgreSQL, for one user, have in common."""
    return (host or "").lower(), port or 5432, user, database
