"""Train the bundled encoder from a pack, on a GPU in minutes or on a CPU in hours:

    python -m tools.bundled.pack --data FOLDER --out PACK
    python -m tools.bundled.train --pack PACK --out RUN [--from RUN] [--seconds 300] [--set KEY=VALUE ...]
    python -m tools.bundled.ship --data FOLDER --pack PACK --run RUN

After every pass it writes a line of `RUN/log.jsonl`, and now and then the averaged weights, float16, to
`RUN/weights-N.safetensors`. With `--seconds` the rates follow the clock and training ends by it; without, they follow
the passes.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tools.bundled.align import LAST_STAGE, Batch, Branch, LossSettings
from tools.bundled.augment import AugmentSettings, augmented
from tools.bundled.corpus import SOURCES, Corpus, Ints, batches_of
from tools.bundled.datasets import PREPROCESSING
from tools.bundled.heads import HeadSettings
from tools.bundled.join import Join, JoinSettings
from tools.bundled.judge import join_of, judge, prepare
from tools.bundled.pack import UNLABELLED, Pack
from tools.bundled.pseudo import pseudo_captions
from tools.bundled.towers import read_towers
from tools.bundled.weights import load_weights, save_weights


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How the branch is trained; the values were chosen on `val` (see the model card)."""

    passes: int = 15
    batch: int = 512
    #: Texts of a photograph in a batch.
    captions: int = 2
    #: Photographs without captions beside each batch.
    extra: int = 256
    #: Texts without photographs beside each batch.
    pool: int = 512
    sources: tuple[str, ...] = SOURCES
    #: How often a pass shows COCO's photographs: they are few, and what is asked is mostly theirs.
    coco_repeats: int = 2
    #: Share of the batches that are drawn from one source.
    one_source: float = 0.5
    #: Stages of the image tower and layers of the text tower that stay as they were published.
    frozen_stages: int = 1
    frozen_layers: int = 3
    rate: float = 1.2e-3
    image_rate: float = 3e-4
    #: Each stage below the last learns so much more slowly than the one above it.
    stage_decay: float = 0.7
    class_rate: float = 2e-4
    text_rate: float = 2e-4
    decay: float = 0.1
    top_decay: float = 0.01
    warm: float = 0.08
    #: Of the running average of weights.
    average: float = 0.99
    #: From this share of the training on, photographs without captions have some of the pool.
    pseudo_from: float = 1.0
    pseudo_weight: float = 0.3
    loss: LossSettings = field(default_factory=LossSettings)
    seen: AugmentSettings = field(default_factory=AugmentSettings)
    #: Of photographs without captions: parts as small as things, and mixtures.
    distilled: AugmentSettings = field(default_factory=lambda: AugmentSettings(0.1, 1.3, 0.1, 0.3, 0.5))
    #: Photographs as they are, none of them changed: what the frozen stages say of each is computed once. For a CPU.
    still: bool = False
    #: How pixels lie in memory; which is faster depends on the device.
    channels_last: bool = True
    seed: int = 0


