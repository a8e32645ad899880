"""A folder whose subfolders are labels: which images lie below which of them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from indexer.errors import PathNotFoundError, UsageError
from indexer.files.ignores import Ignores
from indexer.files.names import as_named
from indexer.files.scan import scan
from indexer.images.sniff import IMAGE_SUFFIXES, is_image
from indexer.reach import look_named
from indexer.settings import DEFAULT_IGNORES
from indexer.types import Candidate, Failure


@dataclass(frozen=True, slots=True)
class LabelledFolder:
    """What lies below `folder`, its absolute path. `rows`: each image with the name of the immediate subfolder that it
    lies in, at whatever depth, in the order of a scan; `loose`: how many images lie in no subfolder; `problems`: what
    could not be looked at; `empty`: subfolders without an image, each with a file that is none, "" where it has no
    file."""

    folder: str
    rows: tuple[tuple[Candidate, str], ...]
    loose: int
    problems: tuple[Failure, ...]
    empty: dict[str, str]


def read_labelled_folder(folder: str | os.PathLike[str], purpose: str) -> LabelledFolder:
    """The images by subfolder; what indexing ignores by default is ignored. `purpose`: the end of the sentence about
    what is no folder, as in "`labels=True` takes the names of a folder's subfolders for labels".

    Raises PathNotFoundError or UsageError.
    """
    folder = as_named(folder)
    if look_named(folder) is None:
        raise PathNotFoundError(f"{folder} is not there; check the spelling, or whether its drive is mounted.")
    if not os.path.isdir(folder):
        raise UsageError(f"{folder} is not a folder; {purpose}.")
    problems: list[Failure] = []
    rows: list[tuple[Candidate, str]] = []
    others: dict[str, str] = {}
    loose = 0
    prefix = len(os.path.join(folder, ""))
    for candidate in scan(folder, DEFAULT_IGNORES, problems.append):
        first, *inner = candidate.path[prefix:].split(os.sep)
        if not looks_like_image(candidate.path):
            if inner:
                others.setdefault(first, candidate.path)
        elif inner:
            rows.append((candidate, first))
        else:
            loose += 1
    full = {name for _, name in rows}
    empty = {name: others.get(name, "") for name in _subfolders(folder) if name not in full}
    return LabelledFolder(folder, tuple(rows), loose, tuple(problems), empty)


def _subfolders(folder: str) -> list[str]:
    """Those that a scan enters, by their names, in order; none where that cannot be seen, which is among the
    problems."""
    ignored = Ignores(DEFAULT_IGNORES)
    try:
        with os.scandir(folder) as entries:
            return sorted(each.name for each in entries if each.is_dir() and not ignored.match(each.name, "", True))
    except OSError:
        return []


def looks_like_image(path: str) -> bool:
    """Whether a file is an image by its name, or else by its first bytes."""
    return os.path.splitext(path)[1].lower() in IMAGE_SUFFIXES or is_image(path)
