"""How a reranker is trained."""

from __future__ import annotations

from dataclasses import dataclass, field

from indexer.arguments import check_fields, number, whole
from search.rerank.fusion_model import FusionSettings


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How the reranker is trained.

    `epochs`: passes over the images, in each of the two steps at most. `batch`: pairs of a batch of the first step;
    a larger one has harder negatives and costs its square. `lists`: captions (and images) of a batch of the second,
    each with `negatives`, drawn from the first `pool` that the encoder finds. `patience`: passes without a better
    MRR before a step ends. `drop_words`: share of words that are left out in training. `matching`, `masked`: how much
    the losses of image-text matching and of masked language modelling count beside the second step's own, 0 for not
    at all (`search.rerank.auxiliary`; neither was shown to help, see the card). `seed`: 0 or more.
    """

    epochs: int = 12
    batch: int = 128
    lists: int = 32
    negatives: int = 15
    pool: int = 64
    candidates: int = 100
    late_rate: float = 1e-3
    joint_rate: float = 3e-4
    decay: float = 0.2
    drop_words: float = 0.2
    patience: int = 4
    matching: float = 0.0
    masked: float = 0.0
    seed: int = 0
    network: FusionSettings = field(default_factory=FusionSettings)

    def __post_init__(self) -> None:
        check_fields(
            self, epochs=whole(1, 10_000), seed=whole(0, 2**31 - 1), matching=number(0, 100), masked=number(0, 100)
        )
