"""The store's private socket beside a page: had from the beginning, or once the process that has it has left."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from indexer.errors import ResidentError
from indexer.settings import ResidentSettings
from search.resident import socket_paths
from search.resident.claim import Claim, claim, claim_free
from search.web.own_socket import OwnSocket

#: Seconds that a server waits for the socket when it starts; it can do without.
_PATIENCE: Final = 1.0
#: Seconds between two looks at whether it is free by now.
_LOOK: Final = 5.0


class Besides:
    """For one server of a page. `now`: the socket, while it is the server's; `refusal`: why it cannot be had at all."""

    def __init__(self, folder: Path, settings: ResidentSettings, address: str) -> None:
        self.now: OwnSocket | None = None
        self.refusal: str | None = None
        self._folder, self._settings, self._address = folder, settings, address
        self._looked = time.monotonic()
        try:
            claimed = claim(folder, _PATIENCE)
        except ResidentError as error:
            self.refusal = str(error) if socket_paths.AVAILABLE else None
            self._looked = float("inf")
            return
        if isinstance(claimed, Claim):
            self.now = self._own(claimed)

    async def taken_over(self) -> OwnSocket | None:
        """The socket, where it has become free; looks every few seconds."""
        if self.now is not None or time.monotonic() < self._looked + _LOOK:
            return None
        self._looked = time.monotonic()
        with suppress(ResidentError):
            claimed = await asyncio.to_thread(claim_free, self._folder)
            if claimed is not None:
                self.now = self._own(claimed)
        return self.now

    def give_up(self) -> None:
        """Let another process have it. One whose code was replaced does not take it again."""
        if self.now is None:
            return
        if self.now.leaving:
            self._looked = float("inf")
        self.now.claimed.give_up()
        self.now = None

    def _own(self, claimed: Claim) -> OwnSocket:
        return OwnSocket(claimed, self._folder, self._settings, self._address)
