"""The store's private socket, as the server knows it: which commands it answers over it, and when it is over."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers

import search
from indexer.settings import ResidentSettings
from search.resident.claim import Claim
from search.resident.identity import environment, identity, is_same_place, node, stamp
from search.resident.lifecycle import State
from search.resident.wire import CODE, ENVIRONMENT, HERE, IDLE, NODE, unpercent
from search.web.problems import ProblemError
from search.web.store_watch import StoreWatch

#: Bytes of the log at which it is started anew.
LOG_BYTES: Final = 1_000_000
#: Seconds between two looks at whether the socket still lies where commands look for it.
LOOK: Final = 5.0


class OwnSocket:
    """For one server. `claimed`: the socket; `address`: of the page, where there is one: such a server stays when it is
    idle, and when its code has changed it gives up the socket alone. `check` is for threads, all else for the event
    loop."""

    def __init__(self, claimed: Claim, folder: Path, settings: ResidentSettings, address: str | None = None) -> None:
        self.claimed = claimed
        self.settings = settings
        self._folder = folder
        self._real = os.path.realpath(folder)
        self._address = address
        self._identity, self._environment, self._stamp = identity(), environment(), stamp()
        self._at_work = self._answered = 0
        self._last = self._looked = time.monotonic()
        self.ready = False
        #: Whether the socket is to be given up, and whether the whole server is to leave.
        self.leaving = self.stopping = False

    @property
    def alone(self) -> bool:
        """Whether the server has nothing else."""
        return self._address is None

    def begin(self) -> None:
        """A request has come."""
        self._at_work += 1

    def end(self, *, answers: bool) -> None:
        """It was answered; `answers`: it was a command that got its answer."""
        self._at_work -= 1
        self._answered += answers
        self._last = time.monotonic()

    def is_over(self) -> bool:
        """Whether nobody is to be answered over it any more: it was told so, or was idle for long, or was deleted."""
        now = time.monotonic()
        if self.leaving or (self.alone and self.ready and not self._at_work and now >= self._last + self.settings.idle):
            return True
        if now < self._looked + LOOK:
            return False
        self._looked = now
        if self.alone:
            _bound_log()
        return not self.claimed.is_there()

    def warmed_up(self) -> None:
        """The models are loaded."""
        self.ready = True
        self._last = time.monotonic()

    def state(self, headers: Headers) -> State:
        """What the server says of itself. Looks at files."""
        idle = self.settings.idle if self.alone else None
        outdated = self.is_outdated(headers)
        return State(
            os.getpid(),
            search.__version__,
            os.fspath(self._folder),
            self.ready,
            self._answered,
            idle,
            self._address,
            outdated,
        )

    def is_outdated(self, headers: Headers) -> bool:
        """Whether its code was replaced: there is another version at its place, or its files are not what they were."""
        asking = headers.get(CODE, self._identity)
        return (asking != self._identity and is_same_place(asking, self._identity)) or stamp() != self._stamp

    def check(self, headers: Headers, watch: StoreWatch) -> None:
        """Whether a command may be answered, which says of itself what it has in common with this process; who says
        nothing is answered as it is. Raises ProblemError, and what opening the store raises."""
        if CODE not in headers:
            return
        if self.is_outdated(headers):
            self.leaving = True
            said = {IDLE: f"{self.settings.idle:g}"} if self.alone else None
            raise ProblemError(
                409, "outdated", "The server's code has been replaced; it makes way for a new one.", said
            )
        if headers[CODE] != self._identity:
            raise ProblemError(409, "other-code", "The server runs other code than the command.")
        if headers.get(ENVIRONMENT) != self._environment:
            raise ProblemError(409, "other-environment", "The server was started with other variables.")
        if os.path.realpath(self._folder) != self._real:
            raise ProblemError(409, "other-store", "The path of the store leads to another one by now.")
        if not _is_here(headers):
            raise ProblemError(409, "other-folder", "The working folder is another one for the server.")
        if not self.ready:
            raise ProblemError(503, "not-ready", "The server is loading its models; try again in a moment.")
        watch.look()


def _is_here(headers: Headers) -> bool:
    try:
        return node(os.fsdecode(unpercent(headers.get(HERE, "")))) == headers.get(NODE)
    except (OSError, ValueError):
        return False


def _bound_log() -> None:
    """Start a log on stderr anew when it has grown; a terminal or a pipe is left alone."""
    try:
        if os.fstat(2).st_size > LOG_BYTES:
            sys.stderr.flush()
            os.ftruncate(2, 0)  # it is opened to append
    except (OSError, ValueError):
        pass
