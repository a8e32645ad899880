"""Captioned photographs on disk, and how they are brought to the encoder's input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from PIL import Image

from indexer.encoders.base import Preprocessing
from indexer.images.preprocess import to_pixels
from indexer.types import Pixels

Split = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class Row:
    """One photograph of a `captions.jsonl` and what is said about it."""

    path: Path
    captions: tuple[str, ...]
    split: Split | None


def read_captions(folder: Path, split: Split | None = None) -> list[Row]:
    """The rows of `folder/captions.jsonl`, photographs in `folder/images`, in the file's order.

    With `split`, only that part. Raises ValueError, naming the line, when one does not parse.
    """
    rows = []
    file = folder / "captions.jsonl"
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            fields: dict[str, Any] = json.loads(line)
            row = Row(folder / "images" / fields["image"], tuple(fields["captions"]), fields.get("split"))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{file}, line {number}: {error!r}") from error
        if split is None or row.split == split:
            rows.append(row)
    return rows


#: How every photograph is brought to the image tower's input, in training and in the product.
PREPROCESSING: Final = Preprocessing(260, 260, "squash", "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), fill=127)


def load_pixels(path: Path, preprocessing: Preprocessing) -> Pixels:
    """One photograph as (height, width, 3) uint8 RGB, through the product's own resizing."""
    with Image.open(path) as opened:
        return to_pixels(opened.convert("RGB"), preprocessing)


def batches(paths: list[Path], preprocessing: Preprocessing, size: int) -> Iterator[Pixels]:
    """The photographs in order, `size` at a time: (n, height, width, 3) uint8 RGB."""
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), size):
            part = paths[start : start + size]
            yield np.stack(list(pool.map(lambda path: load_pixels(path, preprocessing), part)))
