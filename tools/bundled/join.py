"""One vector of two channels: the learned one and the class one, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.bundled.class_channel import ClassChannel


@dataclass(frozen=True, slots=True)
class JoinSettings:
    """How much the class channel weighs; chosen on Flickr8k's, COCO's and clothing's `val` and Caltech-101's
    `train` (see the model card).

    A share s scales the class part by sqrt(s) and the learned part by sqrt(1 - s), so the norm stays 1. Every image
    has `image_share`. A text has `caption_share` when it is like the captions that the heads were trained on, and up
    to `name_share` the more it is a class name, or unlike those captions: there the learned part only guesses. Both
    are sigmoids of a largest cosine: with a class name, with a cluster of captions. One fixed share would serve
    either captions or names: they pull it in opposite directions.
    """

    class_dimension: int = 256
    class_temperature: float = 1.75
    class_whitening: float = 0.5
    image_share: float = 0.3
    caption_share: float = 0.05
    name_share: float = 0.9
    name_middle: float = 0.75
    name_width: float = 0.05
    caption_clusters: int = 512
    caption_middle: float = 0.45
    caption_width: float = 0.03


class Join(nn.Module):
    """From what the two channels say to the vectors that are stored and compared.

    `mean` (384,): of the training captions' sentence embeddings. `clusters` (384, k): centres of these captions, unit
    norm, centred on that mean.
    """

    mean: Tensor
    clusters: Tensor

    def __init__(self, channel: ClassChannel, mean: Tensor, clusters: Tensor, settings: JoinSettings) -> None:
        super().__init__()
        self.channel, self.settings = channel, settings
        self.register_buffer("mean", mean)
        self.register_buffer("clusters", clusters)

    def image(self, learned: Tensor, logits: Tensor) -> Tensor:
        """`learned` (n, dimension), unit norm, `logits` (n, classes). Returns (n, d), unit norm."""
        share = torch.full_like(learned[:, :1], self.settings.image_share)  # (n, 1)
        return _beside(learned, self.channel.image(logits), share)

    def text(self, learned: Tensor, sentences: Tensor) -> Tensor:
        """`learned` (n, dimension), `sentences` (n, 384), both of unit norm. Returns (n, d), unit norm."""
        return _beside(learned, self.channel.text(sentences), self.text_share(sentences))

    def text_share(self, sentences: Tensor) -> Tensor:
        """The class channel's share of each text, (n, 1)."""
        s = self.settings
        likeness = (F.normalize(sentences - self.mean, dim=-1) @ self.clusters).amax(dim=-1, keepdim=True)  # (n, 1)
        strange = torch.sigmoid((s.caption_middle - likeness) / s.caption_width)
        name = torch.sigmoid((self.channel.likeness(sentences) - s.name_middle) / s.name_width)
        return s.caption_share + (s.name_share - s.caption_share) * torch.maximum(name, strange)


def _beside(learned: Tensor, classes: Tensor, share: Tensor) -> Tensor:
    return torch.cat([learned * torch.sqrt(1 - share), classes * torch.sqrt(share)], dim=-1)
