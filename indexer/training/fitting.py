"""The training loop of an encoder: passes over the images, held-out pairs after each, and a state on disk.

In comes a `Trainable` that has begun a method, its `Inputs`, the pairs; out goes `Fitted`: the trained tensors of the
best pass, with the curve. The state between belongs to `Checkpoints`. In a pass each image comes once, with one of its
captions; each batch draws its chance from (seed, pass, batch) alone, so there is nothing of it to remember, and a run
that was killed goes on to the same bits.

The loss is NT-Xent over the whole batch (`contrastive.py`), by chunks where memory is short (`grad_cache.py`).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn, split

from indexer.encoders.devices import is_out_of_memory
from indexer.errors import EncoderError
from indexer.progress import Progress
from indexer.training.attacks import attacked
from indexer.training.checkpoints import Checkpoints
from indexer.training.grad_cache import contrastive_step
from indexer.training.inputs import Inputs
from indexer.training.measuring import measured, sent
from indexer.training.optimizer import adamw
from indexer.training.settings import AdaptationSettings
from indexer.training.trainable import Trainable
from indexer.training.training_pairs import CHOOSE, TRAIN, TrainingPairs
from indexer.types import Int64

#: Seconds between two states within a pass, and between those at the end of passes (of `heads` some take no time).
EVERY: float = 300.0
AT_LEAST: float = 2.0
#: Share of the steps in which the rate rises; then it falls along a cosine.
_WARM: Final = 0.1

Tensors = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Fitted:
    """`tensors`: what is trained, at the best pass, on the CPU. `log`: a line a pass, the first before any. `best`: the
    number of the best pass, 0 where none was better than the base. `ended`: why, where it was not the last pass."""

    tensors: Tensors
    log: list[dict[str, Any]]
    best: int
    ended: str
    notes: tuple[str, ...]


def fit(
    trainable: Trainable,
    inputs: Inputs,
    pairs: TrainingPairs,
    method: str,
    settings: AdaptationSettings,
    checkpoints: Checkpoints,
    progress: Progress,
    budget: float = math.inf,
    label: str = "",
) -> Fitted:
    """Train what `trainable` has begun. Deterministic for a seed, devices and a number of threads, however often it was
    interrupted; but for `budget`, the seconds after which no further pass begins. `label`: what the progress calls
    it, by default the method's name.

    Raises EncoderError when the loss is no number, when a single pair does not fit into memory, or an accelerator
    fails: the last good state stays on disk.
    """
    run = _Run(trainable, inputs, pairs, method, settings, checkpoints, progress, label or method)
    try:
        return run.go(budget)
    except RuntimeError as error:
        if trainable.device.type == "cpu" and not is_out_of_memory(error):
            raise
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise EncoderError(
            f"The training failed on {trainable.device} ({said}); close other programs that use it, or set "
            "SEARCH_DEVICE=cpu, then run the same command again: it goes on from its last checkpoint."
        ) from error


class _Run:
    """One method, from batch to batch."""

    def __init__(
        self,
        trainable: Trainable,
        inputs: Inputs,
        pairs: TrainingPairs,
        method: str,
        settings: AdaptationSettings,
        checkpoints: Checkpoints,
        progress: Progress,
        label: str,
    ) -> None:
        self._label = label
        self._trainable, self._inputs, self._pairs = trainable, inputs, pairs
        self._method, self._settings = method, settings
        self._checkpoints, self._progress = checkpoints, progress
        self._images = pairs.of_use(TRAIN)
        self._captions = pairs.captions()
        self._choosing = pairs.held_out(CHOOSE)
        self._batch = min(settings.batch_of(method), len(self._images))
        self._batches = max(1, len(self._images) // self._batch)
        self._chunk = settings.chunk
        self._epochs, self._patience = settings.epochs_of(method), settings.patience_of(method)
        self._trained = trainable.trained()
        self._optimizer = self._made_optimizer()
        self._log: list[dict[str, Any]] = []
        self._best, self._best_value, self._best_pass, self._since = _copy(self._trained), -1.0, 0, 0
        self._sum = 0.0  # of the losses of this pass
        self._seconds = 0.0  # of runs before this one
        self._measured: list[float] = []  # seconds of whole passes of this one

    def go(self, budget: float) -> Fitted:
        """All passes, from where the last state left off."""
        state, notes = self._checkpoints.load()
        epoch, batch = (0, 0) if state is None else self._restore(state)
        began = self._saved_at = time.monotonic()
        self._before = self._seconds
        ended = ""
        if not self._log:
            self._measure(0, None)
            self._save(0, 0)  # a first pass may take long, and is stopped more often than others
        while epoch < self._epochs:
            if self._since >= self._patience:
                ended = f"{self._patience} passes brought no better held-out MRR"
                break
            self._seconds = self._before + time.monotonic() - began
            if self._seconds >= budget:  # a pass that an earlier run began is left where it stands
                ended = "its time was up"
                break
            self._pass(epoch, batch, began)
            epoch, batch = epoch + 1, 0
        self._save(epoch, batch)
        return Fitted(self._best, self._log, self._best_pass, ended, notes)

    def _pass(self, epoch: int, first: int, began: float) -> None:
        started = time.monotonic()
        self._progress.phase(f"{self._label}, pass {epoch + 1} of {self._epochs}{self._left(epoch)}{self._so_far()}")
        self._progress.total(self._batches)
        self._progress.advance(first)
        self._trainable.train(True)
        for index, images, captions in self._drawn(epoch, first):
            rate = self._rate((epoch + index / self._batches) / self._epochs)
            self._sum += self._step(epoch, index, images, captions, rate)
            self._progress.advance(1)
            self._seconds = self._before + time.monotonic() - began
            if time.monotonic() - self._saved_at >= EVERY and index + 1 < self._batches:
                self._save(epoch, index + 1)
        self._measure(epoch + 1, self._sum / self._batches)
        if first == 0:
            self._measured.append(time.monotonic() - started)
        self._sum = 0.0
        if time.monotonic() - self._saved_at >= AT_LEAST:
            self._save(epoch + 1, 0)

    def _left(self, epoch: int) -> str:
        """As words behind the pass; nothing before a whole pass was measured."""
        if not self._measured:
            return ""
        seconds = (self._epochs - epoch) * sum(self._measured) / len(self._measured)
        return f"; {self._method} takes {math.ceil(seconds / 60):,} min more at most"

    def _so_far(self) -> str:
        first, last = self._log[0]["MRR"], self._log[-1]["MRR"]
        return f"; held-out MRR {100 * last:.1f}, at first {100 * first:.1f}" if len(self._log) > 1 else ""

    def _drawn(self, epoch: int, first: int) -> Iterator[tuple[int, Int64, Int64]]:
        """The batches of a pass from one on: its number, images, a caption of each. The order is the pass's own."""
        rng = np.random.default_rng([self._settings.seed, epoch])
        order = rng.permutation(self._images)
        captions = np.array([rng.choice(self._captions[image]) for image in order], np.int64)
        for index in range(first, self._batches):
            rows = slice(index * self._batch, (index + 1) * self._batch)
            yield index, order[rows], captions[rows]

    def _step(self, epoch: int, index: int, images: Int64, captions: Int64, rate: float) -> float:
        """One batch; less at once, and the same again, where memory runs out."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        while True:
            try:
                self._optimizer.zero_grad(set_to_none=True)
                loss = self._gradients(epoch, index, images, captions)
                break
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if self._chunk == 1:
                    raise EncoderError(
                        f"{self._trainable.device} has not enough memory for a single pair; close other programs, or "
                        "train with a cheaper `method`."
                    ) from error
                self._chunk = max(1, min(self._chunk or len(images), len(images)) // 2)
            if self._trainable.device.type == "cuda":
                torch.cuda.empty_cache()
        if not math.isfinite(loss):
            raise self._lost(epoch)
        nn.utils.clip_grad_norm_(self._trained.values(), 1.0)
        self._optimizer.step()
        return loss

    def _gradients(self, epoch: int, index: int, images: Int64, captions: Int64) -> float:
        """Of one batch, clean and, where that is asked for, attacked as well: the mean of both losses."""
        settings, trainable = self._settings, self._trainable
        torch.manual_seed(((settings.seed * 10_007 + epoch) * 100_003 + index) % 2**63)
        rng = np.random.default_rng([settings.seed, epoch, index])
        pixels = sent(trainable, self._inputs.images(images, rng))
        rows = sent(trainable, self._inputs.texts(captions, images, rng))
        right = self._pairs.right(images, captions)
        also = torch.from_numpy(right).to(trainable.device) if right.sum() > len(images) else None
        if settings.adversarial is None:
            return contrastive_step(trainable, pixels, rows, also, chunk=self._chunk)
        clean = contrastive_step(trainable, pixels, rows, also, chunk=self._chunk, weight=0.5)
        with torch.no_grad():
            named = torch.cat([trainable.texts(each) for each in split(rows, self._chunk or len(rows))])
        mask = torch.from_numpy(right).to(trainable.device)
        harder = attacked(trainable, pixels, named, mask, settings.adversarial, settings.epsilon, self._chunk)
        return (clean + contrastive_step(trainable, harder, rows, also, chunk=self._chunk, weight=0.5)) / 2

    def _measure(self, number: int, loss: float | None) -> None:
        """After a pass: the held-out pairs that choose. Keeps what is best."""
        if not all(bool(torch.isfinite(each).all()) for each in self._trained.values()):
            raise self._lost(number - 1)
        found = measured(self._trainable, self._inputs, self._choosing)
        self._log.append({"pass": number, "loss": loss, **found.to_json()})
        self._since += number > 0
        if found.mrr > self._best_value:
            self._best, self._best_value = _copy(self._trained), found.mrr
            self._best_pass, self._since = number, 0

    def _lost(self, epoch: int) -> EncoderError:
        return EncoderError(
            f"The loss of {self._method} is no number in pass {epoch + 1} (rate "
            f"{self._settings.rate_of(self._method):g}); the state before it is kept: train with a lower `rate` and "
            "`restart=True`."
        )

    # -- the state ------------------------------------------------------------------------------------------

    def _save(self, epoch: int, batch: int) -> None:
        self._checkpoints.save(
            epoch * self._batches + batch,
            {
                "epoch": epoch,
                "batch": batch,
                "trained": _copy(self._trained),
                "optimizer": self._optimizer.state_dict(),
                "best": self._best,
                "best value": self._best_value,
                "best pass": self._best_pass,
                "since": self._since,
                "sum": self._sum,
                "chunk": self._chunk,
                "seconds": self._seconds,
                "log": json.dumps(self._log),
            },
        )
        self._saved_at = time.monotonic()

    def _restore(self, state: dict[str, Any]) -> tuple[int, int]:
        with torch.no_grad():
            for name, parameter in self._trained.items():
                parameter.copy_(state["trained"][name])
        self._optimizer.load_state_dict(state["optimizer"])
        self._best, self._best_value = state["best"], state["best value"]
        self._best_pass, self._since, self._sum = state["best pass"], state["since"], state["sum"]
        self._chunk, self._seconds, self._log = state["chunk"], state["seconds"], json.loads(state["log"])
        return state["epoch"], state["batch"]

    def _made_optimizer(self) -> torch.optim.Optimizer:
        """AdamW; biases, norms, scales do not decay."""
        matrices = [each for each in self._trained.values() if each.ndim > 1]
        others = [each for each in self._trained.values() if each.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": self._settings.decay}, {"params": others, "weight_decay": 0.0}]
        return adamw([group for group in groups if group["params"]], 0.0)

    def _rate(self, done: float) -> float:
        """`done`: 0 to 1 of all steps."""
        highest = self._settings.rate_of(self._method)
        if done < _WARM:
            return highest * (0.1 + 0.9 * done / _WARM)
        return highest * (0.01 + 0.99 * (1 + math.cos(math.pi * (done - _WARM) / (1 - _WARM))) / 2)


def _copy(tensors: dict[str, nn.Parameter]) -> Tensors:
    return {name: each.detach().cpu().clone() for name, each in tensors.items()}
