"""What an adaptation trains of a module, whichever module it is: by name, filled from what was kept, and peft for it.

Imports torch at the top; import this module only where torch is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from indexer.distribution import how_to_get
from indexer.errors import EncoderUnavailableError
from indexer.types import Float32


def trained_of(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that have gradients, by name."""
    return {name: each for name, each in module.named_parameters() if each.requires_grad}


def fill(module: nn.Module, tensors: Mapping[str, Float32]) -> None:
    """Fill what is trained of `module`. Raises ValueError, with what is wrong, unless names and shapes are these."""
    mine = trained_of(module)
    if mine.keys() != tensors.keys():
        odd = sorted(mine.keys() ^ tensors.keys())
        raise ValueError(f"it lacks or adds {odd[0]}" + (f" and {len(odd) - 1} more" if odd[1:] else ""))
    with torch.no_grad():
        for name, parameter in mine.items():
            if tuple(parameter.shape) != tensors[name].shape:
                raise ValueError(f"{name} is {tensors[name].shape} and not {tuple(parameter.shape)}")
            parameter.copy_(torch.from_numpy(tensors[name]))


def import_peft() -> Any:
    """The package. Raises EncoderUnavailableError where it is missing."""
    try:
        import peft
    except ImportError as error:
        raise EncoderUnavailableError(f"The method lora needs the package peft; {how_to_get('peft')}.") from error
    return peft
