"""Training of the learned branch: whole photographs with whole captions, and regions with words, in one pass.

Two symmetric contrastive losses over the same batch (NT-Xent): of the vectors, for each pair of heads, and of the late
interaction between words and regions. The tops of both towers are trained with them, more slowly than the heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indexer.training.contrastive import Temperature, nt_xent
from indexer.types import Int64
from tools.bundled.branch import ImageBranch, LateInteraction, TextBranch, keep_axes
from tools.bundled.datasets import Features
from tools.bundled.heads import HeadSettings
from tools.bundled.towers import TextTower


@dataclass(frozen=True, slots=True)
class AlignSettings:
    """How the branch is trained; the values were chosen on Flickr8k's `val` (see the model card)."""

    passes: int = 20
    batch: int = 300
    rate: float = 1e-3
    image_top_rate: float = 1.5e-4
    text_top_rate: float = 7e-5
    decay: float = 0.1
    top_decay: float = 0.01
    #: Layers of the text tower that stay as they were published.
    frozen_layers: int = 3
    #: Texts of a batch are run in so many parts by length: little padding.
    parts: int = 3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Texts:
    """Captions as token ids (n, c, T) int64, c a photograph, 0 where padded."""

    ids: Int64

    def rows(self, photographs: Tensor, captions: Tensor) -> Tensor:
        """(b, T) int64."""
        return torch.from_numpy(self.ids[photographs.numpy(), captions.numpy()])


