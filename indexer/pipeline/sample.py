"""A few photographs of those that a run will read, for an encoder that calibrates itself by them (`export_cache.make`).

In: the folders of the run, or of the store where it names none. Out: pixels. Nothing is recorded of them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

import numpy as np

from indexer.catalog.exclusions import Exclusions
from indexer.catalog.roots import Roots
from indexer.encoders.base import Preprocessing
from indexer.errors import FileError, PathNotFoundError
from indexer.files.ignores import Ignores
from indexer.files.scan import candidate, walk
from indexer.files.scope import Scope, is_below, nearest
from indexer.images.decoder import decode, read_file
from indexer.images.preprocess import to_pixels
from indexer.images.sniff import IMAGE_SUFFIXES
from indexer.settings import DEFAULT_IGNORES, IndexSettings
from indexer.store import Store
from indexer.types import Candidate, Pixels

#: Photographs of a sample, half of which measure what the others have set.
PHOTOGRAPHS: Final = 32
#: Files that it is drawn from: of a larger collection the first ones, which are found in a second.
_LOOKED_AT: Final = 5_000
_SUFFIXES: Final = frozenset(map(os.fsencode, IMAGE_SUFFIXES))


def sample_photographs(
    store: Store | None, named: Sequence[str], settings: IndexSettings, wanted: Preprocessing, count: int = PHOTOGRAPHS
) -> Pixels:
    """(n, h, w, 3) uint8, n <= `count`: photographs of the folders `named`, or of all that the store knows, if any.

    The same folders give the same ones. What cannot be read is passed over.
    """
    files = list(islice(_files(store, named, settings), _LOOKED_AT))
    random.Random(0).shuffle(files)  # noqa: S311 - nothing secret: the same ones each time
    found: list[Pixels] = []
    for file in files:
        with suppress(FileError):
            picture = decode(read_file(file, settings.limits), settings.limits, (wanted.width, wanted.height))
            found.append(to_pixels(picture, wanted))
        if len(found) == count:
            break
    return np.stack(found) if found else np.empty((0, wanted.height, wanted.width, 3), np.uint8)


def _files(store: Store | None, named: Sequence[str], settings: IndexSettings) -> Iterator[Candidate]:
    roots: dict[str, tuple[str, ...]] = {}
    excluded: list[str] = []
    if store is not None:
        with store.catalog.snapshot() as snapshot:
            roots = {root.path: root.ignores for root in Roots(snapshot).all()}
            excluded = [*Exclusions(snapshot).all(), str(store.folder)]
    for top in named or list(roots):
        root = nearest(top, roots)
        patterns = DEFAULT_IGNORES if root is None else roots[root]
        left_out = frozenset(path for path in excluded if is_below(path, top))
        scope = Scope(top if root is None else root, top, left_out)
        with suppress(PathNotFoundError):  # its drive is away
            for found in walk(scope, Ignores([*patterns, *settings.ignores]), lambda _failure: None):
                if os.path.splitext(found[0])[1].lower() in _SUFFIXES:
                    yield candidate(found)
