"""What the arguments of `search query` mean: words, an image file, or an image that comes through a pipe.

Only the command line guesses. In the library a `str` is words, whatever it looks like.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Sequence
from typing import IO

from indexer.errors import ImageTooLargeError, NotAnImageError, PathNotFoundError, UsageError
from indexer.images.sniff import IMAGE_SUFFIXES, RAW_SUFFIXES, SNIFFED_BYTES, is_image, sniff
from indexer.reach import look_named
from indexer.settings import DecodeLimits
from search.query.query import Query, image_query, is_address

#: Names of what is open in this process, and in no other.
_OPEN_HERE = ("/dev/stdin", "/dev/fd/", "/proc/")
#: How a name ends that is no word: "clip.mp4", not "St. Bernard".
_SUFFIX = r"(?i)\.[a-z0-9]{1,8}\Z"

#: What results call an image that came through standard input.
STANDARD_INPUT = "(standard input)"

_WORDS_THEN = "search for these words with --text"


def is_stream(words: Sequence[str]) -> bool:
    """Whether the arguments name something to read once: standard input, or a pipe. Only this process can read it."""
    argument = " ".join(words)
    mode = _mode(argument)
    is_special = mode is not None and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode))
    return argument == "-" or argument.startswith(_OPEN_HERE) or is_special


def read_query(words: Sequence[str], *, as_text: bool, as_image: bool) -> tuple[Query, tuple[str, ...]]:
    """What is asked for, and notes for whoever asked.

    What is plainly neither words nor an image is refused: a folder, a file of another kind, an address, a name that
    ends like an image's and is no file. Raises EmptyQueryError, PathNotFoundError, UsageError, FileError.
    """
    argument = " ".join(words)
    if as_text or not argument.strip():
        return Query(text=argument), ()
    if len(words) == 1 and argument.lower().startswith("file://"):
        return image_query(_path_of(argument)), ()
    for word in words:
        if is_address(word):
            raise UsageError(
                f"{_short(word)} is an address, and nothing is fetched from the network; save the image and name its "
                f"file, pipe it in (`search query -`), or {_WORDS_THEN}."
            )
    if is_stream(words):
        return _read_stream(argument), ()
    mode = _mode(argument)
    if mode is None and len(words) > 1:
        _refuse_several(words, as_image)
    if as_image:
        return image_query(argument), ()
    return _guess(argument, mode)


def _guess(argument: str, mode: int | None) -> tuple[Query, tuple[str, ...]]:
    """`mode`: of the file that is named so; None when there is none."""
    bare = argument.strip()
    if mode is None and bare != argument:  # spaces around a name come from copying it
        return _guess(bare, _mode(bare))
    shown = _short(argument)
    names_image, names_media = _ends_like(argument)
    is_named = _looks_like_a_path(argument) or os.sep in argument
    if mode is None and not argument.isascii() and (names_image or is_named):
        from indexer.files.names import as_named  # its name may be written otherwise

        named = as_named(argument)
        if os.path.exists(named):
            return _guess(named, _mode(named))
    if mode is None:
        if names_image or names_media or _looks_like_a_path(argument) or _is_closed(argument):
            look_named(os.path.expanduser(argument))  # it may be that nobody is to look at it
        if names_image:
            raise PathNotFoundError(f"The query image {shown} is not there; check the spelling, or {_WORDS_THEN}.")
        if names_media or _looks_like_a_path(argument):
            raise PathNotFoundError(f"{shown} is not there; check the spelling, or {_WORDS_THEN}.")
        return Query(text=argument), ()
    if stat.S_ISDIR(mode):
        import shlex

        quoted = shlex.quote(argument)
        if is_named or names_image or names_media:
            raise UsageError(
                f"{shown} is a folder, and a query is words or one image; index it with `search index {quoted}`, or "
                f"{_WORDS_THEN}."
            )
        return Query(text=argument), (f"{shown} is also a folder here; `search index {quoted}` indexes it.",)
    suffix = os.path.splitext(argument)[1].lower()
    if suffix in RAW_SUFFIXES:
        raise UsageError(f"{shown} is a camera raw file, which is not read yet; ask with its JPEG.")
    if suffix in IMAGE_SUFFIXES or is_image(os.path.expanduser(argument)):
        return image_query(argument), ()
    if is_named or re.match(_SUFFIX, suffix):
        raise UsageError(f"{shown} is no image that can be read; name a photograph to ask with, or {_WORDS_THEN}.")
    return Query(text=argument), ()


def _refuse_several(words: Sequence[str], as_image: bool) -> None:
    """Several arguments are one query in words. Raises UsageError where they are several queries, or one and words."""
    images = [word for word in words if as_image or os.path.splitext(word)[1].lower() in IMAGE_SUFFIXES]
    one = "-" if words[0] == "-" else next(filter(_is_file, images), None)
    if one is not None:
        raise UsageError(f"A query is words or one image; ask with {one} alone, or {_WORDS_THEN}.")


def _read_stream(argument: str) -> Query:
    """The image that comes through standard input or another pipe; as much of it as an image may have."""
    if argument != "-":
        name = STANDARD_INPUT if argument == "/dev/stdin" else argument
        try:
            with open(argument, "rb") as stream:
                return Query(image_bytes=_content(stream, name), name=name)
        except OSError as error:
            raise PathNotFoundError(f"{argument} cannot be read ({error.strerror}); name an image file.") from error
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
        raise NotAnImageError(f"The query image {name} cannot be used: {reason}.")
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


def _path_of(address: str) -> str:
    """The path in a file:// address. Raises UsageError for a file of another machine."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    parts = urlsplit(address, allow_fragments=False)
    if parts.netloc not in ("", "localhost"):
        raise UsageError(f"{_short(address)} is a file of another machine; name it by its path here.")
    return url2pathname(parts.path)


def _mode(argument: str) -> int | None:
    try:
        return os.stat(os.path.expanduser(argument)).st_mode
    except (OSError, ValueError):  # not there, too long, or with a NUL
        return None


def _is_closed(argument: str) -> bool:
    """Whether it names something in a folder that is here and may not be entered; "black/white" is words elsewhere."""
    try:
        os.stat(argument)
    except PermissionError:
        return os.sep in argument and os.path.lexists(argument.partition(os.sep)[0])
    except (OSError, ValueError):
        return False
    return False


def _is_file(argument: str) -> bool:
    mode = _mode(argument)
    return mode is not None and stat.S_ISREG(mode)


def _looks_like_a_path(argument: str) -> bool:
    """Whether it is written as nobody writes words; "black/white" is words."""
    separators = (os.sep, os.altsep or os.sep)
    starts = tuple(start + each for start in ("", ".", "..") for each in separators)
    return argument.startswith(starts) or argument in (".", "..") or os.path.expanduser(argument) != argument


def _ends_like(argument: str) -> tuple[bool, bool]:
    """Whether a name, or a part of the path, ends like an image's, and like that of another file which cameras and
    galleries make: no words are written so ("photo.jpg/", "photo.jpg/2")."""
    parts = argument.replace(os.altsep or os.sep, os.sep).split(os.sep)
    suffixes = {os.path.splitext(part.strip())[1].lower() for part in parts}
    return not suffixes.isdisjoint(IMAGE_SUFFIXES), any(map(_is_media, suffixes))


def _is_media(suffix: str) -> bool:
    if suffix in RAW_SUFFIXES:
        return True
    if not re.match(_SUFFIX, suffix):
        return False
    import mimetypes

    kind = mimetypes.guess_type(f"x{suffix}")[0] or ""
    return kind.startswith(("image/", "video/", "audio/")) or kind == "application/pdf"


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
