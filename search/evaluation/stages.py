"""One stage of retrieval, measured: ranks to figures with intervals, the worst failures, and two stages compared."""

from __future__ import annotations

import numpy as np

from indexer.metrics import (
    Ranks,
    Relevance,
    Scorer,
    average_precisions,
    chance,
    hits,
    ndcg,
    rank_all,
    reciprocal_ranks,
)
from indexer.types import Float32, Int64
from search.evaluation.results import (
    Comparison,
    CurvePoint,
    DirectionResult,
    Estimate,
    Miss,
    Shown,
    StageResult,
)
from search.evaluation.settings import EvaluationSettings
from search.ground_truth.bootstrap import ClusterBootstrap
from search.ground_truth.directions import DirectionName
from search.ground_truth.ground_truth import GroundTruth

#: Failures that are shown: a page of pictures.
MISSES = 12
FOUND_INSTEAD = 3
#: The curve of R@k ends here at the latest; nobody looks at hits beyond.
CURVE_END = 100


def evaluate_stage(
    name: str, truth: GroundTruth, scorers: tuple[Scorer, Scorer], settings: EvaluationSettings
) -> StageResult:
    """One stage in both directions: its scorers of each text against all photographs, and the reverse."""
    to_images, to_texts = scorers
    image_ranks = rank_all(to_images, truth.images_of_texts())
    text_ranks = rank_all(to_texts, truth.texts_of_images())
    queries, clusters = text_queries(truth)
    photographs = np.arange(len(truth.images))
    with_map = truth.kind == "labels"
    directions = (
        _direction("text-to-image", image_ranks, queries, clusters, to_images.candidates, settings, with_map=with_map),
        _direction("image-to-text", text_ranks, photographs, photographs, to_texts.candidates, settings),
    )
    return StageResult(name, directions, _misses(truth, image_ranks, to_images))


def text_queries(truth: GroundTruth) -> tuple[Int64, Int64]:
    """Which text each query is, and which queries are drawn together, both (q,) int64."""
    if truth.kind == "captions":  # each caption is a query; those of one photograph belong together
        queries, clusters = truth.pair_texts, truth.pair_images
    else:  # each label is a query, on its own
        queries = clusters = np.arange(len(truth.texts))
    return queries, np.unique(clusters, return_inverse=True)[1]


def compare(
    truth: GroundTruth, first: StageResult, second: StageResult, settings: EvaluationSettings
) -> tuple[Comparison, ...]:
    """How much better the second stage is than the first, in each direction.

    Both answered the same queries, so the differences are taken query by query and resampled as pairs: what makes a
    query hard for both cancels out (paired bootstrap: Efron and Tibshirani 1993, chapter 16; Sakai 2006).
    """
    found = []
    for before, after in zip(first.directions, second.directions, strict=True):
        clusters = text_queries(truth)[1] if before.direction == "text-to-image" else np.arange(len(truth.images))
        named = {
            f"R@{k}": (after.ranks <= k).astype(np.float64) - (before.ranks <= k).astype(np.float64)
            for k in sorted(set(settings.cutoffs))
        }
        named["MRR"] = 1.0 / after.ranks - 1.0 / before.ranks
        columns = np.stack(list(named.values()), axis=1)  # (q, metrics)
        means = columns.mean(axis=0).tolist()
        differences = [Estimate(mean) for mean in means]
        if settings.bootstrap:
            ends = ClusterBootstrap(clusters, samples=settings.bootstrap, seed=settings.seed).means(columns).tolist()
            differences = [Estimate(mean, low, high) for mean, (low, high) in zip(means, ends, strict=True)]
        found.append(Comparison(before.direction, dict(zip(named, differences, strict=True))))
    return tuple(found)


def _direction(
    direction: DirectionName,
    ranks: Ranks,
    queries: Int64,
    clusters: Int64,
    candidates: int,
    settings: EvaluationSettings,
    *,
    with_map: bool = False,
) -> DirectionResult:
    """`queries` (q,) int64: which of the ranked queries each query is (a text may be asked for several photographs);
    `clusters` (q,) int64: which queries are drawn together."""
    named = {f"R@{k}": hits(ranks, k) for k in sorted(set(settings.cutoffs))}
    named |= {"MRR": reciprocal_ranks(ranks), "nDCG@10": ndcg(ranks, 10)}
    if with_map:
        named["mAP"] = average_precisions(ranks)
    curve = [k for k in curve_cutoffs(CURVE_END) if k <= candidates]
    columns = np.stack([*named.values(), *(hits(ranks, k) for k in curve)], axis=1)[queries]  # (q, metrics + curve)
    first = ranks.first[queries]  # (q,)
    means = columns.mean(axis=0)
    if settings.bootstrap:
        bootstrap = ClusterBootstrap(clusters, samples=settings.bootstrap, seed=settings.seed)
        estimates = [
            Estimate(float(m), float(e[0]), float(e[1])) for m, e in zip(means, bootstrap.means(columns), strict=True)
        ]
        low, high = bootstrap.median(first)
        middle = Estimate(float(np.median(first)), float(low), float(high))
    else:
        estimates = [Estimate(float(mean)) for mean in means]
        middle = Estimate(float(np.median(first)))
    metrics = dict(zip(named, estimates, strict=False))
    recalls = {name: metrics.pop(name) for name in named if name.startswith("R@")}
    points = tuple(
        CurvePoint(k, estimate, chance(ranks.sizes[queries], candidates, k))
        for k, estimate in zip(curve, estimates[len(named) :], strict=True)
    )
    return DirectionResult(
        direction, len(queries), candidates, recalls | {"median rank": middle} | metrics, points, first
    )


def curve_cutoffs(end: int) -> list[int]:
    """Every k up to 10, then about twelve for each factor of ten, up to `end`."""
    steps = np.unique(np.round(np.geomspace(1, end, 1 + round(12 * np.log10(end)))).astype(int)).tolist()
    return sorted({*range(1, min(10, end) + 1), *steps})


def _misses(truth: GroundTruth, ranks: Ranks, scorer: Scorer) -> tuple[Miss, ...]:
    """The texts whose best photograph came latest, at most one for a photograph, and what came instead."""
    relevance: Relevance = truth.images_of_texts()
    first = ranks.first
    misses: list[Miss] = []
    seen: set[int] = set()
    for text in np.lexsort((np.arange(len(first)), -first)):
        if first[text] <= 1 or len(misses) >= MISSES:
            break
        scores: Float32 = scorer.scores(int(text), int(text) + 1)[0]  # (n,)
        right = relevance.of(int(text))
        wanted = int(right[np.argmax(scores[right])])
        if wanted in seen:
            continue
        seen.add(wanted)
        order = np.lexsort((np.arange(len(scores)), np.isin(np.arange(len(scores)), right), -scores))
        before = order[: min(FOUND_INSTEAD, int(first[text]) - 1)]  # all wrong: the best right one comes after them
        found = tuple(Shown(truth.images[i], float(scores[i])) for i in before)
        misses.append(
            Miss(truth.texts[text], Shown(truth.images[wanted], float(scores[wanted])), int(first[text]), found)
        )
    return tuple(misses)
