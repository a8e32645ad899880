"""The report's plots, drawn by `templates/plots.html.j2` as inline SVG.

Colours come from the page's style, so that they follow light and dark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from search.calibration.reliability import Reliability
from search.evaluation.results import DirectionResult, Latency
from search.evaluation.wording import TITLES

WIDTH, HEIGHT = 520, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 40
_PLOT_W, _PLOT_H = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

#: Bins of the histogram of times.
_BINS = 28


@dataclass(frozen=True, slots=True)
class Mark:
    """One element of SVG. `title`: what is said of it when it is pointed at."""

    tag: str
    attributes: dict[str, str]
    title: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """Marks in a frame; ticks are places in pixels with their names."""

    title: str
    marks: Sequence[Mark]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    x_name: str

    width, height = WIDTH, HEIGHT
    left, right, floor = _LEFT, WIDTH - _RIGHT, _TOP + _PLOT_H


def recall_curve(directions: Sequence[DirectionResult]) -> Plot:
    """R@k over k (log scale): lines, 95 % bands, dashed what a random order would have."""
    last = max(point.k for one in directions for point in one.curve)
    x = _log_scale(1, max(last, 2))
    marks: list[Mark] = []
    names = []
    for number, one in enumerate(directions):
        points = [(x(p.k), _percent(p.recall.value)) for p in one.curve]
        low = [(x(p.k), _percent(p.recall.low)) for p in one.curve if p.recall.low is not None]
        high = [(x(p.k), _percent(p.recall.high)) for p in one.curve if p.recall.high is not None]
        if low:
            marks.append(Mark("polygon", {"class": f"band s{number}", "points": _points(high + low[::-1])}))
        marks.append(_line(points, f"s{number}"))
        by_chance = [(x(p.k), _percent(p.chance)) for p in one.curve]
        marks.append(_line(by_chance, f"chance s{number}"))
        for point, (px, py) in zip(one.curve, points, strict=True):
            if point.k in (1, 5, 10, 50, 100):
                said = f"{TITLES[one.direction]}: R@{point.k} = {100 * point.recall.value:.1f} %"
                marks.append(_dot(px, py, number, said))
        names.append(TITLES[one.direction])
    ticks = [(x(k), f"{k}") for k in (1, 2, 5, 10, 20, 50, 100) if k <= last]
    return Plot(
        f"Recall at k: {', '.join(names)}",
        marks,
        x_ticks=ticks,
        y_ticks=[(_percent(share / 100), f"{share} %") for share in (0, 25, 50, 75, 100)],
        x_name="first k answers (log scale)",
    )


def rank_histogram(directions: Sequence[DirectionResult]) -> Plot:
    """Share of queries by the rank of their right answer; each bin is twice as wide as the one before."""
    worst = max(int(one.ranks.max()) for one in directions)
    edges = [1, 2]  # bins [1], [2], [3, 4], [5, 8], ...
    while edges[-1] < worst:
        edges.append(edges[-1] * 2)
    uppers = [edge for edge in edges if edge == 1 or edge // 2 < worst]
    shares = [
        np.bincount(np.searchsorted(uppers, one.ranks, side="left"), minlength=len(uppers)) / len(one.ranks)
        for one in directions
    ]
    top = _nice_top(max(float(share.max()) for share in shares))
    slot = _PLOT_W / len(uppers)
    bar = slot * 0.84 / len(directions)
    marks: list[Mark] = []
    ticks = []
    for i, upper in enumerate(uppers):
        lower = 1 if i == 0 else uppers[i - 1] + 1
        name = f"{upper}" if lower == upper else f"{lower:,}–{min(upper, worst):,}"
        left = _LEFT + i * slot + slot * 0.08
        for number, one in enumerate(directions):
            share = float(shares[number][i])
            height = _PLOT_H * share / top
            said = f"{TITLES[one.direction]}: {100 * share:.1f} % of the queries at rank {name}"
            marks.append(_bar(f"bar s{number}", left + number * bar, max(bar - 2, 1), height, said))
        step = max(1, -(-len(uppers) // 9))
        if i % step == 0:
            ticks.append((_LEFT + (i + 0.5) * slot, f"{lower:,}" if lower == upper else f"≤ {min(upper, worst):,}"))
    return Plot(
        "Ranks of the right answers",
        marks,
        x_ticks=ticks,
        y_ticks=_share_ticks(top),
        x_name="rank of the right answer (log scale)",
    )


def latency_histogram(latency: Latency) -> Plot:
    """How long queries took, encoding and search together; lines at p50 and p95."""
    milliseconds = np.array(latency.total) * 1e3  # (q,)
    p50, p95, p99 = np.quantile(milliseconds, [0.5, 0.95, 0.99])
    start = max(0.0, float(milliseconds.min()) * 0.9)
    end = max(float(min(milliseconds.max(), 1.5 * p99)), start + 1e-3) * 1.02
    counts, edges = np.histogram(np.minimum(milliseconds, end), bins=_BINS, range=(start, end))
    top = float(counts.max()) * 1.08

    def x(value: float) -> float:
        return _LEFT + _PLOT_W * (value - start) / (end - start)

    marks: list[Mark] = []
    for count, left, right in zip(counts, edges, edges[1:], strict=False):
        height = _PLOT_H * float(count) / top
        said = f"{count} queries, {left:.1f} to {right:.1f} ms"
        marks.append(_bar("bar s0", x(left) + 0.5, max(x(right) - x(left) - 1, 1), height, said))
    right_edge = WIDTH - _RIGHT - 84
    for value, name, drop in ((p50, "p50", 12), (p95, "p95", 28)):
        side, shift = ("end", -5) if x(value) > right_edge else ("start", 5)
        marks.append(_guide(x(value), _TOP, x(value), _TOP + _PLOT_H))
        place = {"x": f"{x(value) + shift:.1f}", "y": f"{_TOP + drop}", "text-anchor": side}
        marks.append(Mark("text", {"class": "value", **place}, text=f"{name} {value:.1f} ms"))
    step = _nice_step((end - start) / 5)
    first = np.ceil(start / step) * step
    ticks = [(x(value), f"{value:g}") for value in np.round(np.arange(first, end, step), 6)]
    y_ticks = [(_TOP + _PLOT_H, "0"), (_TOP + _PLOT_H * (1 - counts.max() / top), f"{counts.max()}")]
    return Plot("Time of a query", marks, x_ticks=ticks, y_ticks=y_ticks, x_name="milliseconds a query")


def reliability_diagram(hits: Reliability, first: Reliability) -> Plot:
    """Said against seen: share of right hits over mean probability, one dot a bin; from the floor, how many hits have
    which probability (first ones only, where probabilities differ most)."""
    marks = [_guide(_LEFT, _TOP + _PLOT_H, _LEFT + _PLOT_W, _TOP), *_count_bars(first)]
    for number, (name, one) in enumerate((("all hits", hits), ("first hits", first))):
        points = [(_LEFT + _PLOT_W * each.said, _percent(each.right)) for each in one.bins]
        marks.append(_line(points, f"s{number}"))
        for (x, y), each in zip(points, one.bins, strict=True):
            said = (
                f"{name}: {each.count:,} with a probability of {100 * each.said:.1f} % "
                f"({100 * each.low:.1f} to {100 * each.high:.1f}), of which {100 * each.right:.1f} % are right"
            )
            marks.append(_dot(x, y, number, said))
    return Plot(
        "Reliability of probabilities",
        marks,
        x_ticks=[(_LEFT + _PLOT_W * share / 100, f"{share} %") for share in (0, 20, 40, 60, 80, 100)],
        y_ticks=[(_percent(share / 100), f"{share} %") for share in (0, 25, 50, 75, 100)],
        x_name="probability that was said; up: share that was right",
    )


def _count_bars(one: Reliability) -> list[Mark]:
    """Bars from the floor: where the hits are. A bin's bar is as wide as its probabilities, its area its count."""
    widths = [max(each.high - each.low, 0.005) for each in one.bins]
    tallest = max(each.count / width for each, width in zip(one.bins, widths, strict=True))
    bars = []
    for each, width in zip(one.bins, widths, strict=True):
        height = 0.3 * _PLOT_H * each.count / width / tallest
        left = min(_LEFT + _PLOT_W * each.low, _LEFT + _PLOT_W * (1 - width))
        said = f"{each.count:,} first hits from {100 * each.low:.1f} to {100 * each.high:.1f} %"
        bars.append(_bar("count", left, max(_PLOT_W * width - 1, 1), height, said, rounded=False))
    return bars


