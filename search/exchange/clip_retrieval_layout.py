"""The folders that `clip-retrieval inference` writes, and its index and back end read:

img_emb/img_emb_0.npy         (n, d) float32, a row a photograph (clip-retrieval itself writes float16)
text_emb/text_emb_0.npy       (n, d) float32, the vector of its caption; zeros, like nothing, where there is none
metadata/metadata_0.parquet   image_path and caption ("" where there is none), then columns of ours

tokens/tokens_0.npy           where they are asked for: (m, width) int8, those of the first row, of the second and so
                              on; the column `tokens` says how many are of a row

and so on, a million rows in each, their numbers as wide as the last one's. There is no `text_emb` where no photograph
has a caption.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow

from search.exchange.batches import Batch
from search.exchange.layout import PART_ROWS
from search.exchange.npy_file import INT8, NpyFile
from search.exchange.parquet_file import ParquetFile, columns, fields, shown

#: Our columns behind theirs.
_OURS: Final = ("id", "path_bytes", "digest", "date", "camera", "latitude", "longitude", "city", "country", "size")


@dataclass(frozen=True, slots=True)
class _Part:
    images: NpyFile
    texts: NpyFile
    table: ParquetFile
    tokens: NpyFile | None

    def files(self) -> list[NpyFile | ParquetFile]:
        return [each for each in (self.images, self.texts, self.tokens, self.table) if each is not None]


class ClipRetrievalLayout:
    """Follows `Layout`."""

    takes_texts = False

    def __init__(self, folder: Path, dimension: int, total: int, token_width: int | None) -> None:
        self._folder = folder
        self._dimension = dimension
        self._token_width = token_width
        self._digits = int(math.log10(max(math.ceil(total / PART_ROWS), 1))) + 1
        text = pyarrow.string()
        theirs = [pyarrow.field("image_path", text), pyarrow.field("caption", text)]
        counts = [] if token_width is None else [pyarrow.field("tokens", pyarrow.int64())]
        self._schema = pyarrow.schema([*theirs, *fields(_OURS), *counts])
        self._part: _Part | None = None
        self._parts = self._rows = self._captioned = 0
        for name in ("img_emb", "text_emb", "metadata", *(() if token_width is None else ("tokens",))):
            (folder / name).mkdir()

    def write(self, batch: Batch) -> None:
        """See `Layout`."""
        if self._part is None:
            self._part, self._rows = self._open(), 0
            self._parts += 1
        captions = [shown(row.captions[0]) if row.captions else "" for row in batch.rows]
        self._captioned += sum(map(bool, captions))
        self._part.images.write(batch.vectors)
        self._part.texts.write(batch.captions)
        values: list[Any] = [[shown(row.path) for row in batch.rows], captions, *columns(batch.rows, _OURS)]
        if self._part.tokens is not None and batch.tokens:
            self._part.tokens.write(np.concatenate(batch.tokens))
            values.append([len(own) for own in batch.tokens])
        self._part.table.write(values)
        self._rows += len(batch.rows)
        if self._rows >= PART_ROWS:
            self._end_part()

    def finish(self) -> None:
        """See `Layout`."""
        self._end_part()
        if not self._captioned:
            for path in (self._folder / "text_emb").iterdir():
                path.unlink()
            (self._folder / "text_emb").rmdir()

    def close(self) -> None:
        """See `Layout`."""
        for each in () if self._part is None else self._part.files():
            each.close()

    def _open(self) -> _Part:
        number = str(self._parts).zfill(self._digits)
        images = NpyFile(self._folder / "img_emb" / f"img_emb_{number}.npy", self._dimension)
        texts = NpyFile(self._folder / "text_emb" / f"text_emb_{number}.npy", self._dimension)
        table = ParquetFile(self._folder / "metadata" / f"metadata_{number}.parquet", self._schema)
        if self._token_width is None:
            return _Part(images, texts, table, None)
        tokens = NpyFile(self._folder / "tokens" / f"tokens_{number}.npy", self._token_width, INT8)
        return _Part(images, texts, table, tokens)

    def _end_part(self) -> None:
        if self._part is not None:
            for each in self._part.files():
                each.finish()
            self._part = None
