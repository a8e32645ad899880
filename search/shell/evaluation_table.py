"""What `search eval` prints: the figures of both directions side by side."""

from __future__ import annotations

from indexer.counted import counted
from search.calibration.calibrate import Calibrated
from search.evaluation.results import DirectionResult, Evaluation, StageResult, percentiles
from search.evaluation.wording import (
    TITLES,
    cell,
    comparison_title,
    difference,
    index_sentence,
    metric_names,
    protocol,
    reliability_sentence,
    trust_sentence,
)
from search.ground_truth.directions import DirectionName
from search.shell.printing import print_line

_GAP = "   "


def print_evaluation(found: Evaluation) -> None:
    """The table, or why there is none."""
    for note in found.notes:
        print_line(f"Note: {note}")
    if not found:
        print_line("Nothing to evaluate.")
        return
    for line in lines(found):
        print_line(line)


def lines(found: Evaluation) -> list[str]:
    """The table, a line a string."""
    out = [summary(found), protocol(found), ""]
    for stage in found.stages:
        out += [*_table(stage, titled=len(found.stages) > 1), *_reliability(stage), ""]
    if found.comparisons:
        out += [*_compared(found), ""]
    index, latency = found.index, found.latency
    if index is not None:
        out.append(f"index    {index_sentence(found)}")
    if latency is not None:
        steps = latency.steps | {"together": latency.total}
        said = [
            f"{name} {percentiles(step)['p50_ms']:.1f} ms (p95 {percentiles(step)['p95_ms']:.1f})"
            for name, step in steps.items()
        ]
        out.append(f"latency  p50 of {len(latency.encode):,} queries: {', '.join(said)}")
    return out


def summary(found: Evaluation) -> str:
    """What was evaluated."""
    split = f", split {found.split}" if found.split is not None else ""
    counts = counted(found.pairs, "caption") if found.kind == "captions" else counted(found.texts, "label")
    return f"{found.source}{split}: {counted(found.images, 'image')}, {counts}; encoder {found.encoder}"


def _reliability(stage: StageResult) -> list[str]:
    """The expected calibration error of both directions."""
    if not stage.reliability:
        return []
    return ["expected calibration error of the hits' probabilities, in points"] + [
        f"   {trust_sentence(one)}" for one in stage.reliability
    ]


def _compared(found: Evaluation) -> list[str]:
    names = list(dict.fromkeys(name for one in found.comparisons for name in one.differences))
    columns = [
        [TITLES[one.direction], *(difference(name, one.differences[name]) for name in names)]
        for one in found.comparisons
    ]
    return [comparison_title(found), *_rows(["", *names], columns)]


def _table(stage: StageResult, *, titled: bool) -> list[str]:
    names = metric_names(stage)
    columns = [_column(one, names) for one in stage.directions]
    heads = ["", "queries", "candidates", *names]
    rows = _rows(heads, columns)
    return [stage.name, *rows] if titled else rows


def _rows(heads: list[str], columns: list[list[str]]) -> list[str]:
    """Lines of a table: a head, then a cell of each column."""
    first = max(len(head) for head in heads)
    widths = [max(len(text) for text in column) for column in columns]
    return [
        _GAP.join(
            [f"{head:<{first}}", *(f"{column[i]:<{w}}" for column, w in zip(columns, widths, strict=True))]
        ).rstrip()
        for i, head in enumerate(heads)
    ]


def _column(one: DirectionResult, names: list[str]) -> list[str]:
    figures = [cell(name, one.metrics[name]) if name in one.metrics else "" for name in names]
    return [TITLES[one.direction], f"{one.queries:,}", f"{one.candidates:,}", *figures]


def fit_lines(found: Calibrated) -> list[str]:
    """What `search calibrate` prints."""
    out = [f"Note: {note}" for note in found.notes]
    out.append(
        f"{counted(found.images, 'image')}, {counted(found.texts, 'caption')}; expected calibration "
        "error on queries that were not fitted, in points:"
    )
    for fit in found.fits:
        direction: DirectionName = f"{fit.entry.asks}-to-{fit.entry.finds}"  # type: ignore[assignment]
        stage = "reranked" if fit.entry.reranker is not None else "first stage"
        said = reliability_sentence(direction, fit.hits, fit.first)
        form = {"short": "short queries, ", "sentence": "sentences, "}.get(fit.entry.form or "", "")
        kept = "" if fit.better else "; not shown to be better than what is there: kept"
        out.append(f"   {stage}, {form}{said}{kept}")
    out.append("Nothing is written." if found.path is None else f"Written: {found.path}")
    return out
