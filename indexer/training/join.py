"""One vector of two channels: the learned one and the class one, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from indexer.training.conse import ClassChannel
from indexer.training.heads import Heads


@dataclass(frozen=True, slots=True)
class JoinSettings:
    """How much the class channel weighs; chosen on Flickr8k's `val` and Caltech-101's `train` (see the model card).

    A share s scales the class part by sqrt(s) and the learned part by sqrt(1 - s), so the norm stays 1. Every image
    has `image_share`. A text has more the more it is a class name: `caption_share` for a sentence, up to
    `name_share`, along a sigmoid of its largest cosine with a class name, at `middle` with width `width`. One fixed
    share would serve either captions or names: they pull it in opposite directions.
    """

    class_dimension: int = 128
    class_temperature: float = 2.0
    image_share: float = 0.4
    caption_share: float = 0.2
    name_share: float = 0.9
    middle: float = 0.55
    width: float = 0.05


class Join(nn.Module):
    """From what the frozen towers say to the vectors that are stored and compared."""

    def __init__(self, heads: Heads, channel: ClassChannel, settings: JoinSettings) -> None:
        super().__init__()
        self.heads, self.channel, self.settings = heads, channel, settings

    def image(self, features: Tensor, logits: Tensor) -> Tensor:
        """`features` (n, 1280), `logits` (n, classes). Returns (n, d), unit norm."""
        share = torch.full_like(features[:, :1], self.settings.image_share)  # (n, 1)
        return _beside(self.heads.image(features), self.channel.image(logits), share)

    def text(self, sentences: Tensor) -> Tensor:
        """`sentences` (n, 384), unit norm. Returns (n, d), unit norm."""
        s = self.settings
        classes = self.channel.text(sentences)  # (n, class dimension)
        name = torch.sigmoid((self.channel.likeness(classes) - s.middle) / s.width)  # (n, 1), 0 to 1
        share = s.caption_share + (s.name_share - s.caption_share) * name
        return _beside(self.heads.text(sentences), classes, share)


def _beside(learned: Tensor, classes: Tensor, share: Tensor) -> Tensor:
    return torch.cat([learned * torch.sqrt(1 - share), classes * torch.sqrt(share)], dim=-1)
