"""Patterns in the place of a path: `shards/photos-*.tar` where no shell has put in what matches, and of URLs."""

from __future__ import annotations

import glob
import os
from typing import Final

from indexer.errors import PathNotFoundError, UsageError
from indexer.storage.looking import is_there_named
from indexer.storage.places import is_url, scheme_of

#: More matches than that are a folder with patterns, and no list of roots.
MOST: Final = 10_000
_SIGNS: Final = frozenset("*?")
#: Of web addresses a question mark begins a query.
_NO_PATTERNS: Final = frozenset({"http", "https"})


def meant(path: str) -> list[str]:
    """What a path stands for, as `files.names.as_named` gives it: itself, or of a pattern (`*`, `?`, and `**` for any
    number of folders) all that matches, in order. What is called just so is no pattern.

    Raises PathNotFoundError where nothing matches, UsageError for more than `MOST` matches and where nobody may say.
    """
    if not is_glob(path) or is_there_named(path):
        return [path]
    if is_url(path):
        from indexer.storage.remote import remote

        found = remote(path).matching(path)
    else:
        found = glob.glob(path, recursive=True)
    if not found:
        raise PathNotFoundError(f"Nothing matches {path}; check the pattern, or whether its drive is mounted.")
    if len(found) > MOST:
        raise UsageError(
            f"{len(found):,} files match {path}, more than the {MOST:,} that a pattern may name; name the folder above "
            "them, and what is to be left out in it with `ignores`."
        )
    return sorted((each.rstrip("/") for each in found), key=os.fsencode)


def is_glob(path: str) -> bool:
    """Whether a path may be a pattern, by its letters."""
    return bool(_SIGNS & set(path)) and not (is_url(path) and scheme_of(path) in _NO_PATTERNS)
