"""Fitting the fusion model to pairs of tokens, pass by pass.

Two steps. First (a), late interaction, against all other images of a batch (symmetric NT-Xent over the match scores,
as `indexer.training.contrastive`). Then (a) and (b) together, each caption among images and each image among captions
that the same encoder takes for right (hard negatives, ALBEF), by cross-entropy over the list, and, where the settings
ask for them, the losses of `search.rerank.auxiliary`. Each step keeps its best pass, and the second's is taken unless
(a) alone is clearly better: a difference within noise says nothing, and what words and regions say together is what no
first stage can say. The similarity of the first stage is no input: on the images that the encoder was trained on it is
better than it will ever be again. It is joined afterwards, at a weight that is chosen on held-out images.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indexer.errors import EncoderError
from indexer.progress import Progress
from indexer.training.checkpoints import Checkpoints
from indexer.training.optimizer import adamw
from indexer.types import Float32, Int64
from search.rerank import reranker_files
from search.rerank.auxiliary import MaskedWordHead, matching_loss
from search.rerank.batches import Batches
from search.rerank.best_pass import Best, copy_of
from search.rerank.description import Trust
from search.rerank.fusion_model import FusionModel
from search.rerank.match_scores import MatchScores, measure_trust
from search.rerank.token_pairs import TokenPairs
from search.rerank.training_settings import TrainingSettings
from search.rerank.validation import (
    Gains,
    Matches,
    Validation,
    Weights,
    mean_reciprocal_rank,
    validation_of,
)

#: Queries of each direction that a pass is compared by.
_CHOOSING_TEXTS: Final = 800
_CHOOSING_IMAGES: Final = 400
#: Share of a step in which the rate rises.
_WARM: Final = 0.2


@dataclass(frozen=True, slots=True)
class Trained:
    """The network and the centres of trust, by name; `texts`: those trained on."""

    arrays: dict[str, Float32]
    weights: Weights
    trust: Trust
    gains: Gains
    texts: Int64
    log: list[dict[str, Any]]
    notes: tuple[str, ...]


def train(
    pairs: TokenPairs, settings: TrainingSettings, device: torch.device, checkpoints: Checkpoints, progress: Progress
) -> Trained:
    """Train, choose the weight, measure what it gains. Deterministic for a seed, a device and a number of threads,
    however often it was interrupted. Raises EncoderError when an accelerator fails."""
    try:
        run = _Run(pairs, settings, device, checkpoints, progress)
        run.go()
    except RuntimeError as error:
        if device.type == "cpu":
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise EncoderError(
            f"The training failed on {device} ({reason}); close other programs that use it, or set SEARCH_DEVICE=cpu, "
            "then run the same command again: it goes on from its last pass."
        ) from error
    model = run.model.eval().cpu()
    arrays: dict[str, Float32] = {name: array.numpy().copy() for name, array in model.state_dict().items()}
    progress.phase(f"Judging on {run.validation.count:,} held-out images")
    matches = run.matches(run.validation)
    gains = run.validation.gains(matches, seed=settings.seed)
    weights = gains.allowed(run.validation.best_weights(matches)[0])
    arrays[reranker_files.CENTRES] = run.centres
    return Trained(arrays, weights, run.trust, gains, run.texts, run.log, run.notes)


class _Run:
    """One training, from pass to pass."""

    def __init__(
        self,
        pairs: TokenPairs,
        settings: TrainingSettings,
        device: torch.device,
        checkpoints: Checkpoints,
        progress: Progress,
    ) -> None:
        self._pairs, self._settings, self._device = pairs, settings, device
        self._checkpoints, self._progress = checkpoints, progress
        self._batches = Batches(pairs, device, settings.drop_words)
        self.texts = self._batches.texts
        self.validation = validation_of(pairs, settings.candidates)
        self._choosing = self.validation.choosing(_CHOOSING_TEXTS, _CHOOSING_IMAGES)
        self.centres, self.trust = measure_trust(pairs, self.texts, self.validation.texts.numbers, settings.seed)
        self._scores = MatchScores(pairs, self._batches, self.centres, self.trust)
        torch.manual_seed(settings.seed)
        self.model = FusionModel(settings.network).to(device)
        self._masked_words = _head(pairs, settings, device)
        self._best = Best(copy_of(self.model), -1.0, None)
        self._late_best: Best | None = None  # of the first step
        self._since = 0
        self.log: list[dict[str, Any]] = []
        self.notes: tuple[str, ...] = ()
        self._hard: tuple[Int64, Int64] | None = None

    # -- the two steps --------------------------------------------------------------------------------------

    def go(self) -> None:
        """Both steps, from where the last checkpoint left off. Afterwards the model is the best there was."""
        state, self.notes = self._checkpoints.load()
        begin = (0, 0)
        if state is not None:
            earlier = state["best of the first step"]
            self._best = Best.restored(state["best"])
            self._late_best = None if earlier is None else Best.restored(earlier)
            self._since, self.log = state["since"], json.loads(state["log"])
            self.model.load_state_dict(state["model"])
            if self._masked_words is not None:
                self._masked_words.load_state_dict(state["masked words"])
            begin = (state["step"], state["epoch"])
        for step in range(begin[0], 2):
            first = begin[1] if step == begin[0] else 0
            if first == 0 and step == 1:  # from the best of the first step
                self.model.load_state_dict(self._best.state)
                self._late_best, self._best = self._best, Best(self._best.state, -1.0, None)
                self._since = 0
            optimizer = self._optimizer(step)
            if first and state is not None:
                optimizer.load_state_dict(state["optimizer"])
            for epoch in range(first, self._settings.epochs):
                if self._since >= self._settings.patience:
                    break
                self._pass(step, epoch, optimizer)
        late, both = self._late_best, self._best
        if late is not None and late.ranks and (not both.ranks or late.ranks.clearly_beats(both.ranks)):
            both = late
        self.model.load_state_dict(both.state)

    def _pass(self, step: int, epoch: int, optimizer: torch.optim.Optimizer) -> None:
        seed = (self._settings.seed * 2 + step) * 10_007 + epoch  # each pass has its own: nothing to remember
        torch.manual_seed(seed)
        rng = np.random.default_rng([self._settings.seed, step, epoch])
        name = ("words against regions", "words and regions together")[step]
        last = self.log[-1] if self.log else None
        so_far = f" (MRR {100 * last['MRR']:.1f}, first stage {100 * last['first stage']:.1f})" if last else ""
        self._progress.phase(f"Training, {name}: pass {epoch + 1} of {self._settings.epochs}{so_far}")
        self.model.train()
        losses = self._late_losses(epoch, rng) if step == 0 else self._joint_losses(epoch, rng)
        total, count = 0.0, 0
        for loss, rate in losses:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._parameters(), 1.0)
            optimizer.step()
            total, count = total + float(loss.detach()), count + 1
        self.model.eval()
        matches = self.matches(self._choosing) if step else self._scores.late(self.model, self._choosing)
        weights, value = self._choosing.best_weights(matches)
        before = self._choosing.ranks(matches, Weights(0.0, 0.0))
        first_stage = mean_reciprocal_rank(*before)
        self.log.append(
            {
                "step": step + 1,
                "pass": epoch + 1,
                "loss": total / max(1, count),
                "MRR": value,
                "first stage": first_stage,
                "weights": list(weights),
            }
        )
        self._since += 1
        if value > self._best.value:
            ranks = self._choosing.reciprocal_ranks(matches, weights)
            self._best, self._since = Best(copy_of(self.model), value, ranks), 0
        self._checkpoints.save(
            step * self._settings.epochs + epoch + 1,
            {
                "step": step,
                "epoch": epoch + 1,
                "model": copy_of(self.model),
                "masked words": None if self._masked_words is None else copy_of(self._masked_words),
                "optimizer": optimizer.state_dict(),
                "best": self._best.saved(),
                "best of the first step": None if self._late_best is None else self._late_best.saved(),
                "since": self._since,
                "log": json.dumps(self.log),
            },
        )

    def _optimizer(self, step: int) -> torch.optim.Optimizer:
        """AdamW; biases, norms and the two scales do not decay."""
        matrices = [each for each in self._parameters() if each.ndim > 1]
        others = [each for each in self._parameters() if each.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": self._settings.decay}, {"params": others, "weight_decay": 0.0}]
        return adamw(groups, (self._settings.late_rate, self._settings.joint_rate)[step])

    def _parameters(self) -> list[nn.Parameter]:
        """Of the model and of what is trained beside it."""
        beside = () if self._masked_words is None else self._masked_words.parameters()
        return [*self.model.parameters(), *beside]

    def _rate(self, highest: float, done: float) -> float:
        """One cycle (Smith 2018): up in the first part of a step, then down along a cosine. `done`: 0 to 1."""
        if done < _WARM:
            return highest * (0.1 + 0.9 * done / _WARM)
        return highest * (0.005 + 0.995 * (1 + math.cos(math.pi * (done - _WARM) / (1 - _WARM))) / 2)

    # -- step one -------------------------------------------------------------------------------------------

    def _late_losses(self, epoch: int, rng: np.random.Generator) -> Iterator[tuple[Tensor, float]]:
        """Each image once, with one of its captions, against all others of its batch."""
        images, captions = self._batches.draw(rng)
        parts = math.ceil(len(images) / self._settings.batch)
        for number, rows in enumerate(np.array_split(np.arange(len(images)), parts)):
            words, mask = self._batches.words(captions[rows])
            mask = self._batches.without_some(mask, rng)
            scores = self.model.late.all_pairs(
                words, mask, self._batches.regions(images[rows])
            )  # (b, b), rows are images
            also = torch.from_numpy(self._batches.right(images[rows], captions[rows])).to(self._device)  # (b, b)
            scores = scores.masked_fill(also, -torch.inf)
            target = torch.arange(len(rows), device=self._device)
            loss = (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2
            yield loss, self._rate(self._settings.late_rate, (epoch + number / parts) / self._settings.epochs)

    # -- step two -------------------------------------------------------------------------------------------

    def _joint_losses(self, epoch: int, rng: np.random.Generator) -> Iterator[tuple[Tensor, float]]:
        """Each image once, with one of its captions: the caption among images, the image among captions."""
        if self._hard is None:
            self._progress.phase("Looking for hard negatives")
            self._hard = self._batches.mine(self._settings.pool)
        hard_images, hard_texts = self._hard
        images, captions = self._batches.draw(rng)
        size, count = self._settings.lists, self._settings.negatives
        order = self._batches.by_length(captions, size, rng)
        parts = math.ceil(len(images) / size)
        for number in range(parts):
            rows = order[number * size : (number + 1) * size]
            image, caption = images[rows], captions[rows]  # (b,)
            among_images = np.concatenate(
                [image[:, None], self._batches.sample(hard_images, caption, count, rng)], axis=1
            )
            among_texts = np.concatenate(
                [caption[:, None], self._batches.sample(hard_texts, image, count, rng)], axis=1
            )
            words, mask = self._batches.words(caption)
            regions = self._batches.regions(among_images)  # (b, k, r, w)
            forward = self.model(words[:, None], self._batches.without_some(mask, rng)[:, None], regions)  # (b, k)
            words, text_of = self._batches.packed_words(among_texts, rng)
            back = self.model.packed(words, text_of, among_texts.shape[1], regions[:, 0])  # (b, k)
            target = torch.zeros(len(rows), dtype=torch.long, device=self._device)
            loss = (F.cross_entropy(forward.score, target) + F.cross_entropy(back, target)) / 2
            if self._settings.matching:
                loss = loss + self._settings.matching * matching_loss(forward.matching)
            if self._masked_words is not None:
                loss = loss + self._settings.masked * self._masked(self._masked_words, caption, regions[:, 0])
            yield loss, self._rate(self._settings.joint_rate, (epoch + number / parts) / self._settings.epochs)

    def _masked(self, head: MaskedWordHead, captions: Int64, regions: Tensor) -> Tensor:
        """The loss of the words that were left out of `captions` (b,), beside their images' `regions` (b, r, w)."""
        rows, words, mask, answers = self._batches.clozes(captions)
        if not len(rows):
            return torch.zeros((), device=self._device)
        pooled = self.model(words, mask, regions[torch.from_numpy(rows).to(self._device)]).pooled  # (c, h)
        return F.cross_entropy(head(pooled), answers)

    def matches(self, validation: Validation) -> Matches:
        """See `MatchScores.whole`."""
        return self._scores.whole(self.model, validation)


def _head(pairs: TokenPairs, settings: TrainingSettings, device: torch.device) -> MaskedWordHead | None:
    """What learns words that were left out, where that is wanted and there are any."""
    if not settings.masked or pairs.clozes is None:
        return None
    return MaskedWordHead(settings.network, len(pairs.clozes.vocabulary)).to(device)
