"""Pairs joined with the store: the vectors of their images and texts, and who is right for whom."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexer.catalog.contents import Contents
from indexer.catalog.files import Files
from indexer.catalog.roots import Roots
from indexer.catalog.tokens import Tokens
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import Encoder, TokenShape
from indexer.encoders.batches import encode_texts
from indexer.errors import FileError
from indexer.images.decoder import read_file
from indexer.metrics import Relevance
from indexer.pipeline.write import text_digest
from indexer.settings import DecodeLimits
from indexer.types import Candidate, Float32, Int8, Int64
from search.evaluation.results import PairKind
from search.ground_truth.pairs import Pairs

#: The vector (d,) float32 and the words (t, w) int8 of a text.
StoredText = tuple[Float32, Int8]

#: Rows of the catalog that are read at once.
_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Gold:
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


def resolve(pairs: Pairs, snapshot: Transaction, encoder_row: int, dimension: int, hint: str) -> Gold:
    """Find each image of the pairs in the store: by its path, else by its content (a copy that lies elsewhere).

    Images that are not indexed are counted, left out and named in a note; `hint` is the folder that it says to index.
    """
    contents = _contents([path for path, _ in pairs.rows], snapshot, encoder_row)
    image_at: dict[int, int] = {}  # content -> position
    text_at: dict[str, int] = {}
    paths: list[str] = []
    pair_texts: list[int] = []
    pair_images: list[int] = []
    for path, text in pairs.rows:
        content = contents[path]
        if content is None:
            continue
        if content not in image_at:
            image_at[content] = len(paths)
            paths.append(path)
        pair_images.append(image_at[content])
        pair_texts.append(text_at.setdefault(text, len(text_at)))
    vectors = np.empty((len(paths), dimension), np.float32)  # (n, d)
    for content, vector in Vectors(snapshot).of_contents(list(image_at), encoder_row, dimension).items():
        vectors[image_at[content]] = vector
    return Gold(
        pairs.kind,
        tuple(paths),
        np.array(list(image_at), np.int64),
        vectors,
        tuple(text_at),
        np.array(pair_texts, np.int64),
        np.array(pair_images, np.int64),
        (*pairs.notes, *_notes(contents, len(paths), hint)),
    )


def _notes(contents: dict[str, int | None], distinct: int, hint: str) -> list[str]:
    notes = []
    absent = [path for path, content in contents.items() if content is None]
    if absent:
        notes.append(
            f"{len(absent):,} of {len(contents):,} images are not in the index and are left out (first: {absent[0]}); "
            f"`search index {shlex.quote(hint)}` adds them, `search status --failed` names the unreadable."
        )
    copies = len(contents) - len(absent) - distinct
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
            page = Files(snapshot).page(root.path, encoder_row, after, _PAGE)
            sizes.update(row.size for row in page if row.encoded)
            below = [row.path for row in page if row.path != root.path]
            if len(below) < _PAGE:
                break
            after = below[-1]
    return sizes


def _by_content(path: str, sizes: set[int], snapshot: Transaction, encoder_row: int) -> int | None:
    try:
        status = os.stat(path)
        if status.st_size not in sizes:
            return None
        data = read_file(Candidate(path, status.st_size, status.st_mtime_ns), DecodeLimits())
    except (OSError, FileError):
        return None
    digest = hashlib.sha256(data).digest()
    return Contents(snapshot).with_vectors([digest], encoder_row).get(digest)


def text_vectors(texts: Sequence[str], encoder: Encoder, snapshot: Transaction, encoder_row: int) -> Float32:
    """(t, d) float32, unit norm: from the store for texts that it holds, the rest encoded in full batches."""
    dimension = encoder.identity.dimension
    vectors = np.empty((len(texts), dimension), np.float32)  # (t, d)
    digests = [text_digest(text) for text in texts]
    known = Contents(snapshot).with_vectors(digests, encoder_row)
    stored = Vectors(snapshot).of_contents(list(known.values()), encoder_row, dimension)
    missing = []
    for position, digest in enumerate(digests):
        if digest in known:
            vectors[position] = stored[known[digest]]
        else:
            missing.append(position)
    vectors[missing] = encode_texts(encoder, [texts[position] for position in missing]).vectors
    return vectors


def stored_texts(
    texts: Sequence[str], snapshot: Transaction, encoder_row: int, dimension: int, shape: TokenShape
) -> dict[str, StoredText]:
    """Those of the texts that the store holds with tokens of this shape."""
    if Tokens(snapshot).shape(encoder_row) != shape:
        return {}
    digests = {text: text_digest(text) for text in texts}
    known = Contents(snapshot).with_vectors(list(digests.values()), encoder_row)
    vectors = Vectors(snapshot).of_contents(list(known.values()), encoder_row, dimension)
    tokens = Tokens(snapshot).of_contents(list(known.values()), encoder_row, shape.width)
    numbers = {text: known[digest] for text, digest in digests.items() if digest in known}
    return {text: (vectors[number], tokens[number]) for text, number in numbers.items() if number in tokens}
