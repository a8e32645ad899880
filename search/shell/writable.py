"""Whether something new can be written at a place, and why not: asked before the work for it is done."""

from __future__ import annotations

import errno
import os


def obstacle(place: str) -> str | None:
    """Why nothing can be written into a folder, or over a file, that is there; None where it can."""
    mode = os.W_OK | os.X_OK if os.path.isdir(place) else os.W_OK
    if os.access(place, mode):
        return None
    return os.strerror(errno.EROFS) if _is_read_only(place) else "permission denied"


def name_obstacle(path: str) -> str | None:
    """Why a path can be no name of a file here (it is too long, or a folder on the way may not be entered); None where
    it can, or where its folder is missing."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return error.strerror
    return None


def _is_read_only(place: str) -> bool:
    try:
        return bool(os.statvfs(place).f_flag & os.ST_RDONLY)
    except (AttributeError, OSError):  # a system that does not say
        return False
