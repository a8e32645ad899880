"""Where file systems are attached: of what is not there, whether it is gone or its drive is away."""

from __future__ import annotations

import os
from typing import Literal

from indexer.reach import look, reason
from indexer.storage.looking import is_gone, look_elsewhere
from indexer.storage.places import container_of, is_elsewhere, is_url

Presence = Literal["there", "unmounted", "gone"]

#: Where drives are mounted by habit (FHS 3.0; udisks; macOS).
_DRIVES = ("/media/", "/mnt/", "/run/media/", "/Volumes/")


def mount_of(path: str) -> str:
    """The mount point under which the file or folder at `path` lies, or would lie, links resolved; of a URL itself."""
    if is_url(path):
        return path
    path = os.path.realpath(path)
    while not os.path.ismount(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def is_mounted(path: str, mount: str | None) -> bool:
    """Whether the drive of `path` is there, by the mount point that was recorded.

    Where none was, what lies among removable drives counts as on one of them, which is there if one is mounted above
    the path.
    """
    if is_url(path):
        return _answers(path)
    drive = os.path.splitdrive(path)[0]  # Windows
    if drive and not os.path.exists(drive + os.sep):
        return False
    if mount is None:
        return not os.path.realpath(path).startswith(_DRIVES) or mount_of(path).startswith(_DRIVES)
    return os.path.ismount(mount)


def presence(path: str, mount: str | None) -> Presence:
    """Whether a file or folder, which lay under the mount point `mount` (None: nobody knows), is there.

    "unmounted" too where nobody can say: a server that does not answer, a folder above that may not be entered. A URL
    is never gone: where nothing is listed, there may be nothing that this user may see.
    """
    if is_url(path):
        return "there" if _answers(path) else "unmounted"
    container = container_of(path)
    if container is not None and container != path:
        return "gone" if is_gone(path) else "there"
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return "gone" if is_mounted(path, mount) else "unmounted"
    except (OSError, ValueError):
        return "unmounted"
    return "there"


def is_deleted(path: str, root: str, mount: str | None) -> bool:
    """Whether the root, and what was mounted with it, is there and `path` below it is not."""
    if is_elsewhere(path):
        return is_gone(path) and not is_gone(root)
    return not os.path.lexists(path) and os.path.exists(root) and is_mounted(root, mount)


def is_mount(mount: str) -> bool:
    """Whether something is mounted at what `mount_of` told."""
    return is_url(mount) or os.path.ismount(mount)


def is_own_drive(root: str, mount: str) -> bool:
    """Whether a root is all of what is mounted at what `mount_of` told of it."""
    return mount == (root if is_url(root) else os.path.realpath(root))


def why_away(path: str) -> str:
    """Why what `presence` calls unmounted cannot be reached, in words of a sentence."""
    try:
        if is_url(path):
            look_elsewhere(path)
            return "nothing is there now"
        look(path)
    except OSError as error:
        return reason(error)
    return "its drive is not mounted?"


def _answers(url: str) -> bool:
    """Whether something is at a URL, and may be looked at."""
    try:
        return look_elsewhere(url) is not None
    except OSError:
        return False
