"""The learned branch and what it is trained on: photographs with captions, regions with words, and what to keep.

Three terms over one batch of photographs and some captions of each:

- symmetric contrastive losses of the vectors, for each pair of heads, and of the late interaction between words and
  regions. Targets are partly soft: captions of other photographs count by how near their published embeddings are.
- distillation (Hinton et al. 2015): the class channel's logits stay as they were published, though the stages
  below it are trained.
- structure (arXiv 2506.16895): texts without photographs keep among themselves the likeness they were published with.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indexer.training.contrastive import Temperature
from tools.bundled.branch import ImageBranch, LateInteraction, TextBranch
from tools.bundled.heads import HeadSettings
from tools.bundled.towers import WIDTH, ImageTower, TextTower

#: The stage that every top begins with.
LAST_STAGE = 6


@dataclass(frozen=True, slots=True)
class LossSettings:
    """Weights of the terms."""

    late: float = 1.0
    #: Share of the soft targets, and the temperature of the likeness they come from.
    soft: float = 0.3
    soft_temperature: float = 0.1
    distil: float = 8.0
    #: Logits are divided by this, as the class channel does.
    distil_temperature: float = 1.75
    structure: float = 0.3
    structure_temperature: float = 0.1


@dataclass(frozen=True, slots=True)
class Batch:
    """`b` photographs and `t` texts on the device. `colours` (b + e, 3, h, w): e more, without texts, at the end; or
    the last frozen map of each, where that is known (`is_low`).

    `rows` (b,), `ids` (t, T), `owners` (t,) photographs of the texts as in `rows`; `sentences` (t, 384) and
    `meanings` (b, 384), unit norm; `weights` (b,).
    """

    colours: Tensor
    rows: Tensor
    ids: Tensor
    owners: Tensor
    sentences: Tensor
    meanings: Tensor
    weights: Tensor
    is_low: bool = False


class Branch(nn.Module):
    """Both sides of the learned branch, the stages that the class channel shares, and what only training needs."""

    def __init__(
        self, image: ImageTower, text: TextTower, mean: Tensor, head: HeadSettings, stages: int, layers: int
    ) -> None:
        """`stages` and `layers`: how many of the towers stay as published. `mean` (384,) of the captions."""
        super().__init__()
        self.tower = copy.deepcopy(image).requires_grad_(False)
        self.image = ImageBranch(image.top(), WIDTH, head)
        self.text = TextBranch(text.top(layers), mean, head)
        self.temperatures = nn.ModuleList(Temperature() for _ in self.image.heads)
        self.late = LateInteraction()
        self._published = (image, text)  # in a tuple: their weights are no part of this module
        self.stages, self.layers = stages, layers
        for part in self.class_top() + [self.tower.net.blocks[stage] for stage in self.trained_stages()]:
            part.requires_grad_(stages < LAST_STAGE)

    def trained_stages(self) -> range:
        """Stages of the tower that are trained and shared by both channels."""
        return range(self.stages, LAST_STAGE)

    def class_top(self) -> list[nn.Module]:
        """The class channel's last stage, trained to go on as before."""
        net = self.tower.net
        return [net.blocks[LAST_STAGE], net.conv_head, net.bn2]

    def _half(self, x: Tensor) -> torch.autocast:
        """bfloat16 where it is fast: on a GPU, in training."""
        return torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=self.training and x.is_cuda)

    def text_side(self, ids: Tensor, parts: int = 3) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`ids` (n, T). Returns vectors (pairs, n, space), and of m real words: tokens (m, w), weights, whose.

        Texts are run in so many parts by length: little padding.
        """
        order = (ids != 0).sum(dim=1).argsort()
        found = [(part, *self._text_part(ids[part])) for part in order.chunk(parts)]
        vectors = torch.cat([one[1] for one in found], dim=1)[:, order.argsort()]
        words, weights = torch.cat([one[2] for one in found]), torch.cat([one[3] for one in found])
        return vectors, words, weights, torch.cat([part[rows] for part, _, _, _, rows in found])

    def _text_part(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        lengths = (ids != 0).sum(dim=1)
        ids = ids[:, : int(lengths.max())]
        with self._half(ids):
            with torch.no_grad():
                trunk = self._published[1].trunk(ids, self.layers)
            tokens = self.text.top(trunk, ids)
        tokens = tokens.float()  # (n, T, 384)
        real = ids != 0
        real[:, 0] = False  # the marks of start and end are no words
        real[torch.arange(len(ids), device=ids.device), lengths - 1] = False
        importance = self.text.importance(tokens)[:, :, 0].masked_fill(~real, -1e9)  # (n, T)
        rows = torch.arange(len(ids), device=ids.device)[:, None].expand_as(ids)[real]
        return self.text.vectors(tokens, ids), self.text.words(tokens[real]), importance.softmax(dim=1)[real], rows

    def trunks(self, colours: Tensor) -> tuple[Tensor, Tensor]:
        """`colours` (n, 3, h, w). Returns the last frozen map and the map before the last stage."""
        low = self.lower(colours)
        return low, self.upper(low)

    @torch.no_grad()
    def lower(self, colours: Tensor) -> Tensor:
        """`colours` (n, 3, h, w). Returns the last frozen map."""
        with self._half(colours):
            return self.tower.lower(colours, self.stages)

    def upper(self, low: Tensor) -> Tensor:
        """From there to the map before the last stage, (n, 208, h, w)."""
        with self._half(low):
            return self.tower.upper(low, self.stages)

    def image_side(self, trunk: Tensor) -> tuple[Tensor, Tensor]:
        """`trunk` (n, 208, h, w). Returns vectors (pairs, n, space) and regions (n, R, w), unit norm."""
        with self._half(trunk):
            pooled, regions = self.image.features(trunk)
        return self.image.vectors(pooled.float()), self.image.regions(regions.float())

    def published_logits(self, low: Tensor) -> Tensor:
        """What the published tower makes of the last frozen map: (n, 1000)."""
        tower = self._published[0]
        with torch.no_grad(), self._half(low):
            return tower.logits(tower.upper(low, self.stages)).float()

    def class_logits(self, trunk: Tensor) -> Tensor:
        """The class channel's logits now, (n, 1000)."""
        with self._half(trunk):
            return self.tower.logits(trunk).float()

    def published_sentences(self, ids: Tensor, size: int = 2048) -> Tensor:
        """Sentence embeddings as published, (n, 384) of unit norm."""
        order = (ids != 0).sum(dim=1).argsort()
        found = torch.empty(len(ids), WIDTH, device=ids.device)
        with torch.no_grad():
            for part in torch.split(order, size):
                longest = int((ids[part] != 0).sum(dim=1).max())
                found[part] = self._published[1](ids[part][:, :longest])
        return found

    def losses(self, batch: Batch, pool: tuple[Tensor, Tensor] | None, settings: LossSettings) -> dict[str, Tensor]:
        """The weighted terms. `pool`: ids (m, T) and published embeddings (m, 384) of texts without photographs."""
        low = batch.colours if batch.is_low else self.lower(batch.colours)
        trunk = self.upper(low)
        u, regions = self.image_side(trunk[: len(batch.rows)])
        v, words, weights, texts = self.text_side(batch.ids)
        goal = targets(batch, settings)
        pairs = [soft_contrastive(b @ a.T / t(), *goal, batch) for a, b, t in zip(u, v, self.temperatures, strict=True)]
        scores = self.late(words, weights, texts, len(batch.ids), regions) / self.late.temperature()  # (t, b)
        found = {"pairs": torch.stack(pairs).mean(), "late": settings.late * soft_contrastive(scores, *goal, batch)}
        if self.stages < LAST_STAGE and settings.distil:
            mine, given = (
                x / settings.distil_temperature for x in (self.class_logits(trunk), self.published_logits(low))
            )
            apart = F.kl_div(mine.log_softmax(1), given.log_softmax(1), reduction="batchmean", log_target=True)
            found["distil"] = settings.distil * settings.distil_temperature**2 * apart
        if pool is not None and settings.structure:
            found["structure"] = settings.structure * self._structure(*pool, settings.structure_temperature)
        return found

    def _structure(self, ids: Tensor, sentences: Tensor, temperature: float) -> Tensor:
        """How far likeness among these texts has moved, in nats."""
        given = F.normalize(sentences - self.text.heads[0].mean, dim=-1)  # type: ignore[operator]
        v = self.text_side(ids)[0]
        self_ = torch.eye(len(ids), dtype=torch.bool, device=ids.device)
        goal = (given @ given.T / temperature).masked_fill(self_, -1e9).log_softmax(1)
        found = (v @ v.transpose(1, 2) / temperature).masked_fill(self_, -1e9).log_softmax(2)  # (pairs, m, m)
        return F.kl_div(found, goal.expand_as(found), reduction="sum", log_target=True) / (len(ids) * len(v))


