"""What every HTML page shares: its templates, pictures inside the file, and one write, all or nothing."""

from __future__ import annotations

import base64
import errno
import functools
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from indexer.atomic import write_atomically
from indexer.errors import FileError, UsageError
from indexer.images.decoder import read_file
from indexer.memory import room
from indexer.memory_budget import ALONE, MemoryBudget, Share
from indexer.settings import DecodeLimits
from indexer.storage.looking import candidate_at
from indexer.storage.places import is_elsewhere
from indexer.thumbnails.drawing import ON_A_SHEET, preview
from search.engine.indexed_file import Indexed

#: What stands in the place of a picture that cannot be shown.
NOTHING = "no picture to show"

#: What a disk without room says: it is full, a quota is used up, or this process may write no more.
_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)


@functools.cache
def environment() -> Environment:
    """The templates of `search/html/templates`. Whatever they show is escaped, and a name that is wrong is an error."""
    made = Environment(
        loader=PackageLoader("search.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"basename": os.path.basename, "dirname": os.path.dirname, "place": "{:.1f}".format}
    return made


def render(template: str, **values: Any) -> str:
    """A page; bytes of a path that are no UTF-8 become question marks."""
    page = environment().get_template(template).render(**values)
    return page.encode("utf-8", "replace").decode("utf-8")


def write_page(path: Path, page: str, what: str) -> None:
    """Write a page to `path`, all or nothing. Raises UsageError, naming it `what`, when that cannot be written."""
    try:
        write_atomically(path, page.encode("utf-8"))
    except OSError as error:
        step = "make room, or name another file" if error.errno in _NO_ROOM else "name another file"
        raise UsageError(f"{what} {path} cannot be written ({error.strerror}); {step}.") from error


@dataclass(frozen=True, slots=True)
class Picture:
    """A data: address of a thumbnail, or None and why there is none. `link`: the file: address of what it shows."""

    address: str | None
    trouble: str = ""
    link: str | None = None


def pictures(wanted: Mapping[str, Indexed | None], side: int) -> dict[str, Picture]:
    """See `picture`, by path."""
    with ThreadPoolExecutor() as pool:
        budget = MemoryBudget(room())
        shown = pool.map(lambda path: budget.work(lambda share: picture(path, wanted[path], side, share)), wanted)
        return dict(zip(wanted, shown, strict=True))


def picture(path: str, indexed: Indexed | None, side: int, share: Share = ALONE) -> Picture:
    """The picture at a path, its longer side at most `side` pixels, drawn anew: nothing but pixels of an image comes
    out. `indexed`: what it has to be; None for a path that a person named. Takes its memory from `share`."""
    try:
        content = read_file(candidate_at(path), DecodeLimits(), share)
    except (OSError, ValueError, FileError):
        return Picture(None, NOTHING)
    refusal = None if indexed is None else indexed.refusal(content)
    if refusal is not None:
        return Picture(None, f"not shown: {refusal}")
    shown = encoded(content, side, share)
    return Picture(None, NOTHING) if shown is None else Picture(shown, link=link_to(path))


def link_to(path: str) -> str | None:
    """The file: address of a path, each byte but the plainest percent-encoded (RFC 8089); None for a relative one,
    and for what is no file of its own."""
    return PurePath(path).as_uri() if os.path.isabs(path) and not is_elsewhere(path) else None


def encoded(content: bytes, side: int, share: Share = ALONE) -> str | None:
    """See `picture`, for the content of a file."""
    try:
        data = preview(content, DecodeLimits(), side, share, quality=ON_A_SHEET)
    except FileError:
        return None
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
