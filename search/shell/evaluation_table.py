"""What `search eval` prints: the figures of both directions side by side."""

from __future__ import annotations

from search.calibration.calibrate import Calibrated
from search.calibration.reliability import Reliability
from search.evaluation.results import (
    DirectionReliability,
    DirectionResult,
    Estimate,
    Evaluation,
    StageResult,
    clear,
    percentiles,
)
from search.ground_truth.directions import DirectionName
from search.shell.printing import print_line

#: What a table calls each direction.
TITLES = {"text-to-image": "text to image", "image-to-text": "image to text"}

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
        out += [*_table(stage, titled=len(found.stages) > 1), *_judged(stage), ""]
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
    what = "captions" if found.kind == "captions" else "labelled images"
    counts = f"{found.pairs:,} {what}" if found.kind == "captions" else f"{found.texts:,} labels"
    return f"{found.source}{split}: {found.images:,} images, {counts}; encoder {found.encoder}"


def protocol(found: Evaluation) -> str:
    """What was ranked, and what the intervals are."""
    sentence = (
        "Ranked among the images and texts of these pairs only, not the whole index; ties count against the result."
    )
    if not found.bootstrap:
        return sentence
    over = "images" if found.kind == "captions" else "images (text to image: labels)"
    return (
        f"{sentence} In brackets: 95 % bootstrap intervals over {over}, {found.bootstrap:,} resamples, "
        f"seed {found.seed}."
    )


def index_sentence(found: Evaluation) -> str:
    """How near the store's vector index comes to exact search."""
    index = found.index
    assert index is not None
    if index.index_type is None:
        return f"none: {index.images:,} images are compared one by one, so nothing is missed"
    raw = "behind the catalog, see `search index`" if index.raw is None else f"{index.raw:.3f}"
    return (
        f"{index.index_type} over all {index.images:,} images: recall@{index.k} against exact search {raw}, "
        f"of the answers {index.answers:.3f} ({index.queries:,} queries)"
    )


def cell(name: str, estimate: Estimate) -> str:
    """A figure and, two spaces on, its interval: "22.3 %  [20.4, 24.1]"; see `number`."""
    if estimate.low is None or estimate.high is None:
        return number(name, estimate.value)
    low, high = (number(name, end).removesuffix(" %") for end in (estimate.low, estimate.high))
    return f"{number(name, estimate.value)}  [{low}, {high}]"


def number(name: str, value: float) -> str:
    """R@k in percent, ranks without needless digits, the rest with three."""
    if name.startswith("R@"):
        return f"{100 * value:.1f} %"
    return f"{value:g}" if name == "median rank" else f"{value:.3f}"


def metric_names(stage: StageResult) -> list[str]:
    """Every metric of either direction, once, in their order."""
    return list(dict.fromkeys(name for one in stage.directions for name in one.metrics))


def difference(name: str, estimate: Estimate) -> str:
    """By how much a figure is better, R@k in percentage points: "+2.3  [+1.1, +3.4], clear of 0"."""
    scale, digits = (100, 1) if name.startswith("R@") else (1, 3)
    value = f"{scale * estimate.value:+.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return value
    said = "clear of 0" if clear(estimate) else "not clear of 0"
    return f"{value}  [{scale * estimate.low:+.{digits}f}, {scale * estimate.high:+.{digits}f}], {said}"


def comparison_title(found: Evaluation) -> str:
    """What is compared with what."""
    assert found.reranking is not None
    first, second = (stage.name for stage in found.stages)
    return (
        f"{second} minus {first}: the first {found.reranking.count:,} candidates by {found.reranking.reranker}, "
        "R@k in percentage points"
    )


def judged_sentence(one: DirectionReliability) -> str:
    """How far the probabilities of one direction can be trusted."""
    guessed = "" if one.fitted else " (guessed from the scores' spread; `search calibrate` fits it)"
    return reliability_sentence(one.direction, one.hits, one.first) + guessed


def reliability_sentence(direction: DirectionName, hits: Reliability, first: Reliability) -> str:
    """The expected calibration errors of one direction."""
    return (
        f"{TITLES[direction]}: {100 * hits.ece:.1f} over {hits.hits:,} hits, "
        f"{100 * first.ece:.1f} over the {first.hits:,} first ones"
    )


def _judged(stage: StageResult) -> list[str]:
    """The expected calibration error of both directions."""
    if not stage.reliability:
        return []
    return ["expected calibration error of the hits' probabilities, in points"] + [
        f"   {judged_sentence(one)}" for one in stage.reliability
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
        f"{found.images:,} images, {found.texts:,} captions; expected calibration error on queries that were not "
        "fitted, in points:"
    )
    for fit in found.fits:
        direction: DirectionName = "text-to-image" if fit.entry.asks == "text" else "image-to-text"
        stage = "reranked" if fit.entry.reranker is not None else "first stage"
        said = reliability_sentence(direction, fit.hits, fit.first)
        out.append(f"   {stage}, {said}")
    out.append(f"Written: {found.path}")
    return out