def targets(batch: Batch, settings: LossSettings) -> tuple[Tensor, Tensor]:
    """What softmax should give: for each text over photographs (t, b), for each photograph over texts (b, t).

    A photograph that is drawn twice is right twice.
    """
    right = (batch.owners[:, None] == batch.rows[None]).float()  # (t, b)
    likeness = batch.sentences @ batch.meanings.T / settings.soft_temperature  # (t, b)
    return tuple(  # type: ignore[return-value]
        (1 - settings.soft) * hard / hard.sum(1, keepdim=True) + settings.soft * near.softmax(1)
        for hard, near in ((right, likeness), (right.T, likeness.T))
    )


def soft_contrastive(scores: Tensor, text_goal: Tensor, image_goal: Tensor, batch: Batch) -> Tensor:
    """Cross entropy both ways: `scores` (t, b), the goals (t, b) and (b, t). With one text a photograph and hard goals
    it is `nt_xent`."""
    weights = batch.weights  # (b,)
    right = (batch.owners[:, None] == batch.rows[None]).float()
    text_weights = (right @ weights) / right.sum(1)  # (t,)
    forward = -(text_goal * scores.log_softmax(1)).sum(1) @ text_weights / len(scores)
    back = -(image_goal * scores.T.log_softmax(1)).sum(1) @ weights / len(weights)
    return (forward + back) / 2
