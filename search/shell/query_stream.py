"""An image that comes through standard input or another pipe, to ask with. It can be read once."""

from __future__ import annotations

import os
import stat
import sys
from typing import IO

from indexer.errors import ImageTooLargeError, NotAnImageError, PathNotFoundError, UsageError
from indexer.images.sniff import SNIFFED_BYTES, sniff
from indexer.settings import DecodeLimits
from search.query.query import Query

#: Names of what is open in this process, and in no other.
_OPEN_HERE = ("/dev/stdin", "/dev/fd/", "/proc/")

#: What results call an image that came through standard input.
STANDARD_INPUT = "(standard input)"


def is_stream(name: str) -> bool:
    """Whether it names something to read once: standard input, or a pipe. Only this process can read it."""
    mode = _mode(name)
    is_special = mode is not None and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode))
    return name == "-" or name.startswith(_OPEN_HERE) or is_special


def read_stream(name: str) -> Query:
    """The image that comes through it; as much of it as an image may have.

    Raises PathNotFoundError, UsageError, FileError.
    """
    if name != "-":
        called = STANDARD_INPUT if name == "/dev/stdin" else name
        try:
            with open(name, "rb") as stream:
                return Query(image_bytes=_content(stream, called), name=called)
        except OSError as error:
            raise PathNotFoundError(f"{name} cannot be read ({error.strerror}); name an image file.") from error
    if sys.stdin is None:
        raise UsageError("`-` reads an image from standard input, which is closed; name an image file.")
    return Query(image_bytes=_content(sys.stdin.buffer, STANDARD_INPUT), name=STANDARD_INPUT)


def _content(stream: IO[bytes], name: str) -> bytes:
    if stream.isatty():
        raise UsageError("`-` reads an image from standard input, as in `search query - < photo.jpg`.")
    most = DecodeLimits().max_bytes
    head = stream.read(SNIFFED_BYTES)
    if sniff(head) is None:  # so that what never ends is not read for long
        reason = "it is no image that can be read" if head else "nothing came"
        raise NotAnImageError(
            f"The query image {name} cannot be used: {reason}; give a photograph, as in `search query - < photo.jpg`."
        )
    from indexer.memory import in_words, process_limit, room

    left = room()
    content = head + stream.read(min(most, left.most) - len(head) + 1)
    if len(content) > left.most:
        raise ImageTooLargeError(
            f"The query image {name} cannot be used: of the {in_words(process_limit())} of memory that this process "
            f"may use, {in_words(left.most)} are left for it, and it has more; set SEARCH_MEMORY higher if the "
            "machine has more."
        )
    if len(content) > most:
        raise ImageTooLargeError(f"The query image {name} has more bytes than the limit of {most:,}.")
    return content


def _mode(name: str) -> int | None:
    try:
        return os.stat(os.path.expanduser(name)).st_mode
    except (OSError, ValueError):  # not there, too long, or with a NUL
        return None
