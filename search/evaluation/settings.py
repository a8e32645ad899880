"""What to evaluate, and how."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.arguments import check_fields, flag, optional, several, text, whole
from indexer.errors import UsageError
from search.rerank.stage import DEFAULT_COUNT, MAX_COUNT

MAX_CUTOFF = 1_000
MAX_CUTOFFS = 20
MAX_SAMPLES = 100_000


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What to evaluate, and how. Raises UsageError on values out of range.

    `labels`: the source is a folder, its subfolders' names are the texts. `split`: only rows of this split. `images`:
    the folder that names of images in the table are relative to, by default its own.
    `cutoffs`: the k of R@k. `bootstrap`: resamples behind an interval, 0 for none; 1,000 settle its ends to about a
    tenth of its width. `seed`: of resamples and of the sample of queries that are timed. `rerank`: candidates of each
    query that a second stage scores anew, 0 for no second stage.
    """

    labels: bool = False
    split: str | None = None
    cutoffs: tuple[int, ...] = (1, 5, 10)
    bootstrap: int = 1_000
    seed: int = 0
    rerank: int = DEFAULT_COUNT
    images: str | None = None

    def __post_init__(self) -> None:
        check_fields(
            self,
            labels=flag,
            split=optional(text),
            images=optional(text),
            cutoffs=several(whole(1, MAX_CUTOFF), MAX_CUTOFFS),
            bootstrap=whole(0, MAX_SAMPLES),
            seed=whole(0),
            rerank=whole(0, MAX_COUNT),
        )
        if self.labels and self.split is not None:
            raise UsageError("`labels` and `split` exclude each other: folders have no splits.")
        if self.labels and self.images is not None:
            raise UsageError(
                "`labels` and `images` exclude each other: labels come from the folders that images lie in."
            )
