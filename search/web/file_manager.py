"""Shows a file in the file manager of whoever sits at this machine. No shell is asked, and a path is no option."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from indexer.storage.places import container_of, is_url
from search.web.problems import ProblemError

#: Seconds in which a file manager says that it cannot. One that can may stay as long as its window.
_PATIENCE: Final = 1.0


def reveal(path: str) -> None:
    """Open the folder of a file, with the file selected where the system can do that; of a member of a container the
    container. `path`: absolute. Raises ProblemError where there is no file manager, and for what lies in no folder."""
    path = container_of(path) or path
    if is_url(path):
        raise ProblemError(501, "no-desktop", "It lies in no folder of the server's machine; save the photograph.")
    for command in _commands(path):
        try:
            shown = subprocess.Popen(  # noqa: S603 (no shell; the path is absolute, and so no option)
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            continue
        with suppress(subprocess.TimeoutExpired):
            if shown.wait(_PATIENCE) and sys.platform != "win32":  # Windows' own always says 1
                continue
        return
    raise ProblemError(501, "no-desktop", "There is no file manager on the server's machine; save the photograph.")


def has_file_manager() -> bool:
    """Whether there may be one to ask."""
    return bool(_commands(os.path.abspath(os.sep)))


def _commands(path: str) -> list[list[str]]:
    """What may show it, the best first."""
    if sys.platform == "win32":
        return [["explorer", "/select,", path]]
    if sys.platform == "darwin":
        return [["open", "-R", path]]
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        return []
    found: list[list[str]] = []
    if (bus := shutil.which("gdbus")) is not None:
        # org.freedesktop.FileManager1, as file managers of Linux have it; an address has no quotation mark.
        name, place = "org.freedesktop.FileManager1", "/org/freedesktop/FileManager1"
        found.append(
            [bus, "call", "-e", "-d", name, "-o", place, "-m", f"{name}.ShowItems", f"['{_address(path)}']", ""]
        )
    if (opener := shutil.which("xdg-open")) is not None:
        found.append([opener, os.path.dirname(path)])
    return found


def _address(path: str) -> str:
    """file:///..., in which all but letters, digits and a few signs is written as %xx."""
    return Path(path).as_uri()
