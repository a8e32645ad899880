"""Photographs as they vary, made on the device that trains: parts of them, mirrored, in other light."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True)
class AugmentSettings:
    """How far a photograph is changed."""

    #: Share of the area that a part has, at least; and how much longer than wide it may become.
    least_area: float = 0.5
    shape: float = 1.2
    #: Share of the photographs that are shown whole.
    whole: float = 0.2
    #: Brightness, contrast and saturation are multiplied by 1 - jitter to 1 + jitter.
    jitter: float = 0.3
    #: Share of the photographs that are mixed with another one of the batch.
    mixed: float = 0.0


def augmented(pixels: Tensor, settings: AugmentSettings) -> Tensor:
    """`pixels` (n, h, w, 3) uint8. Returns (n, 3, h, w) float32, 0 to 255, channels last in memory."""
    n, device = len(pixels), pixels.device

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(n, device=device).uniform_(low, high)

    area = torch.where(uniform(0, 1) < settings.whole, 1.0, uniform(settings.least_area, 1))  # (n,)
    shape = settings.shape ** uniform(-0.5, 0.5)
    width, height = (area.sqrt() * shape).clamp(max=1), (area.sqrt() / shape).clamp(max=1)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3, device=device)
    theta[:, 0, 0], theta[:, 1, 1] = width * mirror, height
    theta[:, 0, 2], theta[:, 1, 2] = (1 - width) * uniform(-1, 1), (1 - height) * uniform(-1, 1)
    colours = pixels.permute(0, 3, 1, 2).float()  # (n, 3, h, w), channels last as it lies
    grid = F.affine_grid(theta, list(colours.shape), align_corners=False)
    colours = F.grid_sample(colours, grid, padding_mode="border", align_corners=False)
    low, high = 1 - settings.jitter, 1 + settings.jitter
    bright, contrast, saturation = (uniform(low, high)[:, None, None, None] for _ in range(3))
    grey = colours.mean(dim=1, keepdim=True)  # (n, 1, h, w)
    colours = grey + (colours - grey) * saturation
    mean = colours.mean(dim=(1, 2, 3), keepdim=True)
    colours = ((mean + (colours - mean) * contrast) * bright).clamp(0, 255)
    if settings.mixed:
        share = torch.where(uniform(0, 1) < settings.mixed, uniform(0.5, 1), 1.0)[:, None, None, None]
        colours = colours * share + colours.roll(1, 0) * (1 - share)
    return colours.contiguous(memory_format=torch.channels_last)
