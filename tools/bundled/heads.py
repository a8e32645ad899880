"""The projection heads that join the two towers: one vector an input, and one token a region or a word."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """Sizes of the heads; the values were chosen on Flickr8k's `val` (see the model card)."""

    #: Principal axes that are kept of the trained space: with 256 of the class channel and 5 of hubs, 448 numbers.
    dimension: int = 187
    hidden: int = 1024
    image_dropout: float = 0.3
    text_dropout: float = 0.1
    #: Pairs of heads, trained side by side from different starts; their mean score is better than each.
    pairs: int = 2
    #: Side of the grid of region tokens, and numbers of a token: 49 x 64 bytes an image.
    grid: int = 7
    token_width: int = 64
    token_hidden: int = 512
    token_dropout: float = 0.2


class ImageHead(nn.Module):
    """A linear map into the space of sentences, plus a small correction: W x + B gelu(A x), then unit length."""

    def __init__(self, width: int, space: int, settings: HeadSettings) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.drop_in = nn.Dropout(settings.image_dropout)
        self.straight = nn.Linear(width, space)
        self.inner = nn.Linear(width, settings.hidden)
        self.drop = nn.Dropout(settings.image_dropout)
        self.outer = nn.Linear(settings.hidden, space)

    def forward(self, x: Tensor) -> Tensor:
        """`x` (n, width). Returns (n, space), unit norm."""
        x = self.drop_in(self.norm(x))
        return F.normalize(self.straight(x) + self.outer(self.drop(F.gelu(self.inner(x)))), dim=-1)


class TextHead(nn.Module):
    """The sentence embedding itself, centred, plus a correction that starts at nothing.

    Words that no caption of the training set has keep the place that the sentence encoder gave them.
    """

    mean: Tensor

    def __init__(self, mean: Tensor, settings: HeadSettings) -> None:
        super().__init__()
        space = len(mean)
        self.register_buffer("mean", mean)  # (space,)
        self.scale = space**0.5  # entries of about 1
        self.inner = nn.Linear(space, settings.hidden)
        self.drop = nn.Dropout(settings.text_dropout)
        self.outer = nn.Linear(settings.hidden, space)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """`x` (n, space). Returns (n, space), unit norm."""
        x = F.normalize(x - self.mean, dim=-1) * self.scale
        return F.normalize(x + self.outer(self.drop(F.gelu(self.inner(x)))), dim=-1)


class TokenHead(nn.Module):
    """Tokens of one kind into the space where words meet regions: W x + B gelu(A x), the second part from nothing."""

    def __init__(self, width: int, settings: HeadSettings) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.drop_in = nn.Dropout(settings.token_dropout / 2)
        self.straight = nn.Linear(width, settings.token_width)
        self.inner = nn.Linear(width, settings.token_hidden)
        self.drop = nn.Dropout(settings.token_dropout)
        self.outer = nn.Linear(settings.token_hidden, settings.token_width)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """`x` (..., width). Returns (..., token_width), of any length."""
        x = self.drop_in(self.norm(x))
        out: Tensor = self.straight(x) + self.outer(self.drop(F.gelu(self.inner(x))))
        return out
