"""Arrays that are copied to a device once."""

from __future__ import annotations

import numpy as np
import torch

from indexer.encoders.base import Preprocessing
from indexer.encoders.constants import Constant, Normalisation


def test_an_array_goes_to_a_device_once() -> None:
    """The device "meta" holds no numbers, and everything else is as on any other."""
    constant = Constant(np.arange(6, dtype=np.float32).reshape(2, 3))
    with torch.inference_mode():
        there = constant.on(torch.device("meta"))
    assert there is constant.on(torch.device("meta"))
    assert (there.device.type, there.shape, there.dtype) == ("meta", (2, 3), torch.float32)
    assert not there.is_inference()
    assert constant.on(torch.device("cpu")).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_pixels_are_normalised_by_channel() -> None:
    mean, std = (0.5, 0.25, 0.0), (0.5, 0.25, 2.0)
    normalised = Normalisation(Preprocessing(1, 2, "squash", "bicubic", mean, std))
    rows = torch.tensor([[[[255, 0, 51], [0, 255, 255]]]], dtype=torch.uint8)  # (1, 1, 2, 3)
    expected = [[[[1, -1]], [[-1, 3]], [[0.1, 0.5]]]]  # (1, 3, 1, 2)
    torch.testing.assert_close(normalised(rows), torch.tensor(expected))
    assert normalised(rows.to("meta")).shape == (1, 3, 1, 2)