# -- shared -------------------------------------------------------------------------------------------------


def _line(points: Sequence[tuple[float, float]], kind: str) -> Mark:
    return Mark("polyline", {"class": f"line {kind}", "points": _points(points)})


def _dot(x: float, y: float, number: int, said: str) -> Mark:
    return Mark("circle", {"class": f"dot s{number}", "cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "3.5"}, said)


def _bar(kind: str, left: float, width: float, height: float, said: str, *, rounded: bool = True) -> Mark:
    """From the floor."""
    size = {"width": f"{width:.1f}", "height": f"{height:.1f}", **({"rx": "1.5"} if rounded else {})}
    return Mark("rect", {"class": kind, "x": f"{left:.1f}", "y": f"{_TOP + _PLOT_H - height:.1f}", **size}, said)


def _guide(x1: float, y1: float, x2: float, y2: float) -> Mark:
    """A dashed line."""
    return Mark("line", {"class": "mark", "x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"})


def _log_scale(start: float, end: float) -> Callable[[float], float]:
    def x(value: float) -> float:
        return float(_LEFT + _PLOT_W * np.log(value / start) / np.log(end / start))

    return x


def _percent(share: float) -> float:
    return _TOP + _PLOT_H * (1 - share)


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _nice_step(rough: float) -> float:
    power = 10.0 ** np.floor(np.log10(rough))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= rough))


def _nice_top(share: float) -> float:
    step = _nice_step(share / 4)
    return float(np.ceil(share / step) * step)


def _share_ticks(top: float) -> list[tuple[float, str]]:
    step = _nice_step(top / 4)
    return [(_TOP + _PLOT_H * (1 - s / top), f"{100 * s:g} %") for s in np.round(np.arange(0, top + step / 2, step), 6)]
