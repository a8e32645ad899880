"""Whether a file is still the one that it was, told without reading it."""

from __future__ import annotations

import os

Fingerprint = tuple[int, int, int, int, int]
"""Device, inode, size in bytes, and in nanoseconds when content and status changed last."""


def fingerprint(path: str | os.PathLike[str]) -> Fingerprint | None:
    """Equal as long as nobody has written to the file or put another in its place; None where none can be looked at.

    For use while a process runs: a device may have another number after a restart. `Candidate.at` can be written down.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
