"""The HTML report: one file with figures, plots and the worst failures as pictures; nothing loaded from anywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.counted import counted
from search.engine.indexed_file import Indexed
from search.evaluation.results import DirectionResult, Evaluation, Latency, Miss, StageResult, percentiles
from search.evaluation.wording import (
    TITLES,
    cell,
    comparison_title,
    difference,
    index_sentence,
    metric_names,
    protocol,
    trust_sentence,
)
from search.html.page import pictures, render, write_page
from search.html.plots import Plot, latency_histogram, rank_histogram, recall_curve, reliability_diagram

#: Longer side of a picture, in pixels: the wanted one is shown at about half of that.
SIDE = 360


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: its name, and of each column a figure and what stands beside it."""

    name: str
    cells: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure, large. `series`: the number of its direction, whose colour it has."""

    series: int
    title: str
    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage as the report shows it; `reliability`: of each direction a title, a plot and a sentence."""

    name: str
    tiles: list[Tile]
    heads: list[str]
    rows: list[Row]
    recall: Plot
    ranks: Plot
    reliability: list[tuple[str, Plot, str]]
    misses: tuple[Miss, ...]


def write_report(path: Path, found: Evaluation, indexed: Mapping[str, Indexed]) -> None:
    """Write the report to `path`, all or nothing. Raises UsageError when that cannot be written."""
    write_page(path, report(found, indexed), "The report")


def shown_paths(found: Evaluation) -> list[str]:
    """The photographs that the report shows."""
    return [one.path for stage in found.stages for miss in stage.misses for one in (miss.wanted, *miss.found)]


def report(found: Evaluation, indexed: Mapping[str, Indexed]) -> str:
    """The page. Pictures are read from the files as they are now, and shown where they are what was `indexed` at their
    paths; others leave their place empty. Where the store knows nothing of a path, the pairs have named it, and its
    content was found in the store."""
    wanted = {path: indexed.get(path) for path in shown_paths(found)}
    return render(
        "evaluation_report.html.j2",
        found=found,
        name=os.path.basename(os.path.normpath(found.source)),
        counts=counted(found.pairs, "caption") if found.kind == "captions" else counted(found.texts, "label"),
        stages=[_stage(stage) for stage in found.stages],
        comparison=_comparison(found) if found.comparisons else None,
        latency=None if found.latency is None else _latency(found.latency),
        index=None if found.index is None else index_sentence(found),
        protocol=protocol(found),
        pictures=pictures(wanted, SIDE),
    )


def _stage(stage: StageResult) -> Stage:
    rows = [
        Row("queries", [(f"{one.queries:,}", "") for one in stage.directions]),
        Row("candidates", [(f"{one.candidates:,}", "") for one in stage.directions]),
        *(Row(name, [_cell(name, one) for one in stage.directions]) for name in metric_names(stage)),
    ]
    return Stage(
        stage.name,
        [_tile(series, one, name) for series, one in enumerate(stage.directions) for name in _headline(one)],
        [TITLES[one.direction] for one in stage.directions],
        rows,
        recall_curve(stage.directions),
        rank_histogram(stage.directions),
        [
            (TITLES[one.direction].capitalize(), reliability_diagram(one.hits, one.first), trust_sentence(one))
            for one in stage.reliability
        ],
        stage.misses,
    )


def _headline(one: DirectionResult) -> list[str]:
    """The smallest and the largest cut-off."""
    recalls = [name for name in one.metrics if name.startswith("R@")]
    return list(dict.fromkeys([recalls[0], recalls[-1]]))


def _tile(series: int, one: DirectionResult, name: str) -> Tile:
    estimate = one.metrics[name]
    interval = ""
    if estimate.low is not None and estimate.high is not None:
        interval = f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f} %"
    return Tile(series, f"{TITLES[one.direction]}, {name}", f"{100 * estimate.value:.1f} %", interval)


def _cell(name: str, one: DirectionResult) -> tuple[str, str]:
    value, _, interval = cell(name, one.metrics[name]).partition("  ") if name in one.metrics else ("", "", "")
    return value, interval


def _comparison(found: Evaluation) -> dict[str, object]:
    """The second stage against the first."""
    names = dict.fromkeys(name for one in found.comparisons for name in one.differences)
    return {
        "title": comparison_title(found),
        "heads": [TITLES[one.direction] for one in found.comparisons],
        "rows": [
            Row(name, [(difference(name, one.differences[name]), "") for one in found.comparisons]) for name in names
        ],
    }


def _latency(latency: Latency) -> dict[str, object]:
    steps = latency.steps | {"together": latency.total}
    return {
        "queries": len(latency.encode),
        "plot": latency_histogram(latency),
        "steps": [(name, percentiles(step)) for name, step in steps.items()],
    }
