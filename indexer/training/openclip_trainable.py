"""open_clip's models as `Trainable`: any that `OpenClipEncoder` loads, on one device or several.

On a CUDA GPU that has it in hardware, products are computed in bfloat16; the weights stay float32.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from indexer.encoders.base import EncoderId
from indexer.encoders.constants import per_channel
from indexer.encoders.devices import choose_devices
from indexer.encoders.openclip import OpenClipEncoder
from indexer.encoders.openclip_adaptation import METHODS, Adaptation, parts
from indexer.errors import EncoderMismatchError
from indexer.training.several_devices import SeveralDevices
from indexer.types import Float32, Int64, Texts


class OpenClipTrainable:
    """The model that `base` names, which has to be that very model. Raises what `OpenClipEncoder` raises, and
    EncoderMismatchError when what has the name now is another one."""

    methods = METHODS

    def __init__(self, base: EncoderId, device: str | None = None) -> None:
        self._devices = choose_devices(device)
        self.device = self._devices[0]
        self._encoder = OpenClipEncoder(base.name, device=str(self.device), precision="fp32", download=False)
        if not self._encoder.identity.matches(base):
            raise EncoderMismatchError(
                f"The model {base.name} is another one now ({self._encoder.identity.weights[:12]}, before "
                f"{base.weights[:12]}); put the former one back, or `index(reencode=True)` first."
            )
        self.identity = self._encoder.identity
        self._model: Any = self._encoder.model
        self._adaptation: Adaptation | None = None
        self._on = SeveralDevices(self._model, self._devices[:1])  # the base, which is measured
        wanted = self.identity.preprocessing
        self._mean, self._std = (torch.from_numpy(per_channel(each)) for each in (wanted.mean, wanted.std))
        self._there: dict[torch.device, tuple[Tensor, Tensor]] = {}  # both, on each device that has asked

    @property
    def log_scale(self) -> nn.Parameter:
        """The model's own."""
        scale: nn.Parameter = self._model.logit_scale
        return scale

    def parts(self) -> dict[str, list[str]]:
        """See `Trainable.parts`."""
        return parts(self._model)

    def begin(self, method: str, settings: Mapping[str, Any], seed: int) -> None:
        """See `Trainable.begin`."""
        torch.manual_seed(seed)
        self._adaptation = Adaptation(self._model, method, settings)
        self._on = SeveralDevices(self._model.to(self.device), self._devices)

    def trained(self) -> dict[str, nn.Parameter]:
        """See `Trainable.trained`."""
        return {} if self._adaptation is None else self._adaptation.trained()

    def train(self, mode: bool) -> None:
        """See `Trainable.train`."""
        for model in self._on.models:
            model.train(mode)
            for module in model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def rows(self, texts: Texts) -> Int64:
        """(t, context_length) int64."""
        return self._encoder.token_ids(texts)

    def images(self, pixels: Tensor) -> Tensor:
        """(n, h, w, 3), uint8 or float on the scale 0 to 255 -> (n, d)."""
        with self._precision():
            return self._on.run(self._image_vectors, pixels).float()

    def texts(self, rows: Tensor) -> Tensor:
        """(n, context_length) -> (n, d)."""
        with self._precision():
            return self._on.run(_text_vectors, rows).float()

    def delta(self, tensors: Mapping[str, Tensor]) -> dict[str, Float32]:
        """All that is trained."""
        return {name: each.detach().float().cpu().numpy() for name, each in tensors.items()}

    def _precision(self) -> contextlib.AbstractContextManager[Any]:
        if self.device.type == "cuda" and torch.cuda.get_device_capability(self.device) >= (8, 0):
            return torch.autocast("cuda", torch.bfloat16)
        return contextlib.nullcontext()

    def _image_vectors(self, model: Any, pixels: Tensor) -> Tensor:
        scaled = pixels.permute(0, 3, 1, 2).float() / 255  # (n, 3, h, w)
        device = pixels.device
        if device not in self._there:
            self._there[device] = self._mean.to(device), self._std.to(device)
        mean, std = self._there[device]
        found: Tensor = model.encode_image((scaled - mean) / std, normalize=False)
        return found


def _text_vectors(model: Any, rows: Tensor) -> Tensor:
    found: Tensor = model.encode_text(rows, normalize=False)
    return found
