"""The repaired catalog takes the place of the damaged one: a swap of several files that is finished by whoever opens
the store next, when it was cut short.

    catalog.salvaged.sqlite     being written; worth nothing
    catalog.repaired.sqlite     whole and on the disk: it is the catalog from now on, wherever the others lie
    catalog.sqlite.damaged-...  what it has replaced, kept for those who know more
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from indexer.atomic import sync_folder
from indexer.reach import holds
from indexer.settings import ADDRESS_NAME, CATALOG_NAME

REPAIRED_NAME: Final = "catalog.repaired.sqlite"
_UNFINISHED_NAME: Final = "catalog.salvaged.sqlite"
_DAMAGED: Final = f"{CATALOG_NAME}.damaged-"
#: What SQLite keeps beside a database: its log, and the index of that.
_BESIDE: Final = ("-wal", "-shm")
#: Damaged catalogs that are kept, the newest ones: each is as large as the catalog.
KEPT: Final = 2


def is_store(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a catalog, one that is to become it, or the address of one. Raises as `holds`."""
    return any(holds(folder, name) for name in (CATALOG_NAME, REPAIRED_NAME, ADDRESS_NAME))


def is_begun(folder: str | os.PathLike[str]) -> bool:
    """`is_store`, and something was written: a first run that was killed, or found no room, leaves a catalog without a
    byte, with which the next one begins. Raises as `holds`."""
    if not is_store(folder):
        return False
    catalog = Path(folder) / CATALOG_NAME
    return not (holds(folder, CATALOG_NAME) and catalog.stat().st_size == 0)


def is_cut_short(folder: Path) -> bool:
    """Whether a swap has to be finished before the catalog is opened: one look at a name."""
    return holds(folder, REPAIRED_NAME)


def unfinished(folder: Path) -> Path:
    """Where a catalog is written that is to replace the one in `folder`; what lay there is gone."""
    _unlink(folder / _UNFINISHED_NAME)
    return folder / _UNFINISHED_NAME


def discard(folder: Path) -> None:
    """Take away what was written there, as far as that can be done; the next writer does the rest (`settle`)."""
    with suppress(OSError):
        _unlink(folder / _UNFINISHED_NAME)


def put_in_place(folder: Path) -> Path | None:
    """Let the catalog at `unfinished`, which is closed, take the place of the one in `folder`.

    Returns where the damaged one now lies. Needs the store's write lock. Raises OSError.
    """
    made = folder / _UNFINISHED_NAME
    with made.open("rb+") as stream:
        os.fsync(stream.fileno())
    os.replace(made, folder / REPAIRED_NAME)
    sync_folder(folder)
    return settle(folder)


def settle(folder: Path) -> Path | None:
    """Finish a swap that was cut short, and take away one that never came so far.

    Returns where the damaged catalog now lies, None where nothing was swapped. Needs the store's write lock. Raises
    OSError.
    """
    repaired, catalog = folder / REPAIRED_NAME, folder / CATALOG_NAME
    _unlink(folder / _UNFINISHED_NAME)
    if not repaired.exists():
        return None
    made = datetime.fromtimestamp(repaired.stat().st_mtime, UTC)  # the same however often this is begun
    damaged = folder / f"{_DAMAGED}{made:%Y%m%d-%H%M%S}"
    for end in (*_BESIDE, ""):  # a log never lies beside a catalog that it is not of
        with suppress(FileNotFoundError):
            os.replace(f"{catalog}{end}", f"{damaged}{end}")
    os.replace(repaired, catalog)
    sync_folder(folder)
    for old in sorted(_copies(folder))[:-KEPT]:
        _unlink(folder / old)
    return damaged if damaged.exists() else None


def _copies(folder: Path) -> set[str]:
    names = (name for name in os.listdir(folder) if name.startswith(_DAMAGED))
    return {name.removesuffix(_BESIDE[0]).removesuffix(_BESIDE[1]) for name in names}


def _unlink(path: Path) -> None:
    """A database and what lies beside it."""
    for end in ("", *_BESIDE):
        with suppress(FileNotFoundError):
            os.unlink(f"{path}{end}")
