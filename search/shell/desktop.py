"""Opens a file in the desktop of whoever sits at this machine: `search query --open`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress

from indexer.errors import UsageError

#: Seconds in which a desktop says that it cannot. One that can may stay as long as its window.
_PATIENCE = 1.0


def check_desktop() -> None:
    """Raises UsageError where there is none to open a file on."""
    _opener()


def has_desktop() -> bool:
    """Whether there is one to open a file on."""
    try:
        _opener()
    except UsageError:
        return False
    return True


def open_file(path: str) -> None:
    """Show a file as a double click would; returns while it is shown. Raises UsageError when the desktop refuses."""
    opener = _opener()
    try:
        if opener is None:
            os.startfile(path)  # type: ignore[attr-defined,unused-ignore]  # noqa: S606 (a page of ours)
            return
        # Its streams are not ours: a browser that stays must not hold a pipe that reads our output.
        shown = subprocess.Popen(  # noqa: S603 (a page of ours)
            [*opener, path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with suppress(subprocess.TimeoutExpired):
            if shown.wait(_PATIENCE):
                raise UsageError(f"{opener[0]} could not open {path}; open it yourself.")
    except OSError as error:
        raise UsageError(f"{path} could not be opened ({error.strerror}); open it yourself.") from error


def _opener() -> list[str] | None:
    """The command that opens a file; None on Windows, which has a call for it."""
    if sys.platform == "win32":
        return None
    if sys.platform == "darwin":
        return ["open"]
    for name in ("xdg-open", "wslview", "gio"):
        found = shutil.which(name)
        if found is not None and (name == "wslview" or _has_screen()):
            return [found, "open"] if name == "gio" else [found]
    raise UsageError("There is no desktop here to open anything on; --sheet FILE.html writes a page to take along.")


def _has_screen() -> bool:
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
