"""Pairs joined with the store: the vectors of their images and texts, and who is right for whom."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.catalog.contents import Contents
from indexer.catalog.files import Files
from indexer.catalog.known_files import KnownFiles
from indexer.catalog.roots import Roots
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.errors import FileError
from indexer.files.names import as_named
from indexer.images.decoder import read_file
from indexer.metrics import Relevance
from indexer.settings import DecodeLimits
from indexer.types import Candidate, Float32, Int64
from search.ground_truth.absent import absent_notes
from search.ground_truth.pairs import PairKind, Pairs, read_captions, read_labels

#: Rows of the catalog that are read at once.
_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """n distinct photographs, t distinct texts, and the p pairs that say which belong together.

    Copies of a photograph (the same content) are one, so each copy is as right as the other; so are equal texts.
    `images`: a path of each photograph; `contents` (n,) int64 its content's row id; `vectors` (n, d) float32, unit
    norm, from the store. `pair_texts`, `pair_images` (p,) int64: positions in `texts` and `images`.
    """

    kind: PairKind
    images: tuple[str, ...]
    contents: Int64
    vectors: Float32
    texts: tuple[str, ...]
    pair_texts: Int64
    pair_images: Int64
    notes: tuple[str, ...]

    def images_of_texts(self) -> Relevance:
        """Which photographs are right for each text."""
        return Relevance.of_pairs(self.pair_texts, self.pair_images, len(self.texts))

    def texts_of_images(self) -> Relevance:
        """Which texts are right for each photograph."""
        return Relevance.of_pairs(self.pair_images, self.pair_texts, len(self.images))


def read_ground_truth(
    source: str,
    snapshot: Transaction,
    encoder_row: int,
    dimension: int,
    *,
    labels: bool = False,
    split: str | None = None,
    images: str | None = None,
) -> GroundTruth:
    """The pairs of a table of captions, or of a folder whose subfolders' names are `labels`, joined with the store.

    `split`: only rows of this split. `images`: the folder that names in the table are relative to, by default its own.
    Raises what `read_captions` and `read_labels` raise.
    """
    folder = as_named(source)
    if labels:
        return resolve(read_labels(source), snapshot, encoder_row, dimension, folder)
    hint = os.path.dirname(folder) if images is None else as_named(images)
    return resolve(read_captions(source, split, images), snapshot, encoder_row, dimension, hint)


def resolve(pairs: Pairs, snapshot: Transaction, encoder_row: int, dimension: int, hint: str) -> GroundTruth:
    """Find each image of the pairs in the store: by its path, else by its content (a copy that lies elsewhere).

    Images that are not indexed are counted, left out and named in a note; `hint` is the folder that it says to index.
    """
    contents = _contents([path for path, _ in pairs.rows], snapshot, encoder_row)
    wanted = dict.fromkeys(content for content in contents.values() if content is not None)
    stored = Vectors(snapshot).of_contents(list(wanted), encoder_row, dimension)
    image_at: dict[int, int] = {}  # content -> position
    text_at: dict[str, int] = {}
    paths: list[str] = []
    pair_texts: list[int] = []
    pair_images: list[int] = []
    for path, text in pairs.rows:
        content = contents[path]
        if content is None or content not in stored:  # the second: its vector is damaged
            continue
        if content not in image_at:
            image_at[content] = len(paths)
            paths.append(path)
        pair_images.append(image_at[content])
        pair_texts.append(text_at.setdefault(text, len(text_at)))
    vectors = np.array([stored[content] for content in image_at], np.float32).reshape(len(paths), dimension)  # (n, d)
    return GroundTruth(
        pairs.kind,
        tuple(paths),
        np.array(list(image_at), np.int64),
        vectors,
        tuple(text_at),
        np.array(pair_texts, np.int64),
        np.array(pair_images, np.int64),
        (*pairs.notes, *_notes(contents, stored, snapshot, hint)),
    )


def _notes(
    contents: dict[str, int | None], stored: Mapping[int, Float32], snapshot: Transaction, hint: str
) -> list[str]:
    absent = [path for path, content in contents.items() if content is None]
    notes = absent_notes(absent, len(contents), snapshot, hint)
    damaged = sum(content is not None and content not in stored for content in contents.values())
    if damaged:
        notes.append(f"{damaged:,} images are left out: their embeddings are damaged; `repair()` removes these.")
    copies = len(contents) - len(absent) - damaged - len(stored)
    if copies:
        notes.append(f"{copies:,} images are copies of others (the same content); copies count as one, equally right.")
    return notes


def _contents(paths: Sequence[str], snapshot: Transaction, encoder_row: int) -> dict[str, int | None]:
    """The content id of each image that has a vector, by path, in the order of the pairs."""
    found: dict[str, int | None] = dict.fromkeys(paths)
    for path in found:
        found[path] = Files(snapshot).content_at(path, encoder_row)
    absent = [path for path, content in found.items() if content is None]
    if absent:
        sizes = _sizes(snapshot, encoder_row)
        for path in absent:
            found[path] = _by_content(path, sizes, snapshot, encoder_row)
    return found


def _sizes(snapshot: Transaction, encoder_row: int) -> set[int]:
    """Sizes in bytes of the indexed photographs: only a file of such a size can be a copy, and only those are read."""
    sizes: set[int] = set()
    for root in Roots(snapshot).all():
        after: str | None = None
        while True:
            page = KnownFiles(snapshot).page(root.path, encoder_row, after, _PAGE)
            sizes.update(row.size for row in page if row.encoded)
            below = [row.path for row in page if row.path != root.path]
            if len(below) < _PAGE:
                break
            after = below[-1]
    return sizes


def _by_content(path: str, sizes: set[int], snapshot: Transaction, encoder_row: int) -> int | None:
    try:
        found = Candidate.at(path)
        if found.size not in sizes:
            return None
        data = read_file(found, DecodeLimits())
    except (OSError, FileError):
        return None
    digest = hashlib.sha256(data).digest()
    return Contents(snapshot).with_vectors([digest], encoder_row).get(digest)
