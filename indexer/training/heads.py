"""The two projection heads that join the frozen towers, and their training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indexer.training.contrastive import Temperature, nt_xent


class ResidualHead(nn.Module):
    """A linear map plus a small correction to it: W x + B gelu(A x), then unit length."""

    def __init__(self, width: int, hidden: int, dimension: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.straight = nn.Linear(width, dimension)
        self.drop_in = nn.Dropout(dropout)
        self.inner = nn.Linear(width, hidden)
        self.drop = nn.Dropout(dropout)
        self.outer = nn.Linear(hidden, dimension)

    def forward(self, x: Tensor) -> Tensor:
        """`x` (n, width). Returns (n, dimension), unit norm."""
        x = self.drop_in(self.norm(x))
        return F.normalize(self.straight(x) + self.outer(self.drop(F.gelu(self.inner(x)))), dim=-1)


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """How the heads are trained; the values were chosen on Flickr8k's `val` (see the model card)."""

    dimension: int = 256
    hidden: int = 512
    dropout: float = 0.3
    passes: int = 60
    batch: int = 500
    rate: float = 1e-3
    decay: float = 0.1
    seed: int = 0


class Heads(nn.Module):
    """One head a side, with the temperature they were trained at."""

    def __init__(self, image_width: int, text_width: int, settings: HeadSettings) -> None:
        super().__init__()
        self.image = ResidualHead(image_width, settings.hidden, settings.dimension, settings.dropout)
        self.text = ResidualHead(text_width, settings.hidden, settings.dimension, settings.dropout)
        self.temperature = Temperature()


def train_heads(images: Tensor, texts: Tensor, settings: HeadSettings) -> Heads:
    """Train on `images` (v, n, image width), v views of n photographs, and `texts` (n, c, text width), c captions each.

    A pass shows each photograph once, in one view, beside one of its captions. Deterministic for a seed and a number
    of threads.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    torch.manual_seed(settings.seed)
    heads = Heads(images.shape[-1], texts.shape[-1], settings)
    views, count, captions = images.shape[0], texts.shape[0], texts.shape[1]
    steps = settings.passes * (count // settings.batch)
    optimizer = torch.optim.AdamW(heads.parameters(), lr=settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=steps, pct_start=0.1)
    heads.train()
    for _ in range(settings.passes):
        order = torch.randperm(count, generator=generator)
        for start in range(0, count - settings.batch + 1, settings.batch):
            rows = order[start : start + settings.batch]
            view = torch.randint(views, (len(rows),), generator=generator)
            said = torch.randint(captions, (len(rows),), generator=generator)
            loss = nt_xent(heads.image(images[view, rows]), heads.text(texts[rows, said]), heads.temperature())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return heads.eval()
