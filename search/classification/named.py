"""Photographs that a person names, files and folders, as they are to be classified."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

import numpy as np

from indexer.errors import PathNotFoundError, UsageError
from indexer.files.names import as_named
from indexer.files.scan import scan
from indexer.progress import Progress
from indexer.reach import look_named, shortened
from indexer.settings import DEFAULT_IGNORES
from indexer.types import Candidate, Failure, Float32, Int64
from search.classification.features import Feature, FeatureReader
from search.classification.linear_probe import LinearClassifier
from search.ground_truth.labelled_folder import looks_like_image

_AT_ONCE: Final = 1_024


def find(paths: Sequence[str | os.PathLike[str]]) -> tuple[list[Candidate], list[Failure]]:
    """The files, each once, in the order of `paths`; of folders the images below them, in the order of a scan. And what
    could not be looked at. Raises PathNotFoundError, UsageError."""
    found: dict[str, Candidate] = {}
    problems: list[Failure] = []
    for given in paths:
        path = as_named(given)
        if look_named(path) is None:
            raise PathNotFoundError(
                f"{shortened(path)} is not there; check the spelling, or whether its drive is mounted."
            )
        folder = os.path.isdir(path)
        for candidate in scan(path, DEFAULT_IGNORES, problems.append):
            if not folder or looks_like_image(candidate.path):
                found.setdefault(candidate.path, candidate)
    if not found and not problems:
        raise UsageError(
            f"There is no photograph in {', '.join(map(shortened, map(str, paths[:3])))}; name another folder."
        )
    return list(found.values()), problems


def classified(
    candidates: Sequence[Candidate], reader: FeatureReader, classifier: LinearClassifier, top: int, progress: Progress
) -> tuple[list[str], Int64, Float32]:
    """Paths of those that can be read (n), and `LinearClassifier.first` of them, in their order. Vectors are let go of
    as they come. Raises EncoderError, StoreError, and what `progress` raises."""
    paths: list[str] = []
    order, shares = [np.empty((0, top), np.int64)], [np.empty((0, top), np.float32)]
    waiting: list[Feature] = []

    def settle() -> None:
        found, share = classifier.first(np.stack([each.vector for each in waiting]), top)
        paths.extend(each.candidate.path for each in waiting)
        order.append(found)
        shares.append(share)
        waiting.clear()

    for feature in reader.read(candidates, progress):
        waiting.append(feature)
        if len(waiting) == _AT_ONCE:
            settle()
    if waiting:
        settle()
    return paths, np.concatenate(order), np.concatenate(shares)
