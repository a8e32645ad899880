"""The report of an evaluation: what it shows, and that nothing of the pairs becomes HTML."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from search.calibration.reliability import reliability
from search.evaluation.results import (
    Comparison,
    CurvePoint,
    DirectionReliability,
    DirectionResult,
    Estimate,
    Evaluation,
    IndexRecall,
    Latency,
    Miss,
    RerankingUsed,
    Shown,
    StageResult,
)
from search.ground_truth.directions import DirectionName
from search.html.evaluation_report import report
from tests.fixtures.page_elements import HOSTILE, assert_harmless

NAMES: tuple[DirectionName, ...] = ("text-to-image", "image-to-text")
HALF = Estimate(0.5, 0.25, 0.75)


def stage(name: str, misses: tuple[Miss, ...] = ()) -> StageResult:
    curve = tuple(CurvePoint(k, HALF, 0.1 * k) for k in (1, 5, 10))
    metrics = {"R@1": HALF, "R@5": HALF, "median rank": Estimate(2.0, 1.0, 3.0), "MRR": Estimate(0.25)}
    one = reliability(np.linspace(0, 1, 60), np.arange(60) % 2)
    return StageResult(
        name,
        tuple(DirectionResult(each, 4, 20, metrics, curve, np.array([1, 2, 3, 17])) for each in NAMES),
        misses,
        tuple(DirectionReliability(each, False, one, one, one) for each in NAMES),
    )


def evaluation(text: str = "pairs") -> Evaluation:
    misses = (Miss(text, Shown(f"/gone/{text}", 0.2), 3, (Shown(f"/gone/1{text}", 0.4), Shown(f"/gone/2{text}", 0.3))),)
    return Evaluation(
        f"/tables/{text}",
        "captions",
        text,
        text,
        20,
        30,
        30,
        1_000,
        0,
        (stage(f"first {text}", misses), stage(f"second {text}")),
        RerankingUsed(text, 100),
        tuple(Comparison(each, {"R@1": Estimate(0.05, 0.01, 0.09)}) for each in NAMES),
        IndexRecall("flat", 20, 10, 30, 1.0, 1.0),
        Latency((0.002, 0.003), (0.001, 0.001), (0.01, 0.02)),
        (text,),
    )


def test_hostile_names_and_texts_are_escaped_wherever_they_stand() -> None:
    hostile = HOSTILE.replace("/", "∕")  # so that names stay whole
    page = assert_harmless(report(evaluation(hostile), {}))
    for said in (
        f"{hostile} – search eval",
        f"{hostile}, split {hostile}",
        f"encoder {hostile}",
        f"first {hostile}",
        f"“{hostile}”",
        f"second {hostile} minus first {hostile}: the first 100 candidates by {hostile}",
    ):
        assert said in page.text
    assert f"/gone/1{hostile}" in page.attributes("title")
    assert (
        page.text.count(hostile) == page.text.count("<script>") == 11
    )  # title, heading (2), encoder, stages (2), miss, comparison (3), note


def test_every_figure_is_there_in_both_directions() -> None:
    page = assert_harmless(report(evaluation(), {}))
    assert [tag for tag, _ in page.elements].count("svg") == 2 * (2 + 2) + 1
    for said in (
        "text to image, R@1",
        "50.0 %",
        "25.0 to 75.0 %",
        "[1, 3]",
        "+5.0",
        "clear of 0",
        "rank 3",
        "no picture to show",
        "None: every text found a right image first.",
        "flat over all 20 images",
        "together",
        "estimated from the scores",
    ):
        assert said in page.text
    assert "nan" not in page.text


def test_parts_that_there_are_none_of_are_left_out() -> None:
    found = replace(
        evaluation(), stages=(stage("first stage"),), reranking=None, comparisons=(), index=None, latency=None, notes=()
    )
    page = assert_harmless(report(found, {}))
    for absent in ("What the second stage adds", "Speed and the index", "Notes", "first stage"):
        assert absent not in page.text
    assert "How to read this" in page.text
