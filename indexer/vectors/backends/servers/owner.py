"""Whose indexes these are, on a server that has others' as well."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import StoreUnwritableError


@dataclass(frozen=True, slots=True)
class Owner:
    """`store`: the id of the store. `name`: what its indexes are called on the server, letters, digits and `_`."""

    store: str
    name: str


#: Asked when the server is first needed: it reads the catalog.
FindOwner = Callable[[], Owner]


def default_name(store: str, folder: Path) -> str:
    """For a store without a name of its own: of its id, and of its folder, so that a copy of the store keeps indexes of
    its own."""
    return hashlib.sha256(f"{store}\n{folder}".encode()).hexdigest()[:16]


def refuse_other(server: str, name: str, kind: str) -> StoreUnwritableError:
    """The error of a build under a name that another store has taken."""
    return StoreUnwritableError(
        f"The {kind} index {name} in {server} belongs to another store; give this one another name in store.toml "
        "([vectors] name), or delete that index there."
    )
