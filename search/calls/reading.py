"""Calls that say what a store holds, and how it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from indexer import arguments
from indexer.arguments import checked, each, optional
from indexer.progress import Progress
from search.arguments import progress_given
from search.calls.opened import Opened
from search.status import Status, read_status

if TYPE_CHECKING:
    from indexer.doctor import Finding
    from search.engine.indexed_file import Indexed


class Reading(Opened):
    """See `search.Library`."""

    def status(self) -> Status:
        """What the store holds. Raises StoreMissingError or StoreError."""
        with self._reading() as opened:
            return read_status(opened.store)

    @checked(paths=each(arguments.path))
    def indexed(self, *paths: str | os.PathLike[str]) -> dict[str, Indexed]:
        """What was indexed at these paths, as hits name them; those of which nothing is known are left out.

        A hit's path comes from the store, which may be a stranger's, and what lies there now may be something else:
        `Indexed.refusal(content)` says whether it may be shown to others. Raises StoreMissingError or StoreError.
        """
        from search.engine.indexed import indexed_at

        with self._reading() as opened, opened.store.catalog.snapshot() as snapshot:
            return indexed_at(snapshot, [os.fspath(path) for path in paths])

    def left_out(self) -> list[str]:
        """The paths of the files that runs looked at and that are neither images nor captions.

        Raises StoreMissingError or StoreError.
        """
        from indexer.catalog.files import Files

        with self._reading() as opened, opened.store.catalog.snapshot() as snapshot:
            return sorted(Files(snapshot).others())

    @checked(progress=optional(progress_given))
    def check(self, *, progress: Progress | None = None) -> list[Finding]:
        """What is wrong with the store; empty when all is well. Changes nothing.

        Raises StoreMissingError, StoreTooNewError, and what `progress` raises.
        """
        from indexer import doctor

        return doctor.check(self.folder, progress)

    @checked(progress=optional(progress_given))
    def repair(self, *, progress: Progress | None = None) -> list[Finding]:
        """Mend what can be mended; says what was done and what cannot be.

        Raises StoreMissingError, StoreBusyError, StoreUnwritableError, and what `progress` raises: what was mended by
        then stays, and the next repair goes on.
        """
        from indexer import doctor

        self.close()
        return doctor.repair(self.folder, progress)
