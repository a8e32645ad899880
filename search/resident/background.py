"""Starts a server behind the command that is at work."""

from __future__ import annotations

import os
import shlex
import subprocess

from indexer.errors import ResidentError
from indexer.own_command import own_command
from indexer.reach import look, reason
from search.resident import socket_paths

_PROGRAM = "from search.__main__ import main; main()"
#: Nobody waits for these; kept, or Python complains that they still run.
_started: list[subprocess.Popen[bytes]] = []


def start(store: str, idle: float | None = None) -> subprocess.Popen[bytes]:
    """Start the server of a store, away from this terminal, and do not wait for it. Where there is one already, it
    ends at once. What it has to say goes into a log beside its socket.

    Raises ResidentError.
    """
    base = checked_base(store)
    arguments = ["serve", f"--store={store}", *([] if idle is None else [f"--idle={idle}"])]
    try:
        log = os.open(log_of(base), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            process = subprocess.Popen(  # noqa: S603 (our own command)
                own_command(_PROGRAM, *arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        finally:
            os.close(log)
    except OSError as error:
        raise ResidentError(
            f"The server cannot be started ({error.strerror}); queries are answered without it."
        ) from error
    _started.append(process)
    return process


def checked_base(store: str) -> str:
    """As `socket_paths.base`, its folder made. Raises ResidentError where the system or the folder forbids it."""
    if not socket_paths.AVAILABLE:
        raise ResidentError("A server for the shell needs Unix sockets, which Python does not have on this system.")
    if not socket_paths.prepare():
        raise ResidentError(_why_not(socket_paths.folder()))
    base = socket_paths.base(store)
    if len(os.fsencode(base + ".sock")) > socket_paths.LONGEST:
        raise ResidentError(f"The path {base}.sock is too long for a socket; set XDG_RUNTIME_DIR to a shorter folder.")
    return base


def _why_not(folder: str) -> str:
    """Why there is no private folder of that name, and what to do."""
    if socket_paths.is_own(folder):
        bits = os.lstat(folder).st_mode & 0o777
        return f"The folder {folder} is open to others ({bits:04o}); close it with `chmod 700 {shlex.quote(folder)}`."
    if os.path.lexists(folder):
        return f"The folder {folder} is not private to you; remove it, or set XDG_RUNTIME_DIR to a folder of yours."
    above = os.path.dirname(folder)
    try:
        why = f"{above} is not there" if look(above) is None else f"{above} cannot be written"
    except OSError as error:
        why = f"{above}: {reason(error)}"
    return f"The folder {folder} cannot be made ({why}); set XDG_RUNTIME_DIR or TMPDIR to a folder of yours."


def log_of(base: str) -> str:
    """The log of the server whose files begin with `base`."""
    return base + ".log"
