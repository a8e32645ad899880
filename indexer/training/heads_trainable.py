"""The method `heads` on any encoder: a linear map of image vectors and one of text vectors, both the identity at first.

Its inputs are vectors that the encoder gave, once; so it trains in seconds. What it makes encodes as
`encoders/mapped_encoder.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from indexer.encoders.base import EncoderId
from indexer.encoders.mapped_encoder import IMAGE, METHOD, TEXT
from indexer.errors import UsageError
from indexer.types import Float32, Texts

#: Vectors of an encoder that was trained at another temperature settle here within a pass.
_TEMPERATURE: Final = 0.05


class HeadsTrainable:
    """Implements `Trainable`. What is trained is the difference from the identity, so that decay pulls towards the
    base."""

    methods = (METHOD,)

    def __init__(self, identity: EncoderId, device: torch.device | None = None) -> None:
        self.identity = identity
        self.device = device or torch.device("cpu")
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / _TEMPERATURE), device=self.device))
        self._changes = {
            side: nn.Parameter(torch.zeros(identity.dimension, identity.dimension, device=self.device))
            for side in (IMAGE, TEXT)
        }

    def parts(self) -> dict[str, list[str]]:
        """There is one."""
        return {part: list(self.trained()) for part in ("heads", "last", "all")}

    def begin(self, method: str, settings: Mapping[str, Any], seed: int) -> None:
        """Nothing is drawn. Raises UsageError for another method."""
        if method != METHOD:
            raise UsageError(f"The encoder {self.identity.name} has no method {method!r}; use {METHOD}.")

    def trained(self) -> dict[str, nn.Parameter]:
        """Two (d, d), and the scale."""
        return {**self._changes, "log_scale": self.log_scale}

    def train(self, mode: bool) -> None:
        """It is the same in both."""

    def rows(self, texts: Texts) -> Any:
        """Its inputs are vectors."""
        raise NotImplementedError("heads are trained on vectors")

    def images(self, pixels: Tensor) -> Tensor:
        """(n, d) -> (n, d)."""
        return pixels + pixels @ self._changes[IMAGE]

    def texts(self, rows: Tensor) -> Tensor:
        """(n, d) -> (n, d)."""
        return rows + rows @ self._changes[TEXT]

    def delta(self, tensors: Mapping[str, Tensor]) -> dict[str, Float32]:
        """The two maps."""
        one = np.eye(self.identity.dimension, dtype=np.float32)
        return {side: one + tensors[side].detach().cpu().numpy() for side in (IMAGE, TEXT)}
