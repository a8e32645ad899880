"""Pixels that are changed so that an encoder takes an image for another one: to train against, and to measure.

    fgsm   x + e sign(dL/dx), from a random start (Goodfellow et al. 2015, arXiv 1412.6572; Wong et al. 2020)
    pgd    three such steps of e/2, each brought back to within e of x (Madry et al. 2018, arXiv 1706.06083)

L is the cross-entropy of each image among the texts of the batch, x on the scale 0 to 255.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, split

from indexer.training.grad_cache import temperature
from indexer.training.trainable import Trainable

_STEPS: Final = {"fgsm": 1, "pgd": 3}
#: Of epsilon, in one step. FGSM goes a little too far and is brought back, which keeps it from overfitting to itself.
_STEP: Final = {"fgsm": 1.25, "pgd": 0.5}


def attacked(
    trainable: Trainable, pixels: Tensor, texts: Tensor, right: Tensor, kind: str, epsilon: float, chunk: int | None
) -> Tensor:
    """(b, h, w, 3) float, each within `epsilon` levels of `pixels` (b, h, w, 3) uint8, and 0 to 255.

    `texts` (t, d): vectors of the texts; `right` (b, t) bool: which belong to each image. Leaves no gradients on what
    is trained. `chunk`: images at once.
    """
    names = F.normalize(texts.detach(), dim=-1)  # (t, d)
    t = temperature(trainable).detach()
    size = chunk or len(pixels)
    done = [
        _attack(trainable, part.float(), names, mask, t, kind, epsilon)
        for part, mask in zip(split(pixels, size), split(right, size), strict=True)
    ]
    return torch.cat(done)


def _attack(
    trainable: Trainable, plain: Tensor, names: Tensor, right: Tensor, t: Tensor, kind: str, epsilon: float
) -> Tensor:
    found = plain + torch.empty_like(plain).uniform_(-epsilon, epsilon)
    for _ in range(_STEPS[kind]):
        found = found.clamp(0, 255).detach().requires_grad_(True)
        logits = F.normalize(trainable.images(found), dim=-1) @ names.T / t  # (b, t)
        # The right texts together, against all: a loss that several captions of an image share.
        loss = (torch.logsumexp(logits, dim=1) - torch.logsumexp(logits.masked_fill(~right, -torch.inf), dim=1)).sum()
        (gradient,) = torch.autograd.grad(loss, found)
        moved = found.detach() + _STEP[kind] * epsilon * gradient.sign()
        found = plain + (moved - plain).clamp(-epsilon, epsilon)
    return found.clamp(0, 255).detach()
