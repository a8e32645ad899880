"""What tars at URLs hold, kept from run to run: reading their headers again would fetch nearly all of their bytes.

A cache (`SEARCH_CACHE`), which can be deleted at any time: a file a tar, which says of which state of it that is.
"""

from __future__ import annotations

import json
import os
import zlib
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

from indexer.atomic import write_atomically
from indexer.settings import cache_folder
from indexer.storage.base import Seen
from indexer.storage.tar_format import Member, Members

#: Tars that are remembered, the last ones: some 100 kB each, of 10,000 photographs.
_MOST: Final = 5_000


def kept(url: str, tar: Seen) -> Members | None:
    """What a tar holds that is as it was when its list was kept; None where that is not known."""
    place = _place(url)
    if place is None:
        return None
    try:
        state, files, skipped, first = json.loads(zlib.decompress(place.read_bytes()))
        if state != list(tar):
            return None
        members = {os.fsencode(name): Member(start, size, mtime) for name, start, size, mtime in files}
    except (OSError, ValueError, TypeError, zlib.error):
        return None
    return Members(members, skipped, first)


def keep(url: str, tar: Seen, members: Members) -> None:
    """Keep what a whole tar holds, where there is a place for it."""
    place = _place(url)
    if place is None or members.fault:
        return
    files = [(os.fsdecode(name), *member) for name, member in members.files.items()]
    data = zlib.compress(json.dumps([tar, files, members.skipped, members.first_skipped]).encode(), 1)
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, data, lasting=False)
        _forget_old_ones(place.parent)


def _forget_old_ones(folder: Path) -> None:
    with os.scandir(folder) as entries:
        found = [(entry.stat().st_mtime_ns, entry.path) for entry in entries if not entry.name.startswith(".")]
    for _, path in sorted(found)[: max(0, len(found) - _MOST)]:
        os.unlink(path)


def _place(url: str) -> Path | None:
    folder = cache_folder()
    return None if folder is None else folder / "tars" / blake2b(url.encode(), digest_size=16).hexdigest()
