"""The probability of each hit of one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from indexer.types import Kind
from search.calibration.calibration_file import Calibration
from search.calibration.curve import FALLBACK, Background
from search.query.query_form import QueryForm


@dataclass(frozen=True, slots=True)
class HitProbabilities:
    """`probabilities`: of each hit, in their order. `fitted`: they come from pairs, not from the background alone."""

    probabilities: tuple[float, ...]
    fitted: bool


def hit_probabilities(
    calibration: Calibration,
    asks: Kind,
    finds: Kind,
    reranker: str | None,
    scores: Sequence[float],
    similarities: Sequence[float],
    background: Background,
    *,
    form: QueryForm | None = None,
    several: bool = False,
    settled: Sequence[bool] | None = None,
) -> HitProbabilities:
    """Of hits of the kind `finds` with their `scores` and `similarities`, both finite. `reranker`: key of the one that
    gave the scores; None when they are the similarities. `form`: of a text; None of an image. `settled`: see
    `never_rising`.

    Hits of a reranker that nothing was fitted for get it from their similarities: what its scores mean is not known.
    Where nothing was fitted for queries of their form they are estimates from the background alone, and so are those of
    a query of `several` terms. There neighbours whose probabilities would rise share their mean (`never_rising`).
    """
    form = form if (asks, finds) == ("text", "image") else None
    curve = calibration.curve(asks, finds, reranker, form)
    used = scores
    if several:
        typical = calibration.curve(asks, finds, None).typical if asks == finds else None
        curve, used = replace(FALLBACK, typical=typical), similarities
    elif reranker is not None and not curve.fitted:
        curve, used = calibration.curve(asks, finds, None, form), similarities
    chances = curve.probabilities(np.array(used, np.float64), background)
    return HitProbabilities(tuple(never_rising(chances.tolist(), settled)), curve.fitted)


def never_rising(chances: Sequence[float], settled: Sequence[bool] | None = None) -> list[float]:
    """Probabilities that do not rise down the list. What does not rise stays as it is.

    `settled`: which hits are there whatever number is asked for; None: all. These have the nearest probabilities that
    never rise, by least squares: pool adjacent violators (Ayer et al. 1955). Each of the others has at most what the
    one before it has, so that no hit's depends on how many were asked for. Where some of the others stand between
    settled ones, the settled fall by themselves.
    """
    if settled is None:
        return _pooled(chances)
    pooled = iter(_pooled([chance for chance, stays in zip(chances, settled, strict=True) if stays]))
    found: list[float] = []
    for chance, stays in zip(chances, settled, strict=True):
        found.append(next(pooled) if stays else min(chance, found[-1] if found else chance))
    return found


def _pooled(chances: Sequence[float]) -> list[float]:
    pools: list[tuple[float, int]] = []  # (mean, how many)
    for chance in chances:
        mean, count = chance, 1
        while pools and pools[-1][0] < mean:
            above, many = pools.pop()
            mean, count = (above * many + mean * count) / (many + count), many + count
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]
