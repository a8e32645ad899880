"""The two projection heads that join the frozen towers, and their training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indexer.training.contrastive import Temperature, nt_xent


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """How the heads are trained; the values were chosen on Flickr8k's `val` (see the model card)."""

    dimension: int = 192  # principal axes that are kept of the trained space
    hidden: int = 1024
    image_dropout: float = 0.3
    text_dropout: float = 0.1
    passes: int = 30
    batch: int = 500
    rate: float = 1e-3
    decay: float = 0.1
    seed: int = 0


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


class Heads(nn.Module):
    """One head a side, the temperature they were trained at, and the axes that are kept afterwards."""

    axes: Tensor

    def __init__(self, image_width: int, text_mean: Tensor, settings: HeadSettings) -> None:
        super().__init__()
        space = len(text_mean)
        self.image_head = ImageHead(image_width, space, settings)
        self.text_head = TextHead(text_mean, settings)
        self.temperature = Temperature()
        self.register_buffer("axes", torch.eye(space))  # (space, dimension)

    def image(self, features: Tensor) -> Tensor:
        """`features` (n, width). Returns (n, dimension), unit norm."""
        return F.normalize(self.image_head(features) @ self.axes, dim=-1)

    def text(self, sentences: Tensor) -> Tensor:
        """`sentences` (n, space). Returns (n, dimension), unit norm."""
        return F.normalize(self.text_head(sentences) @ self.axes, dim=-1)

    @torch.no_grad()
    def keep(self, dimension: int, images: Tensor, texts: Tensor) -> None:
        """From now on, project on the `dimension` principal axes of these images (n, width) and texts (m, space)."""
        vectors = torch.cat([self.image_head(images), self.text_head(texts)])  # (n + m, space)
        _, _, axes = torch.linalg.svd(vectors, full_matrices=False)  # rows, the widest first
        self.axes = axes[:dimension].T.contiguous()


def train_heads(images: Tensor, texts: Tensor, settings: HeadSettings) -> Heads:
    """Train on `images` (v, n, width), v views of n photographs, and `texts` (n, c, space), c captions each.

    A pass shows each photograph once, in one view, beside one of its captions. Deterministic for a seed and a number
    of threads.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    torch.manual_seed(settings.seed)
    heads = Heads(images.shape[-1], texts.mean((0, 1)), settings)
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
            u, v = heads.image_head(images[view, rows]), heads.text_head(texts[rows, said])  # (batch, space)
            loss = nt_xent(u, v, heads.temperature())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    heads.eval()
    heads.keep(settings.dimension, images[0], texts[:, 0])
    return heads
