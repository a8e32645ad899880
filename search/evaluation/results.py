"""What an evaluation found: value objects, and the JSON of `search eval --json`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from indexer.types import Int64
from search.calibration.reliability import Reliability
from search.ground_truth.directions import DirectionName
from search.ground_truth.pairs import PairKind

#: Version of the JSON that `Evaluation.to_json` makes; it grows when a field changes its meaning or goes.
EVALUATION_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % bootstrap interval; the ends are None when none was asked for."""

    value: float
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """`value`, `low`, `high`."""
        ends = (None if end is None else round(end, 6) for end in (self.low, self.high))
        return {"value": round(self.value, 6), **dict(zip(("low", "high"), ends, strict=True))}


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """R@k at one k, and what a random order would have."""

    k: int
    recall: Estimate
    chance: float


@dataclass(frozen=True, slots=True)
class DirectionResult:
    """One direction of one stage.

    `metrics` by name: "R@1" and the other cut-offs, "MRR", "nDCG@10" and, for labels, "mAP", all 0 to 1; "median rank",
    1 is the first place. `curve`: R@k over k. `ranks` (q,) int64: each query's rank of its best right answer.
    """

    direction: DirectionName
    queries: int
    candidates: int
    metrics: dict[str, Estimate]
    curve: tuple[CurvePoint, ...]
    ranks: Int64

    def to_json(self) -> dict[str, Any]:
        """Everything but the ranks."""
        return {
            "queries": self.queries,
            "candidates": self.candidates,
            "metrics": {name: estimate.to_json() for name, estimate in self.metrics.items()},
            "curve": [
                {"k": point.k, **point.recall.to_json(), "chance": round(point.chance, 6)} for point in self.curve
            ],
        }


@dataclass(frozen=True, slots=True)
class Shown:
    """A photograph that was found: its path and its score, a cosine, or what a second stage has made of it."""

    path: str
    score: float


@dataclass(frozen=True, slots=True)
class Miss:
    """A text whose photograph was found late. `rank`: of `wanted`; `found`: the first three that came instead."""

    text: str
    wanted: Shown
    rank: int
    found: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class DirectionReliability:
    """Whether the probabilities of one direction's hits mean what they say.

    Each query is asked twice, with its right answers there and without them. `hits`: over the first ten hits; `first`:
    over the first one alone, which is where probabilities are high; right is what the words describe as well as
    captions of one photograph describe each other's. `paired`: over the first ten, if the given pairs alone are right.
    `fitted`: by `search calibrate`, not estimated.
    """

    direction: DirectionName
    fitted: bool
    hits: Reliability
    first: Reliability
    paired: Reliability

    def to_json(self) -> dict[str, Any]:
        """`fitted`, and the reliability of `hits`, `first` and `paired`."""
        parts = {"hits": self.hits, "first": self.first, "paired": self.paired}
        return {"fitted": self.fitted} | {name: part.to_json() for name, part in parts.items()}


