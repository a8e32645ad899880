"""The server of a store, as others see it: who it is, start it in the background, make it leave."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import filelock

from indexer.errors import ResidentError
from indexer.settings import ResidentSettings
from indexer.store import Store
from search.resident import client
from search.resident.background import checked_base, log_of, start
from search.resident.http import HttpError, exchange
from search.resident.identity import identity
from search.resident.wire import CODE, OWN

#: Seconds between two looks at whether another process has come or gone.
LOOK = 0.05


@dataclass(frozen=True, slots=True)
class State:
    """What a server says of itself over the store's socket.

    `answered`: commands; `idle`: seconds without a command after which it leaves, None: it stays; `address`: of its
    page, if it has one; `outdated`: its code has been replaced since it started.
    """

    pid: int
    version: str
    folder: str
    ready: bool
    answered: int
    idle: float | None
    address: str | None
    outdated: bool

    def to_json(self) -> dict[str, Any]:
        """As an answer carries it."""
        return asdict(self)

    @classmethod
    def parse(cls, body: bytes) -> State:
        """The inverse; fields that a newer version may add are left out. Raises ValueError."""
        said = json.loads(body)
        try:
            idle, address = said["idle"], said["address"]
            return cls(
                int(said["pid"]),
                str(said["version"]),
                str(said["folder"]),
                bool(said["ready"]),
                int(said["answered"]),
                None if idle is None else float(idle),
                None if address is None else str(address),
                bool(said["outdated"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"no state ({error!r})") from error


def ask(folder: Path, to: Literal["state", "stop", "outdated"] = "state") -> State | None:
    """What the server of a store says of itself; None where there is none that can be talked to. `to`: "stop" makes it
    leave; "outdated" makes it give the socket up if its code has been replaced."""
    try:
        connection = client.connect(os.fspath(folder))
        if connection is None:
            return None
        try:
            target = f"{OWN}/{'state' if to == 'state' else 'stop'}{'?outdated=true' if to == 'outdated' else ''}"
            reply = exchange(connection, "GET" if to == "state" else "POST", target, [(CODE, identity())])
        finally:
            connection.close()
        return State.parse(reply.body) if reply.status == 200 else None
    except (OSError, HttpError, ValueError):
        return None


def start_and_wait(folder: Path, settings: ResidentSettings) -> State:
    """Start a server in the background, unless there is one, and wait until it is ready. Raises ResidentError,
    StoreMissingError, StoreError."""
    Store.open(folder).close()
    base = checked_base(os.fspath(folder))
    process = None
    deadline = time.monotonic() + settings.change
    while time.monotonic() < deadline:
        state = ask(folder)
        if state is not None and state.ready and not state.outdated:
            return state
        if process is None and (state is None or state.outdated):
            process = start(os.fspath(folder), settings.idle)
        if process is not None and process.poll():
            raise ResidentError(_last_words(log_of(base)))
        time.sleep(LOOK)
    raise ResidentError(f"The server is not ready after {settings.change:g} s; {log_of(base)} may say why.")


def stop(folder: Path, settings: ResidentSettings) -> State | None:
    """Make the server of a store leave, and wait until it has let go of it. None where there is none. Raises
    ResidentError."""
    state = ask(folder, "stop")
    if state is None:
        return None
    try:
        with lock_of(checked_base(os.fspath(folder))).acquire(timeout=settings.change, poll_interval=LOOK):
            return state
    except filelock.Timeout:
        raise ResidentError(f"The server {state.pid} is still at work; end it with `kill {state.pid}`.") from None


def lock_of(base: str) -> filelock.BaseFileLock:
    """Held by the server of the store whose files begin with `base`."""
    return filelock.FileLock(base + ".lock", mode=0o600)


def _last_words(log: str) -> str:
    """The sentence with which a process ended that did not come up."""
    with suppress(OSError):
        lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
        for line in reversed(lines):
            if line.startswith("search: "):
                return line.removeprefix("search: ")
    return f"The server did not come up; {log} may say why."
