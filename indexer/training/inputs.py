"""What a training feeds to an encoder: of image and text numbers the arrays that its towers take.

Photographs are read from their files when a batch wants them, by a few threads: a collection does not fit into memory,
and reading is quick beside a pass of training. What chance changes is drawn from a generator of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from indexer.encoders.base import Preprocessing
from indexer.errors import FileError, UsageError
from indexer.images.decoder import decode, read_file
from indexer.images.preprocess import to_pixels
from indexer.settings import DecodeLimits
from indexer.training.augmentation import changed_caption, coloured, may_be_mirrored, mirrored, part_of
from indexer.training.training_pairs import TrainingPairs
from indexer.types import Candidate, Float32, Int64, Texts

Array = npt.NDArray[Any]

_THREADS: Final = 4


class Inputs(Protocol):
    """`rng`: for training; None: as they are, for measuring."""

    def images(self, numbers: Int64, rng: np.random.Generator | None = None) -> Array:
        """(b, ...) of the images."""
        ...

    def texts(self, numbers: Int64, images: Int64 | None = None, rng: np.random.Generator | None = None) -> Array:
        """(b, ...) of the texts; `images`: the image that each is a caption of."""
        ...


class VectorInputs:
    """Vectors (n, d) and (t, d) that an encoder gave; chance changes nothing of them."""

    def __init__(self, images: Float32, texts: Float32) -> None:
        self._images, self._texts = images, texts

    def images(self, numbers: Int64, rng: np.random.Generator | None = None) -> Array:
        """(b, d)."""
        return self._images[numbers]

    def texts(self, numbers: Int64, images: Int64 | None = None, rng: np.random.Generator | None = None) -> Array:
        """(b, d)."""
        return self._texts[numbers]


class PhotographInputs:
    """Pixels (b, h, w, 3) uint8 from the files, and what `rows` makes of captions."""

    def __init__(
        self,
        pairs: TrainingPairs,
        preprocessing: Preprocessing,
        rows: Callable[[Texts], Array],
        *,
        augment: bool,
    ) -> None:
        self._pairs, self._wanted, self._rows, self._augment = pairs, preprocessing, rows, augment
        self._captions = pairs.captions()
        self._pool = ThreadPoolExecutor(_THREADS, "training")

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown()

    def images(self, numbers: Int64, rng: np.random.Generator | None = None) -> Array:
        """(b, h, w, 3) uint8. Raises UsageError when a file can no longer be read."""
        draws: list[np.random.Generator | None] = [None] * len(numbers)
        if rng is not None and self._augment:
            draws = list(rng.spawn(len(numbers)))
        return np.stack(list(self._pool.map(self._image, numbers.tolist(), draws)))

    def texts(self, numbers: Int64, images: Int64 | None = None, rng: np.random.Generator | None = None) -> Array:
        """(b, ...), as the encoder reads them."""
        texts = [self._pairs.texts[number] for number in numbers]
        if rng is not None and self._augment:
            of = [None] * len(numbers) if images is None else images.tolist()
            texts = [
                changed_caption(text, () if image is None else self._others(image, number), rng)
                for text, number, image in zip(texts, numbers.tolist(), of, strict=True)
            ]
        return self._rows(texts)

    def _others(self, image: int, text: int) -> tuple[str, ...]:
        return tuple(self._pairs.texts[other] for other in self._captions[image] if other != text)

    def _image(self, number: int, rng: np.random.Generator | None) -> Array:
        picture = photograph(self._pairs.images[number], (self._wanted.width, self._wanted.height))
        if rng is None:
            return to_pixels(picture, self._wanted)
        pixels = coloured(to_pixels(part_of(picture, rng), self._wanted), rng)
        captions = (self._pairs.texts[text] for text in self._captions[number])
        return mirrored(pixels, rng) if all(map(may_be_mirrored, captions)) else pixels


def photograph(path: str, target: tuple[int, int]) -> Image.Image:
    """The picture in a file, for an encoder that wants `target` (width, height). Raises UsageError."""
    limits = DecodeLimits()
    try:
        return decode(read_file(Candidate.at(path), limits), limits, target)
    except (OSError, FileError) as error:
        raise UsageError(
            f"{path} can no longer be read ({error}); put it back as it was, then run the same command again: it goes "
            "on from its last checkpoint."
        ) from error
