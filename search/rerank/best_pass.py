"""The best pass of a step of a reranker's training, as it is kept in memory and in checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from search.rerank.validation import ReciprocalRanks

State = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Best:
    """The best pass of a step so far: its weights, its MRR, and how that is made up; None before the first pass."""

    state: State
    value: float
    ranks: ReciprocalRanks | None

    def saved(self) -> dict[str, Any]:
        """For a checkpoint, of types that `weights_only` reads."""
        ranks = None if self.ranks is None else [torch.from_numpy(each) for each in self.ranks]
        return {"state": self.state, "value": self.value, "ranks": ranks}

    @classmethod
    def restored(cls, saved: dict[str, Any]) -> Best:
        """From what `saved` made."""
        ranks = saved["ranks"]
        return cls(saved["state"], saved["value"], ranks and ReciprocalRanks(*(each.numpy() for each in ranks)))


def copy_of(model: nn.Module) -> State:
    """Its weights, on the CPU."""
    return {name: array.detach().cpu().clone() for name, array in model.state_dict().items()}
