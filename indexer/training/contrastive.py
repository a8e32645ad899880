"""The symmetric contrastive loss, NT-Xent (InfoNCE) over matching pairs of two kinds.

van den Oord et al. 2018 (arXiv 1807.03748), Chen et al. 2020 (SimCLR, arXiv 2002.05709); symmetric over images and
texts as in Radford et al. 2021 (CLIP, arXiv 2103.00020).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def nt_xent(images: Tensor, texts: Tensor, temperature: Tensor | float, also: Tensor | None = None) -> Tensor:
    """Row i of `images` and row i of `texts` belong together; every other row of the batch is a negative.

    `also`: (n, n) bool, True where image i and text j are right for each other as well (a caption that two images
    share): these are no negatives, and are left out of the sums. Its diagonal is not read.

    With u_i, v_i the rows at unit length and t the temperature,

        L = -1/(2n) sum_i [ log( exp(u_i.v_i/t) / sum_j exp(u_i.v_j/t) )
                          + log( exp(u_i.v_i/t) / sum_j exp(u_j.v_i/t) ) ]

    `images`, `texts`: (n, d) float, of any length (they are normalised here). Returns a scalar in nats.
    Raises ValueError when the shapes differ, are not (n, d), or n is 0.
    """
    if images.ndim != 2 or images.shape != texts.shape or not len(images):
        raise ValueError(f"Pairs need two equal shapes (n, d), not {tuple(images.shape)}, {tuple(texts.shape)}.")
    u, v = F.normalize(images, dim=-1), F.normalize(texts, dim=-1)  # (n, d)
    logits = u @ v.T / temperature  # (n, n), rows are images
    if also is not None:
        logits = logits.masked_fill(also & ~torch.eye(len(u), dtype=torch.bool, device=u.device), -torch.inf)
    target = torch.arange(len(u), device=u.device)  # (n,)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


class Temperature(nn.Module):
    """A learned temperature, kept as log(1/t) and bounded below as in CLIP so that one pair cannot take over."""

    def __init__(self, start: float = 0.07, lowest: float = 0.01) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / start)))
        self.highest = math.log(1 / lowest)

    def forward(self) -> Tensor:
        """The temperature, a scalar."""
        return torch.exp(-self.log_scale.clamp(max=self.highest))
