"""A folder whose subfolders are labels: which images lie below which of them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from indexer.errors import PathNotFoundError, UsageError
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
    could not be looked at."""

    folder: str
    rows: tuple[tuple[Candidate, str], ...]
    loose: int
    problems: tuple[Failure, ...]


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
    loose = 0
    prefix = len(os.path.join(folder, ""))
    for candidate in scan(folder, DEFAULT_IGNORES, problems.append):
        if not looks_like_image(candidate.path):
            continue
        first, *inner = candidate.path[prefix:].split(os.sep)
        if inner:
            rows.append((candidate, first))
        else:
            loose += 1
    return LabelledFolder(folder, tuple(rows), loose, tuple(problems))


def looks_like_image(path: str) -> bool:
    """Whether a file is an image by its name, or else by its first bytes."""
    return os.path.splitext(path)[1].lower() in IMAGE_SUFFIXES or is_image(path)
