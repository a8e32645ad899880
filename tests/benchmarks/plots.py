"""Draws the figures of docs/benchmarks.md and docs/scale-plan.md from what the benchmarks wrote:
`python tests/benchmarks/plots.py`.

Reads `tests/benchmarks/results/vnni/` (the machine that the page shows), `avx2/` for what was not measured there.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from tools.scale.laws import fitted
from tools.scale.measured import read
from tools.scale.simulate import ALL

RESULTS = Path(__file__).parent / "results"
FIGURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
OURS, RIVAL, OTHER = "#1f6f8b", "#c0504d", "#8c8c8c"


def throughput(rivals: dict[str, Any]) -> None:
    """Images a second of whole `index` runs, ours and theirs."""
    rows = [row for row in rivals["rows"] if row.get("count", 0) > 1]
    figure, axes = plt.subplots(figsize=(8, 0.9 + 0.55 * len(rows)), layout="constrained")
    for place, row in enumerate(rows):
        for shift, key, colour in ((-0.19, "ours_s", OURS), (0.19, "theirs_s", RIVAL)):
            rates = [row["count"] / seconds for seconds in row[key]]
            bar = statistics.median(rates)
            axes.barh(place + shift, bar, 0.36, color=colour, xerr=[[bar - min(rates)], [max(rates) - bar]], capsize=2)
            axes.text(max(rates), place + shift, f"  {bar:.1f}", va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), [f"{row['what']}\n(beside {row['than']})" for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("images a second, whole process; bars: medians, lines: least and most")
    axes.legend([plt.Rectangle((0, 0), 1, 1, color=c) for c in (OURS, RIVAL)], ["this", "the other"], fontsize=8)
    figure.savefig(FIGURES / "throughput.svg")


def latency(rivals: dict[str, Any]) -> None:
    """Seconds of a text query as a whole process, every run a dot."""
    rows = [row for row in rivals["rows"] if row.get("count") == 1 or row["what"] == "resident"]
    series: list[tuple[str, list[float], str]] = []
    for row in rows:
        series.append((row["what"], row["ours_s"], OURS))
        if "theirs_s" in row:
            series.append((f"{row['than']}, beside it", row["theirs_s"], RIVAL))
    figure, axes = plt.subplots(figsize=(8, 0.9 + 0.4 * len(series)), layout="constrained")
    for place, (_, seconds, colour) in enumerate(series):
        axes.plot(seconds, [place] * len(seconds), "o", color=colour, alpha=0.5, markersize=4)
        axes.plot(statistics.median(seconds), place, "|", color=colour, markersize=16)
    axes.set_yticks(range(len(series)), [name for name, _, _ in series], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds of `query` from the shell; dots: runs, strokes: medians")
    figure.savefig(FIGURES / "latency.svg")


def recall(ann: dict[str, Any]) -> None:
    """Recall@10 against milliseconds, by effort."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for result in ann["results"]:
        curve = result["curve"]
        axes.plot([at["p50_ms"] for at in curve], [at["recall"] for at in curve], "o-", color=OURS, markersize=4)
        chosen = min(curve, key=lambda at: abs(at["width"] - result["tuned"]["width"]))
        axes.plot(chosen["p50_ms"], chosen["recall"], "o", color=RIVAL, markersize=9, fillstyle="none")
        axes.annotate(
            f"{result['count']:,} {result['kind']}",
            (curve[-1]["p50_ms"], curve[-1]["recall"] - 0.02),
            ha="right",
            fontsize=8,
        )
    axes.axhline(0.95, color=OTHER, linewidth=0.8, linestyle="--")
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter("")
    axes.set_xticks([2, 5, 10, 20, 50], ["2", "5", "10", "20", "50"])
    axes.set_xlabel("milliseconds a query, p50 (circle: what tuning chose for 0.95)")
    axes.set_ylabel("recall@10")
    figure.savefig(FIGURES / "recall.svg")


def growth(found: dict[str, Any]) -> None:
    """Seconds and peak memory of indexing with the size of the collection."""
    sizes = [runs[0]["items"] for runs in found["runs"]]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for keys, name, colour in ((("ingest_s",), "catalog", OURS), (("ingest_s", "build_s"), "and vector index", RIVAL)):
        medians = [statistics.median(sum(run[key] for key in keys) for run in runs) for runs in found["runs"]]
        left.loglog(sizes, medians, "o-", color=colour, markersize=4, label=name)
    first = statistics.median(run["ingest_s"] for run in found["runs"][0])
    left.loglog(sizes, [first * size / sizes[0] for size in sizes], "--", color=OTHER, label="in proportion")
    left.set_xlabel("items")
    left.set_ylabel("seconds, vectors given")
    left.legend(fontsize=8)
    for key, name, colour in (("ingest_mb", "catalog", OURS), ("build_mb", "and vector index", RIVAL)):
        medians = [statistics.median(run[key] for run in runs) for runs in found["runs"]]
        right.semilogx(sizes, medians, "o-", color=colour, markersize=4, label=name)
    right.set_ylim(bottom=0)
    right.set_xlabel("items")
    right.set_ylabel("peak memory, MB")
    right.legend(fontsize=8)
    figure.savefig(FIGURES / "growth.svg")


