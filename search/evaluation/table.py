"""What `search eval` prints: the figures of both directions side by side."""

from __future__ import annotations

from search.evaluation.results import DirectionResult, Estimate, Evaluation, StageResult, percentiles
from search.render import print_line

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
        out += [*_table(stage, titled=len(found.stages) > 1), ""]
    index, latency = found.index, found.latency
    if index is not None:
        out.append(f"index    {index_sentence(found)}")
    if latency is not None:
        steps = (("encode", latency.encode), ("search", latency.search), ("together", latency.total))
        said = [
            f"{name} {percentiles(step)['p50_ms']:.1f} ms (p95 {percentiles(step)['p95_ms']:.1f})"
            for name, step in steps
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


def _table(stage: StageResult, *, titled: bool) -> list[str]:
    names = metric_names(stage)
    columns = [_column(one, names) for one in stage.directions]
    heads = ["", "queries", "candidates", *names]
    first = max(len(head) for head in heads)
    widths = [max(len(text) for text in column) for column in columns]
    rows = [
        _GAP.join(
            [f"{head:<{first}}", *(f"{column[i]:<{w}}" for column, w in zip(columns, widths, strict=True))]
        ).rstrip()
        for i, head in enumerate(heads)
    ]
    return [stage.name, *rows] if titled else rows


def _column(one: DirectionResult, names: list[str]) -> list[str]:
    figures = [cell(name, one.metrics[name]) if name in one.metrics else "" for name in names]
    return [TITLES[one.direction], f"{one.queries:,}", f"{one.candidates:,}", *figures]