class Branch(nn.Module):
    """Both sides of the learned branch, and what only training needs."""

    def __init__(self, image: ImageBranch, text: TextBranch, frozen: TextTower, layers: int) -> None:
        super().__init__()
        self.image, self.text = image, text
        self.temperatures = nn.ModuleList(Temperature() for _ in image.heads)
        self.late = LateInteraction()
        self._frozen = [frozen]  # in a list: its weights are no part of this module
        self._layers = layers

    def text_side(self, ids: Tensor, parts: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`ids` (n, T). Returns vectors (pairs, n, space), and of m real words: tokens (m, w), weights, whose."""
        order = (ids != 0).sum(dim=1).argsort()
        found = [(part, *self._text_part(ids[part])) for part in order.chunk(parts)]
        vectors = torch.cat([one[1] for one in found], dim=1)[:, order.argsort()]
        words, weights = torch.cat([one[2] for one in found]), torch.cat([one[3] for one in found])
        return vectors, words, weights, torch.cat([part[rows] for part, _, _, _, rows in found])

    def _text_part(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        lengths = (ids != 0).sum(dim=1)
        ids = ids[:, : int(lengths.max())]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.training):
            with torch.no_grad():
                trunk = self._frozen[0].trunk(ids, self._layers)
            tokens = self.text.top(trunk, ids)
        tokens = tokens.float()  # (n, T, 384)
        real = ids != 0
        real[:, 0] = False  # the marks of start and end are no words
        real[torch.arange(len(ids)), lengths - 1] = False
        importance = self.text.importance(tokens)[:, :, 0].masked_fill(~real, -1e9)  # (n, T)
        rows = torch.arange(len(ids))[:, None].expand_as(ids)[real]
        return self.text.vectors(tokens, ids), self.text.words(tokens[real]), importance.softmax(dim=1)[real], rows

    def image_side(self, trunk: Tensor) -> tuple[Tensor, Tensor]:
        """`trunk` (n, 208, h, w). Returns vectors (pairs, n, space) and regions (n, R, w), unit norm."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.training):
            pooled, regions = self.image.features(trunk.contiguous(memory_format=torch.channels_last))
        return self.image.vectors(pooled.float()), self.image.regions(regions.float())

    def loss(self, trunk: Tensor, ids: Tensor, parts: int) -> Tensor:
        """Row i of both belongs together."""
        u, regions = self.image_side(trunk)
        v, words, weights, texts = self.text_side(ids, parts)
        pairs = [nt_xent(a, b, t()) for a, b, t in zip(u, v, self.temperatures, strict=True)]
        scores = self.late(words, weights, texts, len(ids), regions) / self.late.temperature()  # (texts, images)
        target = torch.arange(len(ids))
        late = (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2
        return torch.stack(pairs).mean() + late


def train_branch(
    branch: Branch, trunks: Sequence[Features], texts: Texts, settings: AlignSettings, head: HeadSettings, work: Path
) -> None:
    """Train in place. `trunks`: views of the same n photographs, each (n, 208, h, w) float16.

    A pass shows each photograph once, in one view, beside one of its captions. After each pass the weights are kept in
    `work`, and a run that was stopped goes on from there, to the same end.
    """
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    tops = [(branch.image.top, settings.image_top_rate), (branch.text.top, settings.text_top_rate)]
    inside = {id(p) for top, _ in tops for p in top.parameters()}
    heads = [p for p in branch.parameters() if id(p) not in inside]
    groups = [{"params": heads, "lr": settings.rate, "weight_decay": settings.decay}]
    groups += [{"params": list(top.parameters()), "lr": rate, "weight_decay": settings.top_decay} for top, rate in tops]
    optimizer = torch.optim.AdamW(groups)
    count, captions = texts.ids.shape[:2]
    steps = count // settings.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        [settings.rate, settings.image_top_rate, settings.text_top_rate],
        total_steps=settings.passes * steps,
        pct_start=0.1,
    )
    state: dict[str, Any] = {"branch": branch, "optimizer": optimizer, "schedule": schedule}
    file = work / "branch.pt"
    first = _resume(file, state, generator)
    for number in range(first, settings.passes):
        branch.train()
        order = torch.randperm(count, generator=generator)
        total = 0.0
        for start in range(0, steps * settings.batch, settings.batch):
            rows = order[start : start + settings.batch]
            views = torch.randint(len(trunks), (len(rows),), generator=generator).tolist()
            said = torch.randint(captions, (len(rows),), generator=generator)
            shown = np.stack([trunks[view][row] for view, row in zip(views, rows.tolist(), strict=True)])
            loss = branch.loss(torch.from_numpy(shown).float(), texts.rows(rows, said), settings.parts)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(branch.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        print(f"pass {number + 1} of {settings.passes}: loss {total / steps:.3f}", flush=True)
        _keep(file, state, generator, number + 1)
    branch.eval()
    with torch.inference_mode():
        u, v = vectors_of(branch, trunks[0], texts.ids[:, 0])
    keep_axes(branch.image, branch.text, u.clone(), v.clone(), head.dimension)


def vectors_of(branch: Branch, trunk: Features, ids: Int64, size: int = 100) -> tuple[Tensor, Tensor]:
    """Vectors of photographs and texts, (pairs, n, space) each: `trunk` (n, 208, h, w), `ids` (m, T)."""
    images = [
        branch.image_side(torch.from_numpy(trunk[start : start + size].astype(np.float32)))[0]
        for start in range(0, len(trunk), size)
    ]
    texts = [branch.text_side(torch.from_numpy(ids[start : start + size]), 1)[0] for start in range(0, len(ids), size)]
    return torch.cat(images, dim=1), torch.cat(texts, dim=1)


def _keep(file: Path, state: dict[str, Any], generator: torch.Generator, passes: int) -> None:
    part = file.with_suffix(".part")
    random = {"generator": generator.get_state(), "torch": torch.get_rng_state()}
    torch.save({name: one.state_dict() for name, one in state.items()} | random | {"passes": passes}, part)
    part.replace(file)


def _resume(file: Path, state: dict[str, Any], generator: torch.Generator) -> int:
    """Passes that were done before."""
    if not file.exists():
        return 0
    kept = torch.load(file, weights_only=True)
    for name, one in state.items():
        one.load_state_dict(kept[name])
    generator.set_state(kept["generator"])
    torch.set_rng_state(kept["torch"])
    return int(kept["passes"])
