"""What is at a path, whichever storage it lies in."""

from __future__ import annotations

import os

from indexer.errors import UsageError
from indexer.reach import is_missing, look_named, reason
from indexer.storage.base import Seen
from indexer.storage.storages import file_storage, folder_storage
from indexer.types import Candidate


def candidate_at(path: str) -> Candidate:
    """The file at `path` as it is now. Raises OSError, and ValueError for what can be no path."""
    storage = file_storage(path)
    if storage is None:
        return Candidate.at(path)
    found = storage.look(path)
    if found is None or found.is_folder:
        raise FileNotFoundError(path)
    return found.candidate(path)


def look_elsewhere(path: str) -> Seen | None:
    """What is at a path that is no path of the file system. Raises OSError where nobody may say."""
    storage = folder_storage(path)
    assert storage is not None
    return storage.look(path)


def is_folder(path: str) -> bool:
    """Whether a path is a folder, or a container. Of what cannot be reached, whether its name has no suffix."""
    storage = folder_storage(path)
    if storage is None:
        return os.path.isdir(path)
    try:
        found = storage.look(path)
    except OSError:
        return not os.path.splitext(path)[1]
    return found is not None and found.is_folder


def is_file(path: str) -> bool:
    """Whether a regular file is at a path; False where nobody may say."""
    storage = file_storage(path)
    if storage is None:
        return os.path.isfile(path)
    try:
        found = storage.look(path)
    except OSError:
        return False
    return found is not None and not found.is_folder


def is_gone(path: str) -> bool:
    """Whether nothing is at a path for certain: what may not be looked at is not gone."""
    storage = folder_storage(path)
    try:
        return is_missing(path) if storage is None else storage.look(path) is None
    except OSError:
        return False


def names_in(folder: str) -> frozenset[str]:
    """The names of what lies in a folder; none where it cannot be listed."""
    storage = folder_storage(folder)
    try:
        return frozenset(os.listdir(folder)) if storage is None else storage.names(folder)
    except OSError:
        return frozenset()


def is_there_named(path: str) -> bool:
    """Whether something is at a path that a person named. Raises UsageError where nobody may say."""
    storage = folder_storage(path)
    if storage is None:
        return look_named(path) is not None
    try:
        return storage.look(path) is not None
    except OSError as error:
        step = getattr(error, "step", "change the permissions, or name another")
        raise UsageError(f"{path} cannot be looked at ({reason(error)}); {step}.") from error