class Training:
    """One training: the branch, the average of its weights, and a pass at a time."""

    def __init__(self, corpus: Corpus, branch: Branch, settings: TrainSettings) -> None:
        self.corpus, self.branch, self.settings = corpus, branch, settings
        self.average = copy.deepcopy(branch)
        both = list(zip(self.average.parameters(), branch.parameters(), strict=True))
        self._averaged: list[Tensor] = [mine for mine, theirs in both if theirs.requires_grad]
        self._trained: list[Tensor] = [theirs for _, theirs in both if theirs.requires_grad]
        self.random = np.random.default_rng(settings.seed)
        self.optimizer, self.rates = _optimizer(branch, settings, corpus.device)
        self.steps = 0
        self.pseudo: Ints = np.empty(0, np.int64)
        self._lows: dict[int, Tensor] = {}  # the last frozen map of photographs that stay as they are

    def groups(self) -> list[Ints]:
        """Photographs of a pass."""
        found = []
        for source in self.settings.sources:
            found += [self.corpus.rows[source, "train"]] * (self.settings.coco_repeats if "coco" in source else 1)
        return [*found, self.pseudo] if len(self.pseudo) else found

    def plan(self) -> list[Ints]:
        """The batches of a pass."""
        return batches_of(self.groups(), self.settings.batch, self.settings.one_source, self.random)

    def step(self, rows: Ints, progress: float) -> dict[str, Tensor]:
        """One batch, at `progress` 0 to 1 of the training. Returns the terms of the loss."""
        settings = self.settings
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * schedule(progress, settings.warm)
        terms = self.branch.losses(self._batch(rows), self._pool(), settings.loss)
        loss = torch.stack(list(terms.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._trained, 5.0)
        self.optimizer.step()
        self.steps += 1
        keep = min(settings.average, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            torch._foreach_lerp_(self._averaged, self._trained, 1 - keep)
        return {name: term.detach() for name, term in terms.items()}

    def use_pseudo_captions(self) -> int:
        """Give photographs without captions some of the pool, by what the averaged weights say now."""
        self.average.eval()
        rows = self.corpus.rows[UNLABELLED, ""]
        self.pseudo = pseudo_captions(self.average, self.corpus, rows)
        return len(self.pseudo)

    def _batch(self, rows: Ints) -> Batch:
        corpus, settings, device = self.corpus, self.settings, self.corpus.device
        colours = self._still(rows) if settings.still else augmented(corpus.shown(rows), settings.seen)
        unlabelled = corpus.rows[UNLABELLED, ""]
        distils = settings.loss.distil and settings.frozen_stages < LAST_STAGE and not settings.still
        if settings.extra and distils and len(unlabelled):
            more = self.random.choice(unlabelled, settings.extra)
            colours = torch.cat([colours, augmented(corpus.shown(more), settings.distilled)])
        colours = colours.contiguous(memory_format=memory_format(settings))
        texts, whose = corpus.drawn_texts(rows, settings.captions, self.random)
        chosen = torch.from_numpy(texts).to(device)
        guessed = np.isin(rows, self.pseudo)
        weights = np.where(guessed, settings.pseudo_weight, 1.0).astype(np.float32)
        return Batch(
            colours,
            torch.from_numpy(rows).to(device),
            corpus.ids[chosen],
            torch.from_numpy(rows[whose]).to(device),
            corpus.sentences[chosen],
            corpus.meaning(rows),
            torch.from_numpy(weights).to(device),
            settings.still,
        )

    def _still(self, rows: Ints) -> Tensor:
        """The last frozen map of each photograph, (b, c, h, w)."""
        more = np.array([row for row in rows.tolist() if row not in self._lows], np.int64)
        for start in range(0, len(more), 64):
            some = more[start : start + 64]
            low = self.branch.lower(self.corpus.shown(some).permute(0, 3, 1, 2).float())
            self._lows |= zip(some.tolist(), low.half(), strict=True)
        return torch.stack([self._lows[row] for row in rows.tolist()]).float()

    def _pool(self) -> tuple[Tensor, Tensor] | None:
        if not self.settings.pool or not self.settings.loss.structure:
            return None
        chosen = torch.from_numpy(self.random.choice(self.corpus.pool, self.settings.pool)).to(self.corpus.device)
        return self.corpus.ids[chosen], self.corpus.sentences[chosen]


def memory_format(settings: TrainSettings) -> torch.memory_format:
    return torch.channels_last if settings.channels_last else torch.contiguous_format


def schedule(progress: float, warm: float) -> float:
    """The rate's share of its peak: up in a straight line, then down along half a cosine."""
    if progress < warm:
        return (progress + 1e-3) / (warm + 1e-3)
    return 0.5 + 0.5 * math.cos(math.pi * min(1.0, (progress - warm) / (1 - warm)))


def _optimizer(branch: Branch, s: TrainSettings, device: torch.device) -> tuple[torch.optim.Optimizer, list[float]]:
    parts: list[tuple[list[nn.Module], float]] = [([branch.image.top], s.image_rate), ([branch.text.top], s.text_rate)]
    if s.frozen_stages < LAST_STAGE:
        parts.append((branch.class_top(), s.class_rate))
        for stage in branch.trained_stages():
            rate = s.image_rate * s.stage_decay ** (LAST_STAGE - stage)
            parts.append(([branch.tower.net.blocks[stage]], rate))
    groups: list[dict[str, Any]] = [
        {"params": [p for module in modules for p in module.parameters()], "lr": rate, "weight_decay": s.top_decay}
        for modules, rate in parts
    ]
    inside = {id(p) for group in groups for p in group["params"]}
    heads = [p for p in branch.parameters() if id(p) not in inside and p.requires_grad]
    groups.append({"params": heads, "lr": s.rate, "weight_decay": s.decay})
    optimizer = torch.optim.AdamW(groups, fused=device.type == "cuda")
    return optimizer, [float(group["lr"]) for group in groups]


def train(
    corpus: Corpus,
    branch: Branch,
    settings: TrainSettings,
    out: Path,
    seconds: float | None = None,
    judged_every: float = 30.0,
    say: Callable[[dict[str, Any]], None] = lambda line: None,
) -> dict[str, Any]:
    """Train `branch`; keep the averaged weights in `out` whenever they are judged. Returns the last numbers.

    `seconds`: the clock that rates follow and that ends the training, the last judging not counted; None: `passes`.
    `judged_every`: seconds between two judgements, which take a tenth of the time at most (on two cores one takes ten
    minutes). `say` gets every line of the log.
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    start = time.monotonic()
    head, training = HeadSettings(), Training(corpus, branch, settings)
    join = join_of(corpus, settings.sources, JoinSettings())
    described = {"settings": asdict(settings), "head": asdict(head)}
    judged, took, number, progress, found = start, 0.0, 0, 0.0, dict[str, Any]()

    def log(line: dict[str, Any]) -> None:
        line = {"run": out.name, "seconds": round(time.monotonic() - start, 1), **line}
        with (out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        say(line)

    log(described)
    while progress < 1:
        branch.train()
        if progress >= settings.pseudo_from and not len(training.pseudo):
            log({"pseudo": training.use_pseudo_captions()})
        plan, sums, steps = training.plan(), dict[str, Tensor](), 0
        if not plan:
            raise ValueError(f"There are fewer photographs than a batch of {settings.batch}.")
        for place, rows in enumerate(plan):
            if seconds is None:
                progress = (number + place / len(plan)) / settings.passes
            else:
                progress = (time.monotonic() - start) / seconds
            if progress >= 1:
                break
            for name, term in training.step(rows, progress).items():
                sums[name] = sums.get(name, torch.zeros_like(term)) + term
            steps += 1
        number += 1
        if seconds is None:
            progress = number / settings.passes
        log(
            {"pass": number, "steps": training.steps, **{name: round(float(x) / steps, 4) for name, x in sums.items()}}
            if steps
            else {"pass": number}
        )
        last = progress >= 1
        if last or time.monotonic() - judged > max(judged_every, 9 * took):
            began = time.monotonic()
            found = _judged(training, join, head)
            save_weights(training.average, {**described, "judged": found, "passes": number}, out)
            judged = time.monotonic()
            took = judged - began
            log({"judged": found, "pass": number})
    return found


def _judged(training: Training, join: Join, head: HeadSettings) -> dict[str, Any]:
    prepare(training.average, training.corpus, training.settings.sources, head)
    return judge(training.average, join, training.corpus)


def start_branch(corpus: Corpus, towers: Any, settings: TrainSettings) -> Branch:
    """A branch before its first pass. `towers` on the corpus's device."""
    torch.manual_seed(settings.seed)
    mean = corpus.sentences[corpus.training_texts(settings.sources)].mean(0)
    image, text = towers
    branch = Branch(image, text, mean, HeadSettings(), settings.frozen_stages, settings.frozen_layers)
    image.to(memory_format=memory_format(settings))
    return branch.to(corpus.device).to(memory_format=memory_format(settings))


def open_corpus(pack: Pack, device: torch.device, photographs: int | None = None) -> tuple[Corpus, Any]:
    """The pack's data on the device, and the published towers."""
    towers = tuple(tower.to(device).requires_grad_(False) for tower in read_towers(pack.folder / "towers.safetensors"))
    embed = Branch.published_sentences
    shell = _Published(towers)
    corpus = Corpus(pack, PREPROCESSING, lambda ids: embed(shell, ids), device, photographs)  # type: ignore[arg-type]
    return corpus, towers


class _Published:
    def __init__(self, towers: Any) -> None:
        self._published = towers


def changed(settings: TrainSettings, changes: list[str]) -> TrainSettings:
    """`KEY=VALUE` each, `loss.distil=4` for what lies deeper; values as Python writes them."""
    for change in changes:
        key, _, value = change.partition("=")
        parsed = ast.literal_eval(value)
        part, _, inner = key.partition(".")
        if part not in {one.name for one in fields(settings)}:
            raise ValueError(f"There is no setting {part}.")
        if inner:
            parsed = replace(getattr(settings, part), **{inner: parsed})
        settings = replace(settings, **{part: parsed})
    return settings


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description="Train the bundled encoder.")
    parser.add_argument("--pack", type=Path, default=Path(".cache/training/pack"))
    parser.add_argument("--out", type=Path, default=Path(".cache/training/run"))
    parser.add_argument("--from", dest="start", type=Path, default=None, help="begin with what this run ended with")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=None, help="end by the clock instead of by passes")
    parser.add_argument("--photographs", type=int, default=None, help="only so many of each source, to try things")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings, such as loss.distil=4")
    given = parser.parse_args()
    torch.set_flush_denormal(True)
    pack, settings = Pack(given.pack), changed(TrainSettings(), given.set)
    corpus, towers = open_corpus(pack, torch.device(given.device), given.photographs)
    branch = start_branch(corpus, towers, settings)
    if given.start is not None:
        load_weights(branch, given.start)
        branch.to(corpus.device)
    train(corpus, branch, settings, given.out, given.seconds, say=lambda line: print(json.dumps(line), flush=True))


if __name__ == "__main__":
    main()
