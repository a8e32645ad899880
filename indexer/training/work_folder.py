"""The folder of an unfinished training: its checkpoints, and what was encoded for it. One training at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.errors import StoreUnwritableError
from indexer.private import make_folder
from indexer.store import write_lock


@contextmanager
def working(work: Path) -> Iterator[None]:
    """The folder, ours alone; gone afterwards when nothing is in it to go on from.

    Raises StoreUnwritableError, and StoreBusyError while another process trains there.
    """
    try:
        make_folder(work)
    except OSError as error:
        raise StoreUnwritableError(
            f"{work} cannot be made ({error.strerror}); make its place writable or name another one with `out`."
        ) from error
    with write_lock(work):
        try:
            yield
        finally:  # while it is ours: what another process trains in is left alone
            if not any(work.rglob("*.pt")) and not any(work.rglob("*.npz")):
                shutil.rmtree(work, ignore_errors=True)
