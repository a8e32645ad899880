"""Folders of clip-retrieval: vectors in `img_emb`, paths in `metadata`, part by part.

Its own have no digest and no encoder beside them; those that we exported have both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from indexer.pipeline.take_over import GivenImage
from indexer.types import Float32
from search.exchange.batches import AT_ONCE
from search.exchange.manifest import Manifest
from search.exchange.parquet_file import check_installed
from search.exchange.parquet_source import check_groups
from search.exchange.source import SourceRow, TokenRows, damaged, matrix


class ClipRetrievalSource:
    """Follows `Source`."""

    name = "folder of clip-retrieval"
    encoder = None

    def __init__(self, folder: Path, manifest: Manifest | None) -> None:
        check_installed("clip-retrieval")
        self.identity = None if manifest is None else manifest.encoder
        self.roots = () if manifest is None else manifest.roots
        self.tokens = None if manifest is None else manifest.tokens
        self._folder = folder
        self._names = ["image_path"]
        if manifest is not None:  # what others call so may be anything: their tables have columns of the user's own
            self._names += ["path_bytes", "digest", *([] if manifest.tokens is None else ["tokens"])]
        self._parts = [
            (path, folder / "metadata" / f"metadata_{path.stem.removeprefix('img_emb_')}.parquet")
            for path in sorted((folder / "img_emb").glob("img_emb_*.npy"))
        ]
        lacking = next((table for _, table in self._parts if not table.is_file()), None)
        if lacking is not None or not self._parts:
            raise damaged(folder, f"{lacking or 'img_emb_0.npy'} is missing")

    def batches(self) -> Iterator[tuple[list[SourceRow], Float32]]:
        """See `Source`."""
        dimension = None if self.identity is None else self.identity.dimension
        for of_vectors, of_paths in self._parts:
            vectors = matrix(of_vectors, dimension)
            done = 0
            tokens = self._tokens(of_vectors)
            for rows in self._rows(of_paths, tokens):
                some = np.array(vectors[done : done + len(rows)], np.float32)
                done += len(rows)
                if len(some) == len(rows):
                    yield rows, some
            if done != len(vectors):
                raise damaged(of_paths, f"its rows are not those of the {len(vectors):,} vectors of {of_vectors.name}")
            if tokens is not None:
                tokens.finish()

    def _tokens(self, of_vectors: Path) -> TokenRows | None:
        if self.tokens is None:
            return None
        name = f"tokens_{of_vectors.stem.removeprefix('img_emb_')}.npy"
        return TokenRows(self._folder / "tokens" / name, self.tokens)

    def _rows(self, path: Path, tokens: TokenRows | None) -> Iterator[list[SourceRow]]:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile

        try:
            with ParquetFile(path) as file:
                check_groups(file, path)
                there = set(file.schema_arrow.names)
                names = [name for name in self._names if name in there]
                for batch in file.iter_batches(AT_ONCE, columns=names):
                    yield [_row(tokens, **row) for row in batch.to_pylist()]
        except (OSError, ValueError, KeyError, TypeError, ArrowException) as error:
            raise damaged(path, "it is no table with image_path, or not whole") from error


def _row(
    of_part: TokenRows | None,
    image_path: str,
    path_bytes: bytes | None = None,
    digest: str | None = None,
    tokens: int | None = None,
) -> SourceRow:
    path = os.fsdecode(path_bytes) if path_bytes else os.path.abspath(image_path)
    image = GivenImage(path, None if digest is None else bytes.fromhex(digest))
    return SourceRow("image", image, tokens=None if of_part is None else of_part.take(tokens))
