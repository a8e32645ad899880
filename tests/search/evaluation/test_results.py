"""Figures of an evaluation: where the curve is measured, and times."""

from __future__ import annotations

from search.evaluation.results import percentiles
from search.evaluation.stages import curve_cutoffs


def test_the_curve_has_every_small_k_and_its_end() -> None:
    assert curve_cutoffs(100)[:10] == list(range(1, 11))
    assert curve_cutoffs(100)[-1] == 100
    assert curve_cutoffs(1) == [1]


def test_percentiles_are_in_milliseconds() -> None:
    assert percentiles((0.001, 0.002, 0.003)) == {"p50_ms": 2.0, "p95_ms": 2.9}
