"""What the arguments of `search query` mean: a line of the query language, an image file, or an image that comes
through a pipe.

Only the command line guesses which words name images. In the library a `str` is words, whatever it looks like.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence

from indexer.errors import PathNotFoundError, UsageError
from indexer.images.sniff import IMAGE_SUFFIXES, RAW_SUFFIXES, is_image
from indexer.reach import look_named
from search.query.negating_words import NEGATING, NOBODY
from search.query.query import Query, image_query, is_address, open_named, path_of_address, refuse_address, short
from search.query.quoting import quoted, quoted_where_needed
from search.shell.query_stream import is_stream, read_stream

#: What makes a name a pattern.
_WILD = frozenset("*?")

#: How a name ends that is no word: "clip.mp4", not "St. Bernard".
_SUFFIX = r"(?i)\.[a-z0-9]{1,8}\Z"
#: How an argument begins whose quotation marks the shell has taken: text:"ACME invoice".
_LOST_QUOTES = r"(-?[A-Za-z]+):(?=\S)([^\"]*\s[^\"]*)\Z"

#: A line of words and nothing else, whatever the language adds; one with "no" or "without" is told of a minus.
_PLAIN = re.compile(
    rf"(?!(?:.* )?(?:AND|OR|NOT|(?i:{'|'.join((*NEGATING, *NOBODY))}))(?:[ ,]|\Z))"
    r"[A-Za-z0-9,']+(?: +[A-Za-z0-9,']+)*"
)

_WORDS_THEN = "put it into quotation marks within the query, or give --text, to look for the words"


def read_query(words: Sequence[str], *, as_text: bool, as_image: bool) -> tuple[Query, tuple[str, ...]]:
    """What is asked for, and notes for whoever asked.

    Several arguments are one line; one that holds spaces and is a file is one image. What is plainly neither words nor
    an image is refused: a folder, a file of another kind, an address, a name that ends like an image's and is no file.
    Raises EmptyQueryError, PathNotFoundError, UsageError, QuerySyntaxError for a line that is wrong, FileError.
    """
    argument = " ".join(words)
    if as_text or not argument.strip():
        return Query(text=argument), ()
    if len(words) == 1 and _is_one_address(argument):
        return open_image(argument), ()
    for word in words:
        if not word.lower().startswith("file://"):
            _refuse_address(word)
    if is_stream(argument):
        return open_image(argument), ()
    mode = _mode(argument)
    if as_image:
        if mode is None and len(words) > 1:
            _refuse_several(words)
        return image_query(argument), ()
    name = argument
    if mode is None and argument.strip() != argument:  # spaces around a name come from copying it
        name = argument.strip()
        mode = _mode(name)
    if mode is None:
        return _line(words)
    path, notes = _file_named(name, mode, alone=True)
    if path is not None:
        return open_image(path), ()
    query, said = _line(words)
    return query, (*notes, *said)


def open_image(path: str) -> Query:
    """A query by the image that a word or an option names: a file, a file:// address, standard input ("-") or a pipe.

    Raises PathNotFoundError, UsageError, FileError.
    """
    if path.lower().startswith("file://"):
        return open_named(path)
    _refuse_address(path)
    return read_stream(path) if is_stream(path) else open_named(path)


def _line(words: Sequence[str]) -> tuple[Query, tuple[str, ...]]:
    """The query that a line is, and what to say of how it was read."""
    if len(words) > 1 and words[0] == "-":
        raise UsageError(
            "A query that begins with a minus says only what is not wanted; say what is wanted first, as in "
            "car -blue; an image from standard input beside words is like:- (`search query 'like:- at night'`)."
        )
    if all(map(_PLAIN.fullmatch, words)):  # the same without the parser: every other query pays for it
        return Query(text=" ".join(words)), ()
    line = " ".join(f"like:{quoted(word)}" if " " in word and _is_image_file(word) else word for word in words)
    return Query.parse(line, image_named, open_image), _lost_quotes(words)


def image_named(word: str) -> str | None:
    """The path of the image that a word within a line names; None where it is a word.

    Raises PathNotFoundError and UsageError for what is neither.
    """
    if word.lower().startswith("file://"):
        return word if _is_one_address(word) else None
    _refuse_address(word)
    if not ("." in word.strip(".") or (os.sep in word and word.strip(os.sep))):
        return None  # nearly every word; "cats" is one, whatever files there are
    return _file_named(word, _mode(word), alone=False)[0]


def _file_named(name: str, mode: int | None, *, alone: bool) -> tuple[str | None, tuple[str, ...]]:
    """The path of the image that is named so, None where that is words; and notes.

    `mode`: of the file of that name, None where there is none. `alone`: the query is nothing else.
    """
    shown = short(name)
    names_image, names_media = _ends_like(name)
    is_named = _looks_like_a_path(name) or os.sep in name
    if mode is None and not name.isascii() and (names_image or is_named):
        from indexer.files.names import as_named  # its name may be written otherwise

        other = as_named(name)
        if os.path.exists(other):
            return _file_named(other, _mode(other), alone=alone)
    if mode is None:
        if names_image or names_media or _looks_like_a_path(name) or _is_closed(name):
            look_named(os.path.expanduser(name))  # it may be that nobody is to look at it
        if names_image and not _WILD.isdisjoint(name):
            field = f"{'path' if os.sep in name else 'name'}:{quoted(name) if ' ' in name else name}"
            raise PathNotFoundError(
                f"The query image {shown} is not there; for photographs whose names match it write {field}, or "
                f"{_WORDS_THEN}."
            )
        if names_image:
            raise PathNotFoundError(f"The query image {shown} is not there; check the spelling, or {_WORDS_THEN}.")
        if names_media or _looks_like_a_path(name):
            raise PathNotFoundError(f"{shown} is not there; check the spelling, or {_WORDS_THEN}.")
        return None, ()
    if stat.S_ISDIR(mode):
        import shlex

        step = f"`search index {shlex.quote(name)}`"
        if is_named or names_image or names_media:
            raise UsageError(
                f"{shown} is a folder, and a query is words or images; index it with {step}, or {_WORDS_THEN}."
            )
        listed = shlex.quote(f"path:{quoted_where_needed(name)}")
        said = f"{shown} is also a folder here: `search query {listed}` lists what it has, and {step} indexes it."
        return None, (said,) if alone else ()
    suffix = os.path.splitext(name)[1].lower()
    if suffix in RAW_SUFFIXES:
        raise UsageError(f"{shown} is a camera raw file, which is not read yet; ask with its JPEG.")
    if suffix in IMAGE_SUFFIXES or is_stream(name) or is_image(os.path.expanduser(name)):
        return name, ()
    if is_named or re.match(_SUFFIX, suffix):
        raise UsageError(f"{shown} is no image that can be read; name a photograph to ask with, or {_WORDS_THEN}.")
    return None, ()


def _refuse_address(word: str) -> None:
    """Raises UsageError for an address."""
    refuse_address(word, f"save the image and name its file, pipe it in (`search query -`), or {_WORDS_THEN}")


def _refuse_several(words: Sequence[str]) -> None:
    """With --image all arguments are one name. Raises UsageError where one of them is a file of its own."""
    one = "-" if words[0] == "-" else next((word for word in words if _is_file(word)), None)
    if one is not None:
        raise UsageError(f"--image takes one image; ask with {one} alone, or leave --image out to join several.")


def _lost_quotes(words: Sequence[str]) -> tuple[str, ...]:
    """What to say of arguments from which the shell has taken the quotation marks that the language needs."""
    if len(words) == 1:
        return ()
    found = (re.match(_LOST_QUOTES, word) for word in words)
    lost = next((match for match in found if match is not None), None)
    if lost is None:
        return ()
    first = lost[2].split()[0]
    return (
        f"{lost[1]}: has {first} alone for its value; quotation marks are for the query to see: put the whole query "
        f"between single ones, as in '{lost[1]}:{quoted(lost[2])}'.",
    )


def _is_one_address(text: str) -> bool:
    """Whether all of it is the address of a file; one with spaces in it has to be there."""
    if not (is_address(text) and text.lower().startswith("file://")):
        return False
    return not any(map(str.isspace, text.strip())) or _is_there(text)


def _is_there(address: str) -> bool:
    try:
        return _mode(path_of_address(address)) is not None
    except UsageError:  # of another machine
        return False


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


def _is_image_file(argument: str) -> bool:
    mode = _mode(argument)
    return mode is not None and not stat.S_ISDIR(mode) and _file_named(argument, mode, alone=False)[0] is not None


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
