"""Captioned photographs on disk, and their frozen features, computed once and kept in a cache folder."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from indexer.encoders.base import Interpolation, Preprocessing, ResizeMode
from indexer.images.preprocess import to_pixels
from indexer.types import Pixels

Split = Literal["train", "val", "test"]
#: Frozen features are kept in half precision: their own noise is far larger, and the cache is half the size.
Features = npt.NDArray[np.float16]
Array = TypeVar("Array", bound=npt.NDArray[Any])


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


@dataclass(frozen=True, slots=True)
class View:
    """How photographs are brought to the tower's input, as `indexer.encoders.base.Preprocessing` says it."""

    side: int
    resize: ResizeMode = "squash"
    interpolation: Interpolation = "bicubic"
    flip: bool = False
    #: A random part of 75 to 100 % of the area, every second one mirrored; the same part for the same file name.
    crop: bool = False

    def preprocessing(self) -> Preprocessing:
        """The same for the product, with the tower's mean and standard deviation; padding is grey."""
        mean = std = (0.5, 0.5, 0.5)
        return Preprocessing(self.side, self.side, self.resize, self.interpolation, mean, std, fill=127)

    def __str__(self) -> str:
        changes = ("-flip" if self.flip else "") + ("-crop" if self.crop else "")
        return f"{self.side}-{self.resize}-{self.interpolation}{changes}"


def load_pixels(path: Path, preprocessing: Preprocessing, view: View | None = None) -> Pixels:
    """One photograph as (height, width, 3) uint8 RGB, through the product's own resizing."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    flip = view is not None and view.flip
    if view is not None and view.crop:
        random = np.random.default_rng(zlib.crc32(path.name.encode()))
        flip = bool(random.integers(2))
        image = image.crop(_part(image.size, random))
    pixels = to_pixels(image, preprocessing)  # (height, width, 3) uint8
    return np.ascontiguousarray(pixels[:, ::-1] if flip else pixels)


def _part(size: tuple[int, int], random: np.random.Generator) -> tuple[int, int, int, int]:
    """A random box (left, top, right, bottom) of 75 to 100 % of the area, nearly the picture's own shape."""
    area, shape = random.uniform(0.75, 1), random.uniform(0.85, 1.18)
    width, height = (
        round(side * min(1.0, share**0.5)) for side, share in zip(size, (area * shape, area / shape), strict=True)
    )
    left, top = int(random.integers(size[0] - width + 1)), int(random.integers(size[1] - height + 1))
    return left, top, left + width, top + height


def batches(paths: list[Path], preprocessing: Preprocessing, size: int, view: View | None = None) -> Iterator[Pixels]:
    """The photographs in order, `size` at a time: (n, height, width, 3) uint8 RGB."""
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), size):
            part = paths[start : start + size]
            yield np.stack(list(pool.map(lambda path: load_pixels(path, preprocessing, view), part)))


def cached(folder: Path, name: str, recipe: str, compute: Callable[[], Array]) -> Array:
    """`compute()`, or what it gave before: kept in `folder` under `name` and a digest of `recipe`."""
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    file = folder / f"{name}-{digest}.npy"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npy")
        np.save(part, compute())
        part.replace(file)
    found: Array = np.load(file, mmap_mode="r")
    return found


def image_features(
    rows: list[Row],
    name: str,
    view: View,
    run: Callable[[Pixels], npt.NDArray[np.float32]],
    cache: Path,
    size: int = 16,
) -> Features:
    """What the frozen tower `run` says about every row, in float16, from the cache when it is there."""
    paths = [row.path for row in rows]

    def compute() -> Features:
        print(f"features of {len(paths)} photographs: {name}, {view}", flush=True)
        return np.concatenate(
            [run(part).astype(np.float16) for part in batches(paths, view.preprocessing(), size, view)]
        )

    recipe = "\n".join([str(view), *(path.name for path in paths)])
    return cached(cache, f"{name}-{view}", recipe, compute)
