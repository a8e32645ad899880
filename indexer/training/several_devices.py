"""A model that is trained on several devices at once: the rows of a batch are shared out, their gradients meet.

Each device after the first holds a copy of the model. In a pass the trained tensors of the first model stand in for the
copy's own, sent over with their gradients' way back (`torch.func.functional_call`). So the gradients of all shares add
up in the one set of tensors that the optimizer changes, and there is nothing to keep in step. A GPU computes its share
while the next one is handed its own: nothing here waits for a result.

Imports torch at the top; import this module only where torch is wanted.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from indexer.encoders.devices import is_out_of_memory
from indexer.encoders.trained_tensors import trained_of
from indexer.errors import EncoderError

#: One way through a model: (rows) -> (rows, d).
Way = Callable[[Any, Tensor], Tensor]


class SeveralDevices:
    """`model`, which lies on the first of `devices`, and its copies on the others. What it trains is marked by then.

    Raises EncoderError when a device does not take its copy.
    """

    def __init__(self, model: nn.Module, devices: Sequence[torch.device]) -> None:
        self._model = model
        self._copies: Final = [(device, _Pass(_copy_on(model, device))) for device in devices[1:]]

    @property
    def models(self) -> list[nn.Module]:
        """All of them, the one that is trained first."""
        return [self._model, *(each.model for _, each in self._copies)]

    def run(self, way: Way, rows: Tensor) -> Tensor:
        """What `way` gives of `rows`, in their order, on the first device; differentiable as if it were one model."""
        if not self._copies:
            return way(self._model, rows)
        shares = [each for each in torch.tensor_split(rows, len(self._copies) + 1) if len(each)]
        trained = {f"model.{name}": each for name, each in trained_of(self._model).items()}
        found = [way(self._model, shares[0])]
        for (device, copied), share in zip(self._copies, shares[1:], strict=False):
            sent = {name: each.to(device, non_blocking=True) for name, each in trained.items()}
            there = share.to(device, non_blocking=True)
            found.append(torch.func.functional_call(copied, sent, (way, there)))
        return torch.cat([each.to(rows.device, non_blocking=True) for each in found])


class _Pass(nn.Module):
    """A model whose `forward` is the way that is asked for, as `functional_call` wants it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, way: Way, rows: Tensor) -> Tensor:
        return way(self.model, rows)


def _copy_on(model: nn.Module, device: torch.device) -> nn.Module:
    try:
        return copy.deepcopy(model).to(device)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise EncoderError(
            f"{device} has not enough memory for a copy of the model; close other programs that use it, or name fewer "
            "devices by `device`."
        ) from error
