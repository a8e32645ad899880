"""One vector of two channels: the learned one and the class one, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indexer.training.conse import ClassChannel
from indexer.training.heads import Heads


@dataclass(frozen=True, slots=True)
class JoinSettings:
    """How much the class channel weighs; chosen on Flickr8k's `val` and Caltech-101's `train` (see the model card).

    A share s scales the class part by sqrt(s) and the learned part by sqrt(1 - s), so the norm stays 1. Every image
    has `image_share`. A text has `caption_share` when it is like the captions that the heads were trained on, and up
    to `name_share` the more it is a class name, or unlike those captions: there the learned part only guesses. Both
    are sigmoids of a largest cosine: with a class name, with a cluster of captions. One fixed share would serve
    either captions or names: they pull it in opposite directions.
    """

    class_dimension: int = 192
    class_temperature: float = 2.0
    image_share: float = 0.4
    caption_share: float = 0.2
    name_share: float = 0.95
    name_middle: float = 0.55
    name_width: float = 0.05
    caption_clusters: int = 256
    caption_middle: float = 0.4
    caption_width: float = 0.03


class Join(nn.Module):
    """From what the frozen towers say to the vectors that are stored and compared.

    `clusters` (384, k): centres of the training captions, unit norm, in the centred space of the text head.
    """

    clusters: Tensor

    def __init__(self, heads: Heads, channel: ClassChannel, clusters: Tensor, settings: JoinSettings) -> None:
        super().__init__()
        self.heads, self.channel, self.settings = heads, channel, settings
        self.register_buffer("clusters", clusters)

    def image(self, features: Tensor, logits: Tensor) -> Tensor:
        """`features` (n, 1280), `logits` (n, classes). Returns (n, d), unit norm."""
        share = torch.full_like(features[:, :1], self.settings.image_share)  # (n, 1)
        return _beside(self.heads.image(features), self.channel.image(logits), share)

    def text(self, sentences: Tensor) -> Tensor:
        """`sentences` (n, 384), unit norm. Returns (n, d), unit norm."""
        classes = self.channel.text(sentences)  # (n, class dimension)
        return _beside(self.heads.text(sentences), classes, self.text_share(sentences, classes))

    def text_share(self, sentences: Tensor, classes: Tensor) -> Tensor:
        """The class channel's share of each text, (n, 1)."""
        s = self.settings
        centred = F.normalize(sentences - self.heads.text_head.mean, dim=-1)
        likeness = (centred @ self.clusters).amax(dim=-1, keepdim=True)  # (n, 1)
        strange = torch.sigmoid((s.caption_middle - likeness) / s.caption_width)
        name = torch.sigmoid((self.channel.likeness(classes) - s.name_middle) / s.name_width)
        return s.caption_share + (s.name_share - s.caption_share) * torch.maximum(name, strange)


def _beside(learned: Tensor, classes: Tensor, share: Tensor) -> Tensor:
    return torch.cat([learned * torch.sqrt(1 - share), classes * torch.sqrt(share)], dim=-1)
