"""Trained weights on disk: float16, in files that are small enough to be carried one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tools.bundled.align import Branch
from tools.bundled.towers import small

#: Of one file, in bytes.
LARGEST: Final = 15_000_000


def save_weights(branch: Branch, described: dict[str, Any], folder: Path) -> None:
    """Write what differs from the published towers to `folder/weights-N.safetensors`, and `weights.json` last."""
    shares: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, value in branch.state_dict().items():
        kept = small(value.detach()).clone()  # some share memory
        length = kept.numel() * kept.element_size()
        if size + length > LARGEST and shares[-1]:
            shares.append({})
            size = 0
        shares[-1][name], size = kept, size + length
    for number, share in enumerate(shares):
        part = folder / "weights.part"
        save_file(share, part)
        part.replace(folder / f"weights-{number}.safetensors")
    text = json.dumps({**described, "files": len(shares)}, indent=1)
    (folder / "weights.json").write_text(text, encoding="utf-8")


def load_weights(branch: Branch, folder: Path) -> dict[str, Any]:
    """Read what `save_weights` wrote into `branch`. Returns what was described."""
    described: dict[str, Any] = json.loads((folder / "weights.json").read_text(encoding="utf-8"))
    state: dict[str, Tensor] = {}
    for number in range(described["files"]):
        state |= load_file(folder / f"weights-{number}.safetensors")
    for side in (branch.image, branch.text):  # as many axes as were kept
        side.axes = torch.empty_like(state["image.axes"], dtype=torch.float32)
    branch.load_state_dict(
        {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    )
    return described
