"""What the training of an encoder needs of it, and which encoders have it.

A `Trainable` is made for one training: `begin` marks or inserts what a method trains, the loop (`fitting.py`) changes
that, and `delta` says what of it is kept on disk. The loop knows nothing of how an encoder is built.
`openclip_trainable` has open_clip's models; `heads_trainable` any encoder, over vectors that it gave;
`graphs/trainable` the encoder that ships, whose result is graphs of its own (`WritesGraphs`) in place of a delta.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from indexer.encoders.base import EncoderId
from indexer.types import Float32, Pixels, Texts


class Trainable(Protocol):
    """An encoder whose vectors have gradients. Not safe for several threads."""

    @property
    def identity(self) -> EncoderId:
        """Of the base, before anything is trained."""
        ...

    @property
    def methods(self) -> tuple[str, ...]:
        """Those that it has, from cheap to dear."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    @property
    def log_scale(self) -> nn.Parameter:
        """log(1 / temperature) of the contrastive loss, a scalar or (1,)."""
        ...

    def parts(self) -> dict[str, list[str]]:
        """Names of parameters, from the outermost to the innermost, each with the ones before: "heads", "last" (the
        last stages), "all"."""
        ...

    def begin(self, method: str, settings: Mapping[str, Any], seed: int) -> None:
        """Make what `method` trains ready; called once. Raises UsageError where it does not fit the model."""
        ...

    def trained(self) -> dict[str, nn.Parameter]:
        """What is trained, by name."""
        ...

    def train(self, mode: bool) -> None:
        """To training, or back to what encodes: dropout on and off. Statistics of batch norms stay the base's."""
        ...

    def rows(self, texts: Texts) -> Any:
        """What `texts` takes, as an array (t, ...)."""
        ...

    def images(self, pixels: Tensor) -> Tensor:
        """`pixels`: what the loop's inputs give of images, on the device; photographs are (n, h, w, 3), uint8 or float
        on the scale 0 to 255. Returns (n, d) float, of any length, differentiable in floats too."""
        ...

    def texts(self, rows: Tensor) -> Tensor:
        """`rows`: what the inputs give of texts, on the device. Returns (n, d) float, of any length."""
        ...

    def delta(self, tensors: Mapping[str, Tensor]) -> dict[str, Float32]:
        """What is kept on disk of `tensors`, values of `trained`."""
        ...


@runtime_checkable
class WritesGraphs(Protocol):
    """A `Trainable` whose result is kept as graphs, an encoder by itself, and not as a delta."""

    def write(self, target: Path, pixels: Pixels, texts: Texts, trained: Mapping[str, Any]) -> object:
        """Write what was trained into the folder `target`, measured on `pixels` and `texts`; `trained`: what is said
        about it there. Nothing can be trained after that. Raises EncoderError, OSError."""
        ...
