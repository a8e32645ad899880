"""Arrays that a forward pass needs beside the weights, on the device that it runs on.

A copy from ordinary memory to a GPU waits until all is computed that was asked for before, so one in the middle of a
pass would keep the next batch from being copied beside it. Each array goes to a device once, and stays.

Imports torch at the top; import this module only where torch is wanted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from indexer.encoders.base import Preprocessing


class Constant:
    """An array of any shape and type, on every device that asks for it. Thread-safe."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self._here = torch.from_numpy(array)
        self._there: dict[torch.device, torch.Tensor] = {}

    def on(self, device: torch.device) -> torch.Tensor:
        """The array on `device`, always the same tensor. Nobody may change it."""
        if device.type == "cpu":
            return self._here
        found = self._there.get(device)
        if found is None:
            with torch.inference_mode(False):  # fit for every later pass, not only for those without gradients
                found = self._there[device] = self._here.to(device)
        return found


class Normalisation:
    """Pixels as an image tower takes them. Thread-safe."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        self._mean = Constant(per_channel(preprocessing.mean))
        self._std = Constant(per_channel(preprocessing.std))

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, h, w, 3) uint8 -> (n, 3, h, w) float32, on their device."""
        images = rows.permute(0, 3, 1, 2)  # (n, 3, h, w), in memory still (n, h, w, 3): channels last
        scaled = images.float().div_(255)  # the order of open_clip's own transform
        return scaled.sub_(self._mean.on(rows.device)).div_(self._std.on(rows.device))


def per_channel(values: tuple[float, float, float]) -> npt.NDArray[np.float32]:
    """(3, 1, 1), to be joined with (n, 3, h, w)."""
    return np.array(values, np.float32).reshape(3, 1, 1)
