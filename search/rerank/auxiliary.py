"""Auxiliary losses of the second step: image-text matching and masked language modelling, as ALBEF has them (Li et al.
2021, arXiv 2107.07651). Their heads are of the training alone: nothing of them is kept.

    matching  mean of -log p(pair) over the right pairs, and of -log(1 - p(pair)) over the hard negatives
    masked    -log p(word that was left out | the other words, the image)
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from search.rerank.fusion_model import FusionSettings


class MaskedWordHead(nn.Module):
    """What the words of a text have become together -> which word was left out, as BERT's head."""

    def __init__(self, settings: FusionSettings, vocabulary: int) -> None:
        super().__init__()
        self.inner = nn.Linear(settings.hidden, settings.hidden)
        self.norm = nn.LayerNorm(settings.hidden)
        self.drop = nn.Dropout(settings.dropout)
        self.outer = nn.Linear(settings.hidden, vocabulary)

    def forward(self, pooled: Tensor) -> Tensor:
        """(b, h) -> (b, V) logits."""
        logits: Tensor = self.outer(self.drop(self.norm(F.silu(self.inner(pooled)))))
        return logits


def matching_loss(logits: Tensor) -> Tensor:
    """`logits` (b, k) of image-text matching, the right pair first: both kinds of pairs count alike."""
    right, wrong = logits[:, 0], logits[:, 1:]
    return (F.softplus(-right).mean() + F.softplus(wrong).mean()) / 2 if wrong.numel() else F.softplus(-right).mean()