def scale() -> None:
    """The plan to a billion: a query in the vector index, its build, and bytes; dots are what was measured."""
    measured = read()
    laws = fitted(measured, ALL)
    sizes = [round(10 ** (power / 4)) for power in range(16, 37)]
    count, lists, probed = measured.harder
    harder = probed / laws.index.probed(count, lists)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    ways: tuple[tuple[str, str, str, Callable[[int], float]], ...] = (
        ("lists as today", OURS, "-", lambda n: laws.index.query_s(n)),
        ("the same, clustered vectors", OURS, "--", lambda n: laws.index.query_s(n, harder=harder)),
        ("4 sqrt(n) lists", RIVAL, "-", lambda n: laws.index.query_s(n, round(4 * n**0.5))),
    )
    for name, colour, style, way in ways:
        left.loglog(sizes, [1e3 * way(size) for size in sizes], style, color=colour, label=name)
    needed = [point for point in measured.indexes if point.probes is not None and point.count >= sizes[0]]
    times = [next(at[2] for at in point.curve if at[1] >= 0.95) for point in needed]
    left.loglog([point.count for point in needed], times, "o", color=OURS, markersize=5)
    left.axhline(100, color=OTHER, linewidth=0.8, linestyle=":")
    left.set_ylabel("ms of a core, a query in the index, 0.95")
    middle.loglog(sizes, [laws.index.build_s(size) / 3_600 for size in sizes], color=OURS, label="vector index, once")
    encode = sum(measured.stages_ms["12mp"].values()) / 3.6e6
    middle.loglog(sizes, [encode * size for size in sizes], color=RIVAL, label="encoding all, 12 megapixels")
    written = laws.catalogs["postgresql"].write
    middle.loglog(sizes, [written(size) / 3_600 for size in sizes], color=OTHER, label="rows in PostgreSQL")
    built = [(p.count, p.build_cpu_s / 3_600) for p in measured.indexes if p.count >= sizes[0] and p.build_cpu_s]
    middle.loglog([count for count, _ in built], [hours for _, hours in built], "o", color=OURS, markersize=5)
    middle.set_ylabel("core hours")
    for name, colour, law in (
        ("catalog, PostgreSQL", OTHER, laws.catalogs["postgresql"].total),
        ("catalog, SQLite", RIVAL, laws.catalogs["sqlite"].total),
        ("vector index", OURS, laws.index.bytes),
    ):
        right.loglog(sizes, [law(size) / 1e9 for size in sizes], color=colour, label=name)
    for database, colour in (("postgresql", OTHER), ("sqlite", RIVAL)):
        points = [point for point in measured.catalogs[database] if point.count >= sizes[0]]
        right.loglog([p.count for p in points], [sum(p.bytes.values()) / 1e9 for p in points], "o", color=colour)
    right.set_ylabel("GB")
    for axes in (left, middle, right):
        axes.set_xlabel("images")
        axes.legend(fontsize=7)
    figure.savefig(FIGURES / "scale.svg")


def ray(found: dict[str, Any]) -> None:
    """Files a second on Ray, the median and each round, with the local pipeline as a line."""
    figure, both = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for axes, given, name, colour in zip(
        both, (False, True), ("encoding", "vectors given"), (OURS, RIVAL), strict=True
    ):
        rates = {row["workers"]: row["rate"] for row in found["rows"] if row["given"] == given}
        workers = sorted(each for each in rates if each)
        axes.plot(workers, [statistics.median(rates[n]) for n in workers], "o-", color=colour, label="on Ray")
        for number in workers:
            axes.plot([number] * len(rates[number]), rates[number], ".", color=colour, alpha=0.5)
        axes.axhline(statistics.median(rates[0]), linestyle="--", color=OTHER, linewidth=1, label="without Ray")
        axes.set_title(name, fontsize=9)
        axes.set_ylabel("files a second")
        axes.set_xlabel("workers on two cores")
        axes.set_xticks([1, 2, 4])
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8)
    figure.savefig(FIGURES / "ray.svg")


def main() -> None:
    plt.rcParams["svg.hashsalt"] = "search"  # the same figures, the same bytes
    drawn: dict[str, tuple[Callable[[dict[str, Any]], None], ...]] = {
        "rivals": (throughput, latency), "ann": (recall,), "growth": (growth,), "ray": (ray,),
    }  # fmt: skip
    for name, draw in drawn.items():
        path = next((path for path in (RESULTS / m / f"{name}.json" for m in ("vnni", "avx2")) if path.exists()), None)
        if path is not None:
            found = json.loads(path.read_text(encoding="utf-8"))
            for each in draw:
                each(found)
                print(f"{name}: {each.__name__}.svg")
    scale()
    print("scale.svg")


if __name__ == "__main__":
    main()
