"""One step of a contrastive batch that does not fit into memory: the gradients are those of the whole batch, exactly
(GradCache, Gao et al. 2021, arXiv 2101.06983).

Accumulating gradients of small batches would not do: each pair would have the few negatives of its small batch. Here
all vectors are computed first, chunk by chunk and without a graph; the loss of the whole batch gives the gradient of
each vector; then each chunk is computed again with its graph, and its gradients carried back. Twice the forward passes,
the memory of one chunk. Dropout draws the same in both passes, on every device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, split

from indexer.training.contrastive import nt_xent
from indexer.training.trainable import Trainable

#: CLIP's bound on the scale, so that one pair cannot take over.
HIGHEST_LOG_SCALE = 4.6052

Tower = Callable[[Tensor], Tensor]


def contrastive_step(
    trainable: Trainable, pixels: Tensor, rows: Tensor, also: Tensor | None, *, chunk: int | None, weight: float = 1.0
) -> float:
    """Add the gradients of `weight` times the NT-Xent loss of a batch to what is trained; the loss, in nats.

    `pixels`, `rows`: (b, ...) of the two towers. `also` (b, b) bool: see `nt_xent`. `chunk`: rows computed at once,
    None for all.
    """
    if chunk is None or chunk >= len(pixels):
        loss = _loss(trainable, trainable.images(pixels), trainable.texts(rows), also)
        (weight * loss).backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())
    images, image_states = _without_graph(trainable.images, split(pixels, chunk))
    texts, text_states = _without_graph(trainable.texts, split(rows, chunk))
    images.requires_grad_(True)
    texts.requires_grad_(True)
    loss = _loss(trainable, images, texts, also)
    (weight * loss).backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    assert texts.grad is not None
    _carried_back(trainable.images, split(pixels, chunk), image_states, split(images.grad, chunk))
    _carried_back(trainable.texts, split(rows, chunk), text_states, split(texts.grad, chunk))
    return float(loss.detach())


def temperature(trainable: Trainable) -> Tensor:
    """A scalar, bounded below as in CLIP."""
    return torch.exp(-trainable.log_scale.clamp(max=HIGHEST_LOG_SCALE)).squeeze()


def _loss(trainable: Trainable, images: Tensor, texts: Tensor, also: Tensor | None) -> Tensor:
    return nt_xent(images, texts, temperature(trainable), also)


def _without_graph(tower: Tower, chunks: Sequence[Tensor]) -> tuple[Tensor, list[list[Tensor]]]:
    """(b, d), and the state of chance before each chunk."""
    found, states = [], []
    with torch.no_grad():
        for each in chunks:
            states.append(_state(each.device))
            found.append(tower(each))
    return torch.cat(found), states


def _carried_back(
    tower: Tower, chunks: Sequence[Tensor], states: Sequence[list[Tensor]], gradients: Sequence[Tensor]
) -> None:
    for each, state, gradient in zip(chunks, states, gradients, strict=True):
        _set_state(each.device, state)
        vectors = tower(each)
        if vectors.requires_grad:  # a tower of which nothing is trained has no way back
            vectors.backward(gradient)  # type: ignore[no-untyped-call]


def _state(device: torch.device) -> list[Tensor]:
    """Of every GPU where one computes: a tower may use several."""
    return torch.cuda.get_rng_state_all() if device.type == "cuda" else [torch.get_rng_state()]


def _set_state(device: torch.device, state: list[Tensor]) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state_all(state)
    else:
        torch.set_rng_state(state[0])
