"""How well an encoder in training finds held-out pairs: their vectors, without gradients, and what they retrieve.

numbers of images and texts -> `Inputs` -> `Trainable` -> vectors on the CPU -> `retrieval.py`
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from indexer.training.attacks import attacked
from indexer.training.inputs import Array, Inputs
from indexer.training.retrieval import Retrieval, retrieval
from indexer.training.trainable import Trainable
from indexer.training.training_pairs import HeldOut
from indexer.types import Float32, Int64

#: Rows that are encoded at once.
_TOGETHER: Final = 32


def vectors_of(
    trainable: Trainable, inputs: Inputs, images: Int64, texts: Int64, attack: tuple[str, float, HeldOut] | None = None
) -> tuple[Float32, Float32]:
    """(n, d) and (t, d) float32, unit norm, of images and texts by number. `attack`: kind and epsilon by which the
    images are attacked first, and which texts are right for them (the images and texts are all of it)."""
    trainable.train(False)
    text_parts = [_encode(trainable, inputs.texts(part), "text") for part in _cut(texts)]
    named = torch.cat(text_parts)
    image_parts = []
    for start, part in zip(range(0, len(images), _TOGETHER), _cut(images), strict=True):
        pixels = sent(trainable, inputs.images(part))
        if attack is not None:
            kind, epsilon, held_out = attack
            right = np.zeros((len(images), len(texts)), bool)
            right[held_out.pair_images, held_out.pair_texts] = True
            mask = torch.from_numpy(right[start : start + len(part)]).to(trainable.device)
            pixels = attacked(trainable, pixels, named, mask, kind, epsilon, None)
        image_parts.append(_encode(trainable, pixels, "image"))
    return _unit(torch.cat(image_parts)), _unit(named)


def measured(trainable: Trainable, inputs: Inputs, held_out: HeldOut) -> Retrieval:
    """How well it finds held-out pairs."""
    return retrieval(*vectors_of(trainable, inputs, held_out.images, held_out.texts), held_out)


def _cut(numbers: Int64) -> list[Int64]:
    return [numbers[start : start + _TOGETHER] for start in range(0, len(numbers), _TOGETHER)]


def sent(trainable: Trainable, array: Array) -> Tensor:
    """The rows on the device where the encoder computes."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(trainable.device)


def _encode(trainable: Trainable, rows: Array | Tensor, side: str) -> Tensor:
    with torch.no_grad():
        given = rows if isinstance(rows, Tensor) else sent(trainable, rows)
        return trainable.images(given) if side == "image" else trainable.texts(given)


def _unit(vectors: Tensor) -> Float32:
    found: Float32 = F.normalize(vectors, dim=-1).float().cpu().numpy()
    return found
