"""The pairs that an encoder is trained on: which image and which text belong together, and which are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from indexer.metrics import Relevance
from indexer.types import Int64

Bools = npt.NDArray[np.bool_]
Int8Array = npt.NDArray[np.int8]

#: What an image is for: training, choosing (the pass, the method), judging what was chosen.
TRAIN: Final = 0
CHOOSE: Final = 1
JUDGE: Final = 2


@dataclass(frozen=True, slots=True)
class TrainingPairs:
    """n distinct images (by content), t distinct texts, and the p pairs that say which belong together.

    `images`: a path of each; `contents`: SHA-256 of each file, in hex; `uses` (n,) int8: TRAIN, CHOOSE or JUDGE.
    `pair_images`, `pair_texts` (p,) int64: positions in `images` and `texts`. `notes`: what was left out.
    """

    images: tuple[str, ...]
    contents: tuple[str, ...]
    texts: tuple[str, ...]
    pair_images: Int64
    pair_texts: Int64
    uses: Int8Array
    notes: tuple[str, ...] = ()

    def of_use(self, use: int) -> Int64:
        """Numbers of the images for that use, ascending."""
        return np.flatnonzero(self.uses == use).astype(np.int64)

    def digest(self) -> str:
        """SHA-256 of the contents, the texts, the pairs and the split; of no path."""
        digest = hashlib.sha256("\n".join(self.contents).encode())
        for text in self.texts:
            digest.update(f"{len(text)} {text}\n".encode("utf-8", "replace"))
        for array in (self.pair_images, self.pair_texts, self.uses.astype(np.int64)):
            digest.update(np.ascontiguousarray(array, "<i8").tobytes())
        return digest.hexdigest()

    def captions(self) -> list[Int64]:
        """Of each image the numbers of its texts."""
        order = np.argsort(self.pair_images, kind="stable")
        ends = np.cumsum(np.bincount(self.pair_images, minlength=len(self.images)))[:-1]
        return np.split(self.pair_texts[order], ends)

    def right(self, images: Int64, texts: Int64) -> Bools:
        """(a, b) whether each of `images` (a,) and each of `texts` (b,) belong together."""
        own = np.unique(self.pair_images * len(self.texts) + self.pair_texts)  # one number a pair
        asked = images[:, None] * len(self.texts) + texts[None, :]  # (a, b)
        found: Bools = np.isin(asked, own)
        return found

    def held_out(self, use: int) -> HeldOut:
        """The images of one use, with their texts."""
        images = self.of_use(use)
        pairs = np.isin(self.pair_images, images)
        texts, text_at = np.unique(self.pair_texts[pairs], return_inverse=True)
        return HeldOut(
            images,
            texts.astype(np.int64),
            np.searchsorted(images, self.pair_images[pairs]).astype(np.int64),
            text_at.astype(np.int64),
        )


@dataclass(frozen=True, slots=True)
class HeldOut:
    """n images and t texts, by their numbers, and the pairs between them as positions in both."""

    images: Int64
    texts: Int64
    pair_images: Int64
    pair_texts: Int64

    def first(self, count: int) -> HeldOut:
        """The first images, with their texts."""
        pairs = self.pair_images < count
        at, pair_texts = np.unique(self.pair_texts[pairs], return_inverse=True)
        return HeldOut(self.images[:count], self.texts[at], self.pair_images[pairs], pair_texts.astype(np.int64))

    def images_of_texts(self) -> Relevance:
        """Which images are right for each text."""
        return Relevance.of_pairs(self.pair_texts, self.pair_images, len(self.texts))

    def texts_of_images(self) -> Relevance:
        """Which texts are right for each image."""
        return Relevance.of_pairs(self.pair_images, self.pair_texts, len(self.images))

    def owners(self) -> Int64:
        """(t,) the first image of each text: the cluster in which it is resampled."""
        found = np.full(len(self.texts), len(self.images), np.int64)
        np.minimum.at(found, self.pair_texts, self.pair_images)
        return found


def split_by_name(names: Sequence[str], count: int) -> Bools:
    """(n,): `count` of the images, by a hash of their names (without folders): the same on every machine and in every
    run, and an image stays on its side when others come."""
    digests = [(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest(), at) for at, name in enumerate(names)]
    chosen = np.zeros(len(names), bool)
    chosen[[at for _, at in sorted(digests)[:count]]] = True
    return chosen
