"""Paths as people type them."""

from __future__ import annotations

import os

from indexer.errors import PathNotFoundError


def absolute(path: str | os.PathLike[str]) -> str:
    """The absolute path that is meant, `~` expanded. Raises PathNotFoundError for a relative one where the working
    folder is gone."""
    try:
        return os.path.abspath(os.path.expanduser(os.fspath(path)))
    except FileNotFoundError:
        raise PathNotFoundError(
            f"The working folder is gone, and {os.fspath(path)} is relative to it; go to another folder, or name its "
            "whole path."
        ) from None
