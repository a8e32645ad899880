"""What the file system says of a path: it is there, it is not, or nobody may say. Light.

`os.path.exists` answers False for all but the first, and `Path.exists` raises for some. To take a folder that may not
be entered for one that is not there misleads a person, and a program that then makes or forgets something.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import NoReturn

from indexer.errors import StoreUnwritableError, UsageError
from indexer.settings import ADDRESS_NAME

#: What the system says where nothing is.
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR})
#: What it says of names that never can be those of something.
_NO_NAME = frozenset({errno.ENAMETOOLONG, errno.ELOOP})
#: Characters of a path that is shown whole (one name has at most 255 bytes), and of one that is not.
_LONGEST, _SHOWN = 255, 80
#: Bytes of the address of a store, far more than any has.
_ADDRESS_BYTES = 4_096


def look(path: str | os.PathLike[str]) -> os.stat_result | None:
    """The status of what is at a path, links followed; None where nothing is. Raises OSError where nobody may say."""
    try:
        return os.stat(path)
    except ValueError:  # a NUL, a lone surrogate
        return None
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise


@contextmanager
def regular(path: str | os.PathLike[str]) -> Iterator[BufferedReader]:
    """A regular file, open to read. A pipe that took its place is not waited for. Raises OSError, and ValueError for
    what can be no path."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(os.open(path, flags), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        yield stream


def beginning(path: str | os.PathLike[str], size: int) -> bytes:
    """The first `size` bytes of a `regular` file. Raises as that."""
    with regular(path) as stream:
        return stream.read(size)


def is_missing(path: str | os.PathLike[str]) -> bool:
    """Whether nothing is at a path for certain: what may not be looked at is not missing."""
    try:
        return look(path) is None
    except OSError:
        return False


def reason(error: OSError) -> str:
    """Why the system refused, in words of a sentence; without the path, which a sentence names itself."""
    return (error.strerror or type(error).__name__).lower()


def look_named(path: str, what: str = "") -> os.stat_result | None:
    """As `look`, of what a person named. `what` it is to be begins the sentence, as in "The query image ".

    Raises UsageError where nobody may say.
    """
    try:
        return look(path)
    except OSError as error:
        step = "name another" if error.errno in _NO_NAME else "change the permissions, or name another"
        raise UsageError(f"{what}{shortened(path)} cannot be looked at ({reason(error)}); {step}.") from error


def shortened(path: str) -> str:
    """A path as a sentence shows it; of one that is too long, its beginning."""
    return path if len(path) <= _LONGEST else f"{path[: _SHOWN - 1]}…"


def noted_address(folder: str | os.PathLike[str]) -> str:
    """The address of the server on which the catalog of the store in a folder lies, as it is noted there. Raises
    OSError, and ValueError for what is no text."""
    return beginning(os.path.join(folder, ADDRESS_NAME), _ADDRESS_BYTES).decode().strip()


def shown_store(folder: str | os.PathLike[str]) -> str:
    """A store as a sentence names it: by its folder or, of one whose catalog lies on a server, by the address that is
    noted there."""
    try:
        noted = noted_address(folder)
    except (OSError, ValueError):
        noted = ""
    return noted if noted and noted.isprintable() else os.fspath(folder)


def holds(folder: str | os.PathLike[str], name: str) -> bool:
    """Whether the folder of a store holds `name`. Raises StoreUnwritableError and UsageError, as `refuse_store`."""
    try:
        return look(os.path.join(folder, name)) is not None
    except OSError as error:
        refuse_store(folder, error)


def check_store_place(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder is at the place of a store; none may still be made there.

    Raises UsageError where none can be (a file, or one on the way), and as `refuse_store`.
    """
    try:
        place = os.fspath(folder)
        while (found := look(place)) is None and os.path.dirname(place) != place:
            place = os.path.dirname(place)
    except OSError as error:
        refuse_store(folder, error)
    if found is not None and not stat.S_ISDIR(found.st_mode):
        if place == os.fspath(folder):
            raise UsageError(f"{place} is a file, and an index is a folder; name another place with `store`.")
        raise UsageError(f"The store {folder} cannot be used ({place} is a file); name another place with `store`.")
    return found is not None and place == os.fspath(folder)


def refuse_store(folder: str | os.PathLike[str], error: OSError) -> NoReturn:
    """Raise the error for a store that the system does not let us come to.

    UsageError for a name that nothing can have (too long, a link to itself), else StoreUnwritableError.
    """
    shown = shortened(os.fspath(folder))
    if error.errno in _NO_NAME:
        raise UsageError(
            f"The store {shown} cannot be used ({reason(error)}); name another place with `store`."
        ) from error
    raise StoreUnwritableError(
        f"The store {shown} cannot be reached ({reason(error)}); make it readable or name another `store`."
    ) from error