@dataclass(frozen=True, slots=True)
class StageResult:
    """One stage of retrieval ("first stage", "reranked") in both directions, its worst failures, worst first, and the
    reliability of its probabilities."""

    name: str
    directions: tuple[DirectionResult, ...]
    misses: tuple[Miss, ...] = ()
    reliability: tuple[DirectionReliability, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object in `stages`."""
        return {
            "name": self.name,
            **{one.direction: one.to_json() for one in self.directions},
            "misses": [
                {
                    "text": miss.text,
                    "rank": miss.rank,
                    "wanted": _shown_json(miss.wanted),
                    "found": [_shown_json(shown) for shown in miss.found],
                }
                for miss in self.misses
            ],
            "probability": {one.direction: one.to_json() for one in self.reliability},
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """One direction of the second stage against the first: its figure minus the first's, query by query.

    `differences` by the metric's name, with paired bootstrap intervals: of R@k in shares of 1, of the MRR.
    """

    direction: DirectionName
    differences: dict[str, Estimate]

    def to_json(self) -> dict[str, Any]:
        """By metric: `value`, `low`, `high`, and whether the interval is `clear` of 0."""
        return {name: {**one.to_json(), "clear": clear(one)} for name, one in self.differences.items()}


def clear(difference: Estimate) -> bool | None:
    """Whether 0 lies outside of its interval; None without one."""
    if difference.low is None or difference.high is None:
        return None
    return difference.low > 0 or difference.high < 0


@dataclass(frozen=True, slots=True)
class IndexRecall:
    """The store's vector index against exact search over all its images, both without limits of the pairs.

    `index_type` is None when there is no index and the catalog itself is compared. `raw`: recall@k of the index alone;
    `answers`: of what `search query` shows, after the candidates' exact scores. 0 to 1, means over `queries` texts.
    """

    index_type: str | None
    images: int
    k: int
    queries: int
    raw: float | None
    answers: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of text queries, one at a time, on a warm library; one entry a query. `rerank`: none without a second
    stage."""

    encode: tuple[float, ...]
    search: tuple[float, ...]
    rerank: tuple[float, ...] = ()

    @property
    def steps(self) -> dict[str, tuple[float, ...]]:
        """The steps that there are, by name."""
        steps = {"encode": self.encode, "search": self.search, "rerank": self.rerank}
        return {name: seconds for name, seconds in steps.items() if seconds}

    @property
    def total(self) -> tuple[float, ...]:
        """All steps together."""
        return tuple(sum(parts) for parts in zip(*self.steps.values(), strict=True))

    def to_json(self) -> dict[str, Any]:
        """p50 and p95 of each step, in milliseconds."""
        steps = self.steps | {"total": self.total}
        return {"queries": len(self.encode)} | {name: percentiles(values) for name, values in steps.items()}


def percentiles(seconds: tuple[float, ...]) -> dict[str, float]:
    """`p50_ms` and `p95_ms`, in milliseconds."""
    p50, p95 = (np.quantile(seconds, [0.5, 0.95]) * 1e3).tolist() if seconds else (0.0, 0.0)
    return {"p50_ms": round(p50, 3), "p95_ms": round(p95, 3)}


@dataclass(frozen=True, slots=True)
class RerankingUsed:
    """The second stage that was measured: who, and how many candidates of each query."""

    reranker: str
    count: int

    def to_json(self) -> dict[str, Any]:
        """`reranker` and `candidates`."""
        return {"reranker": self.reranker, "candidates": self.count}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An index measured on pairs. False (no stage) when there was nothing to evaluate: `notes` say why.

    `images`: distinct photographs, `texts`: distinct texts, `pairs`: captions as they were given (for labels, labelled
    photographs). `notes`: sentences that a person should see. `reranking`: None when there was no second stage, else
    `comparisons` has it against the first.
    """

    source: str
    kind: PairKind
    split: str | None
    encoder: str
    images: int
    texts: int
    pairs: int
    bootstrap: int
    seed: int
    stages: tuple[StageResult, ...] = ()
    reranking: RerankingUsed | None = None
    comparisons: tuple[Comparison, ...] = ()
    index: IndexRecall | None = None
    latency: Latency | None = None
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.stages)

    def to_json(self) -> dict[str, Any]:
        """The documented JSON object of `search eval --json`."""
        index = self.index
        return {
            "schema": EVALUATION_SCHEMA,
            "source": self.source,
            "kind": self.kind,
            "split": self.split,
            "encoder": self.encoder,
            "images": self.images,
            "texts": self.texts,
            "pairs": self.pairs,
            "candidates": "images and texts of the pairs only",
            "interval": {"level": 0.95, "method": "cluster bootstrap", "samples": self.bootstrap, "seed": self.seed},
            "stages": [stage.to_json() for stage in self.stages],
            "reranking": None
            if self.reranking is None
            else {
                **self.reranking.to_json(),
                "difference": {one.direction: one.to_json() for one in self.comparisons},
            },
            "index": None
            if index is None
            else {
                "type": index.index_type,
                "images": index.images,
                "queries": index.queries,
                "k": index.k,
                "recall": None if index.raw is None else round(index.raw, 6),
                "recall_of_answers": round(index.answers, 6),
            },
            "latency": None if self.latency is None else self.latency.to_json(),
            "notes": list(self.notes),
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
        }


def _shown_json(shown: Shown) -> dict[str, Any]:
    return {"path": shown.path, "score": round(shown.score, 6)}
