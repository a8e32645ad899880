"""Captioned photographs on disk, and their frozen features, computed once and kept in a cache folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from indexer.encoders.base import Interpolation, ResizeMode
from indexer.types import Pixels

Split = Literal["train", "val", "test"]
#: Frozen features are kept in half precision: their own noise is far larger, and the cache is half the size.
Features = npt.NDArray[np.float16]


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

    def __str__(self) -> str:
        return f"{self.side}-{self.resize}-{self.interpolation}{'-flip' if self.flip else ''}"


def load_pixels(path: Path, view: View) -> Pixels:
    """One photograph as (side, side, 3) uint8 RGB; padding, if any, is grey."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    resample = getattr(Image.Resampling, view.interpolation.upper())
    side = view.side
    if view.resize == "squash":
        image = image.resize((side, side), resample)
    else:
        near = min(image.size) if view.resize == "shortest" else max(image.size)
        size = tuple(max(1, round(length * side / near)) for length in image.size)
        left, top = (size[0] - side) // 2, (size[1] - side) // 2  # negative: padding
        scaled = image.resize((size[0], size[1]), resample)
        image = Image.new("RGB", (side, side), (127, 127, 127))
        image.paste(scaled, (-left, -top))
    pixels = np.asarray(image, dtype=np.uint8)  # (side, side, 3) uint8
    return np.ascontiguousarray(pixels[:, ::-1] if view.flip else pixels)


def batches(paths: list[Path], view: View, size: int) -> Iterator[Pixels]:
    """The photographs in order, `size` at a time: (n, side, side, 3) uint8 RGB."""
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), size):
            part = paths[start : start + size]
            yield np.stack(list(pool.map(lambda path: load_pixels(path, view), part)))


def cached(folder: Path, name: str, recipe: str, compute: Callable[[], Features]) -> Features:
    """`compute()`, or what it gave before: kept in `folder` under `name` and a digest of `recipe`."""
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    file = folder / f"{name}-{digest}.npy"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npy")
        np.save(part, compute())
        part.replace(file)
    found: Features = np.load(file, mmap_mode="r")
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
        return np.concatenate([run(part).astype(np.float16) for part in batches(paths, view, size)])

    recipe = "\n".join([str(view), *(path.name for path in paths)])
    return cached(cache, f"{name}-{view}", recipe, compute)
