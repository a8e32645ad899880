"""The report's plots as inline SVG; colours come from the page's style, so that they follow light and dark."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from search.calibration.reliability import Reliability
from search.evaluation.results import DirectionResult, Latency
from search.evaluation.wording import TITLES

WIDTH, HEIGHT = 520, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 40
_PLOT_W, _PLOT_H = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

#: Bins of the histogram of times.
_BINS = 28


def recall_curve(directions: Sequence[DirectionResult]) -> str:
    """R@k over k (log scale): lines, 95 % bands, dashed what a random order would have."""
    last = max(point.k for one in directions for point in one.curve)
    x = _log_scale(1, max(last, 2))
    marks, names = [], []
    for number, one in enumerate(directions):
        points = [(x(p.k), _percent(p.recall.value)) for p in one.curve]
        low = [(x(p.k), _percent(p.recall.low)) for p in one.curve if p.recall.low is not None]
        high = [(x(p.k), _percent(p.recall.high)) for p in one.curve if p.recall.high is not None]
        if low:
            marks.append(f'<polygon class="band s{number}" points="{_points(high + low[::-1])}"/>')
        marks.append(f'<polyline class="line s{number}" points="{_points(points)}"/>')
        by_chance = [(x(p.k), _percent(p.chance)) for p in one.curve]
        marks.append(f'<polyline class="line chance s{number}" points="{_points(by_chance)}"/>')
        for point, (px, py) in zip(one.curve, points, strict=True):
            if point.k in (1, 5, 10, 50, 100):
                marks.append(
                    f'<circle class="dot s{number}" cx="{px:.1f}" cy="{py:.1f}" r="3.5">'
                    f"<title>{TITLES[one.direction]}: R@{point.k} = {100 * point.recall.value:.1f} %</title></circle>"
                )
        names.append(TITLES[one.direction])
    ticks = [(x(k), f"{k}") for k in (1, 2, 5, 10, 20, 50, 100) if k <= last]
    return _plot(
        f"Recall at k: {', '.join(names)}",
        "".join(marks),
        x_ticks=ticks,
        y_ticks=[(_percent(share / 100), f"{share} %") for share in (0, 25, 50, 75, 100)],
        x_name="first k answers (log scale)",
    )


def rank_histogram(directions: Sequence[DirectionResult]) -> str:
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
    marks, ticks = [], []
    for i, upper in enumerate(uppers):
        lower = 1 if i == 0 else uppers[i - 1] + 1
        name = f"{upper}" if lower == upper else f"{lower:,}–{min(upper, worst):,}"
        left = _LEFT + i * slot + slot * 0.08
        for number, one in enumerate(directions):
            share = float(shares[number][i])
            height = _PLOT_H * share / top
            marks.append(
                f'<rect class="bar s{number}" x="{left + number * bar:.1f}" y="{_TOP + _PLOT_H - height:.1f}" '
                f'width="{max(bar - 2, 1):.1f}" height="{height:.1f}" rx="1.5"><title>{TITLES[one.direction]}: '
                f"{100 * share:.1f} % of the queries at rank {name}</title></rect>"
            )
        step = max(1, -(-len(uppers) // 9))
        if i % step == 0:
            ticks.append((_LEFT + (i + 0.5) * slot, f"{lower:,}" if lower == upper else f"≤ {min(upper, worst):,}"))
    return _plot(
        "Ranks of the right answers",
        "".join(marks),
        x_ticks=ticks,
        y_ticks=_share_ticks(top),
        x_name="rank of the right answer (log scale)",
    )


def latency_histogram(latency: Latency) -> str:
    """How long queries took, encoding and search together; lines at p50 and p95."""
    milliseconds = np.array(latency.total) * 1e3  # (q,)
    p50, p95, p99 = np.quantile(milliseconds, [0.5, 0.95, 0.99])
    start = max(0.0, float(milliseconds.min()) * 0.9)
    end = max(float(min(milliseconds.max(), 1.5 * p99)), start + 1e-3) * 1.02
    counts, edges = np.histogram(np.minimum(milliseconds, end), bins=_BINS, range=(start, end))
    top = float(counts.max()) * 1.08

    def x(value: float) -> float:
        return _LEFT + _PLOT_W * (value - start) / (end - start)

    marks = []
    for count, left, right in zip(counts, edges, edges[1:], strict=False):
        height = _PLOT_H * float(count) / top
        marks.append(
            f'<rect class="bar s0" x="{x(left) + 0.5:.1f}" y="{_TOP + _PLOT_H - height:.1f}" '
            f'width="{max(x(right) - x(left) - 1, 1):.1f}" height="{height:.1f}" rx="1.5">'
            f"<title>{count} queries, {left:.1f} to {right:.1f} ms</title></rect>"
        )
    right_edge = WIDTH - _RIGHT - 84
    for value, name, drop in ((p50, "p50", 12), (p95, "p95", 28)):
        side, shift = ("end", -5) if x(value) > right_edge else ("start", 5)
        marks.append(
            f'<line class="mark" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{_TOP}" y2="{_TOP + _PLOT_H}"/>'
            f'<text class="value" x="{x(value) + shift:.1f}" y="{_TOP + drop}" text-anchor="{side}">'
            f"{name} {value:.1f} ms</text>"
        )
    step = _nice_step((end - start) / 5)
    first = np.ceil(start / step) * step
    ticks = [(x(value), f"{value:g}") for value in np.round(np.arange(first, end, step), 6)]
    y_ticks = [(_TOP + _PLOT_H, "0"), (_TOP + _PLOT_H * (1 - counts.max() / top), f"{counts.max()}")]
    return _plot("Time of a query", "".join(marks), x_ticks=ticks, y_ticks=y_ticks, x_name="milliseconds a query")


def reliability_diagram(hits: Reliability, first: Reliability) -> str:
    """Said against seen: share of right hits over mean probability, one dot a bin; from the floor, how many hits have
    which probability (first ones only, where probabilities differ most)."""
    marks = [
        f'<line class="mark" x1="{_LEFT}" y1="{_TOP + _PLOT_H}" x2="{_LEFT + _PLOT_W}" y2="{_TOP}"/>',
        _count_bars(first),
    ]
    for number, (name, one) in enumerate((("all hits", hits), ("first hits", first))):
        points = [(_LEFT + _PLOT_W * each.said, _percent(each.right)) for each in one.bins]
        marks.append(f'<polyline class="line s{number}" points="{_points(points)}"/>')
        marks += [
            f'<circle class="dot s{number}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{name}: {each.count:,} with a '
            f"probability of {100 * each.said:.1f} % ({100 * each.low:.1f} to {100 * each.high:.1f}), of which "
            f"{100 * each.right:.1f} % are right</title></circle>"
            for (x, y), each in zip(points, one.bins, strict=True)
        ]
    return _plot(
        "Reliability of probabilities",
        "".join(marks),
        x_ticks=[(_LEFT + _PLOT_W * share / 100, f"{share} %") for share in (0, 20, 40, 60, 80, 100)],
        y_ticks=[(_percent(share / 100), f"{share} %") for share in (0, 25, 50, 75, 100)],
        x_name="probability that was said; up: share that was right",
    )


def _count_bars(one: Reliability) -> str:
    """Bars from the floor: where the hits are. A bin's bar is as wide as its probabilities, its area its count."""
    widths = [max(each.high - each.low, 0.005) for each in one.bins]
    tallest = max(each.count / width for each, width in zip(one.bins, widths, strict=True))
    bars = []
    for each, width in zip(one.bins, widths, strict=True):
        height = 0.3 * _PLOT_H * each.count / width / tallest
        left = min(_LEFT + _PLOT_W * each.low, _LEFT + _PLOT_W * (1 - width))
        bars.append(
            f'<rect class="count" x="{left:.1f}" y="{_TOP + _PLOT_H - height:.1f}" '
            f'width="{max(_PLOT_W * width - 1, 1):.1f}" height="{height:.1f}"><title>{each.count:,} first hits from '
            f"{100 * each.low:.1f} to {100 * each.high:.1f} %</title></rect>"
        )
    return "".join(bars)


# -- shared -------------------------------------------------------------------------------------------------


def _plot(
    title: str, marks: str, *, x_ticks: Sequence[tuple[float, str]], y_ticks: Sequence[tuple[float, str]], x_name: str
) -> str:
    floor = _TOP + _PLOT_H
    grid = "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{name}</text>'
        for y, name in y_ticks
    )
    below = "".join(f'<text x="{x:.1f}" y="{floor + 17}" text-anchor="middle">{name}</text>' for x, name in x_ticks)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">{grid}{marks}'
        f'<line class="floor" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{floor}" y2="{floor}"/>{below}'
        f'<text x="{_LEFT + _PLOT_W / 2:.0f}" y="{HEIGHT - 5}" text-anchor="middle">{x_name}</text></svg>'
    )


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
