"""How an encoder is adapted to pairs of one's own, and what each method takes by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from indexer.arguments import check_fields, number, one_of, optional, whole

#: From cheap to dear. `heads` works on any encoder; which others there are its `Trainable` says.
METHODS: Final = ("heads", "bitfit", "prompt", "lora", "adapters", "full")
AUTO: Final = "auto"
ATTACKS: Final = ("fgsm", "pgd")
#: Highest rate, and pairs of a batch. Rates: the order of those in the papers; full fine-tuning of a CLIP model forgets
#: at more (Wortsman et al. 2022, arXiv 2109.01903).
_RATES: Final = {"heads": 1e-3, "bitfit": 5e-4, "prompt": 2e-3, "lora": 2e-4, "adapters": 2e-4, "full": 1e-5}
_BATCHES: Final = {"heads": 256}
#: Passes of `heads` for one of the others: they cost next to nothing, and few batches make one.
_PASSES: Final = {"heads": 5}


@dataclass(frozen=True, slots=True)
class AdaptationSettings:
    """How an encoder is adapted.

    `epochs`: passes over the images at most (heads: five times as many); it ends after `patience` passes without a
    better held-out MRR (heads: five times as many). `batch`:
    pairs of one contrastive batch, each the negative of the others; None is the method's own (64; heads 256). `chunk`:
    pairs that are computed at once, None: all of a batch (smaller ones need less memory, and change nothing else).
    `rate`: the highest learning rate, None: the method's own. `decay`: AdamW's, of matrices. `augment`: change
    photographs and captions at random in each pass. `adversarial`: train on attacked pixels as well, at most `epsilon`
    of 255 levels away. `rank`, `alpha`: of lora; `bottleneck`: width of an adapter; `context`: vectors of a prompt;
    `part`: what of the model `full` trains, "last" or "all"; None: all, of the bundled encoder the last part (see
    `trainables.settings_of`). `seed`: 0 or more.
    """

    epochs: int = 10
    batch: int | None = None
    chunk: int | None = None
    rate: float | None = None
    decay: float = 0.05
    patience: int = 3
    augment: bool = True
    adversarial: str | None = None
    epsilon: float = 4.0
    rank: int = 8
    alpha: int = 16
    bottleneck: int = 64
    context: int = 8
    part: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(
            self,
            epochs=whole(1, 10_000),
            batch=optional(whole(2, 65_536)),
            chunk=optional(whole(1, 65_536)),
            rate=optional(number(0, 10, open_below=True)),
            adversarial=optional(one_of(ATTACKS)),
            epsilon=number(0, 255, open_below=True),
            rank=whole(1, 1_024),
            bottleneck=whole(1, 4_096),
            context=whole(1, 64),
            part=optional(one_of(("last", "all"))),
            seed=whole(0, 2**31 - 1),
        )

    def batch_of(self, method: str) -> int:
        """Pairs of a contrastive batch."""
        return self.batch or _BATCHES.get(method, 64)

    def epochs_of(self, method: str) -> int:
        """Passes at most: of `heads` five times as many, as of its `patience`."""
        return self.epochs * _PASSES.get(method, 1)

    def patience_of(self, method: str) -> int:
        """Passes without a better held-out MRR before it ends."""
        return self.patience * _PASSES.get(method, 1)

    def rate_of(self, method: str) -> float:
        """The highest learning rate."""
        return self.rate or _RATES[method]

    def of_method(self, method: str) -> dict[str, Any]:
        """What has to be known to build what `method` trained."""
        if method == "full":
            return {"part": self.part or "all"}
        own = {"lora": ("rank", "alpha"), "adapters": ("bottleneck",), "prompt": ("context",)}
        return {name: getattr(self, name) for name in own.get(method, ())}
