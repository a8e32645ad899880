"""Files beside a database that SQLite would follow to others: a store may come from a stranger.

SQLite writes into a log that is a link as into its own. It undoes what a rollback journal holds, and deletes the file
that the journal names as the one of a transaction over several databases (`pager_delsuper` in its source), whichever
that is, where it names no journal in turn. Ours are in WAL mode, and no transaction goes over two files.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from indexer.errors import StoreDamagedError

#: The end of a journal that names a file (SQLite's file format, section 3: the super-journal record).
_MAGIC: Final = bytes.fromhex("d9d505f920a163d7")


def refuse_foreign(database: Path) -> None:
    """Raise StoreDamagedError where such a file lies beside the database."""
    real = os.path.realpath(database)  # as SQLite finds them
    for path in (f"{real}-wal", f"{real}-shm", f"{real}-journal"):
        try:
            kind = os.lstat(path).st_mode
        except OSError:
            continue
        if not stat.S_ISREG(kind):
            raise StoreDamagedError(
                f"{path} is no file of this program, and SQLite would write into what it leads to; remove it, and "
                "trust this store no further than whoever made it."
            )
        if path.endswith("-journal") and _names_a_file(path):
            raise StoreDamagedError(
                f"{path} is not of this program, and SQLite would delete the file that it names; remove it, and trust "
                "this store no further than whoever made it."
            )


def _names_a_file(journal: str) -> bool:
    with suppress(OSError), open(journal, "rb") as stream:
        stream.seek(-len(_MAGIC), os.SEEK_END)
        return stream.read() == _MAGIC
    return False
