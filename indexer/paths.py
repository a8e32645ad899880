"""Paths as people type them. Light.

A home and a working folder need not be there (a user without an entry, a service, a folder that was deleted): they are
asked for only where a path is relative to them.
"""

from __future__ import annotations

import os

from indexer.errors import PathNotFoundError, UsageError


def absolute(named: str | os.PathLike[str]) -> str:
    """The absolute path that is meant, `~` and `~user` expanded; a name that begins so and is there is taken as it
    stands.

    Raises PathNotFoundError where what it is relative to is not there: a home, a user, the working folder.
    """
    path = os.path.expanduser(os.fspath(named))
    first = path.partition(os.sep)[0]
    if first == "~" and not os.path.lexists(first):
        raise PathNotFoundError(
            f"There is no home folder that {path} could lie in (HOME is not set); give an absolute path."
        )
    if first.startswith("~") and not os.path.lexists(first):
        raise PathNotFoundError(
            f"There is no user {first[1:]} in whose home {path} could lie; give another path, or .{os.sep}{path} for a "
            "folder of that name."
        )
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        raise PathNotFoundError(
            f"The working folder is gone, and {path} is relative to it; go to another folder, or name its whole path."
        ) from None


def new_place(named: str | os.PathLike[str]) -> str:
    """The absolute path of what is to be written at a place that a person named with `out`. The folder that it lies in
    has to be there: a slip in a path would make folders somewhere, and what was written be looked for elsewhere.

    Raises UsageError, and PathNotFoundError as `absolute`.
    """
    path = absolute(named)
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):
        raise UsageError(f"There is no folder {folder} to put {name} into; make it, or name another place with `out`.")
    return path


def require_working_folder(what: str) -> None:
    """Raise PathNotFoundError where there is none, for a library that ends the process without: Intel's MKL, which
    `what` brings along."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise PathNotFoundError(
            f"The working folder is gone, and {what} does not load without one; go to another folder."
        ) from None
