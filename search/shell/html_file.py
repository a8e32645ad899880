"""Checks the name of an HTML page before the work for it is done."""

from __future__ import annotations

import os
from pathlib import Path

from indexer.errors import UsageError
from indexer.paths import absolute
from search.shell.writable import name_obstacle, obstacle


def html_file(option: str, given: Path) -> Path:
    """The file that is meant, `~` expanded. Raises UsageError when no page can be written there, or its name says that
    it holds something else."""
    path = Path(os.path.expanduser(given))
    folder = os.path.dirname(absolute(path))
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{option} writes an HTML page, and {path} is named otherwise; end the name in .html.")
    if os.path.isdir(path):
        raise UsageError(f"{option} {path} cannot be written (it is a folder); name a file.")
    reason = name_obstacle(os.path.join(folder, path.name))
    if reason is None:
        if not os.path.isdir(folder):
            raise UsageError(
                f"{option} {path} cannot be written (there is no folder {folder}); make it, or name another."
            )
        reason = obstacle(os.fspath(path) if os.path.exists(path) else folder)
    if reason is not None:
        raise UsageError(f"{option} {path} cannot be written ({reason}); name another file.")
    return path
