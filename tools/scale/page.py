"""The tables of docs/scale-plan.md, written from the simulation: `python -m tools.scale.page`.

Each stands between `<!-- NAME -->` and `<!-- end -->`. `--check` writes nothing and fails when the page has drifted.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tools.scale import growth
from tools.scale.check import compared
from tools.scale.laws import Laws, fitted
from tools.scale.layouts import ENGINES, Wanted, encoding, layout
from tools.scale.measured import Measured, read
from tools.scale.prices import Prices
from tools.scale.simulate import ALL, SIZES, size
from tools.scale.waiting import rate_for

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "scale-plan.md"
Row = Sequence[str]


def table(head: Row, rows: Sequence[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def digits(value: float) -> str:
    """Three digits at most: nothing here is known better."""
    return f"{float(f'{value:.3g}'):,.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"


def constants(measured: Measured, laws: Laws) -> str:
    parts = ["vectors", "tokens", "rows", "facts", "words", "names"]
    rows = []
    for part in parts:
        each = [laws.catalogs[name].bytes.get(part) for name in ("sqlite", "postgresql")]
        rows.append([f"bytes, {part}", *("none" if law is None else f"{law.each:,.0f}" for law in each)])
    totals = [sum(law.each for law in laws.catalogs[name].bytes.values()) for name in ("sqlite", "postgresql")]
    rows.append(["**bytes, together**", *(f"**{total:,.0f}**" for total in totals)])
    rows.append(["writing, ms", *(digits(1e3 * laws.catalogs[n].write.each) for n in ("sqlite", "postgresql"))])
    rows.append(
        ["a query with 30 reranked, ms", *(digits(laws.catalogs[n].query_ms) for n in ("sqlite", "postgresql"))]
    )
    found = table(["an image, of the processor", "SQLite", "PostgreSQL"], rows)
    stages = [
        [f"{name}, ms", *(digits(measured.stages_ms[s][name]) for s in ("224x224", "12mp"))]
        for name in measured.stages_ms["12mp"]
    ]
    stages.append(["file, kB", *(digits(measured.file_bytes[s] / 1e3) for s in ("224x224", "12mp"))])
    found += "\n\n" + table(["a photograph, of the processor", "224 x 224", "12 megapixels"], stages)
    indexes = [["ivf-sq8, files", f"{measured.dimension + 16}", digits(1e3 * laws.index.build.each)]]
    indexes += [[name, f"{each:,.0f}", digits(1e3 * spent)] for name, (each, spent) in measured.servers.items()]
    return found + "\n\n" + table(["vector index", "bytes a vector", "building, ms a vector"], indexes)


def lists(measured: Measured, laws: Laws) -> str:
    """What captions need at each size."""
    rows = []
    for point in (*measured.indexes, *measured.regrown):
        grown = f"{point.count:,}" + (f", grown by way of {point.base:,}" if point in measured.regrown else "")
        if point.probes is None:
            continue
        looked = point.count * point.probes / point.lists
        share = 100 * point.probes / point.lists
        rows.append([grown, f"{point.lists:,}", digits(point.probes), f"{digits(share)} %", f"{looked:,.0f}"])
    count, of, probed = measured.harder
    clustered = f"{count:,}, clustered (`bench_ann.py`), its own queries"
    rows.append([clustered, f"{of:,}", f"{probed}", f"{digits(100 * probed / of)} %", f"{count * probed / of:,.0f}"])
    return table(["vectors", "lists", "probed for 0.95", "share", "vectors compared"], rows)


def check(measured: Measured, laws: Laws) -> str:
    found = [one for one in compared(measured) if one.held_out]
    return table(
        ["what", "at", "predicted", "measured", "times"],
        [
            [one.what, f"{one.count:,}", digits(one.predicted), digits(one.measured), f"{one.times:.2f}"]
            for one in found
        ],
    )


def plans(measured: Measured, laws: Laws) -> str:
    prices, wanted, rows = Prices.read(), Wanted(), []
    for images in SIZES:
        for engine in ENGINES:
            one = layout(engine, laws, prices, images, wanted)
            machines = "; ".join(f"{count} x {name}" for name, count in one.machines.items())
            rows.append([
                f"{images:,}", engine, size(sum(one.disk.values())), size(one.memory), machines,
                digits(one.write_hours), digits(one.build_hours), digits(1e3 * one.index_s), f"${digits(one.month)}",
                str(len(one.limits)) if one.limits else "",
            ])  # fmt: skip
    head = ["images", "engine", "disk", "memory, index", "machines", "write, core h", "build, core h",
            "query in the index, core ms", "a month", "bends"]  # fmt: skip
    return table(head, rows)


def bends(measured: Measured, laws: Laws) -> str:
    """The limits of the largest."""
    prices, wanted = Prices.read(), Wanted()
    lines = []
    for engine in ENGINES:
        for images in SIZES:
            lines += [
                f"* {images:,}, {engine}: {limit}." for limit in layout(engine, laws, prices, images, wanted).limits
            ]
    return "\n".join(lines)


def encodings(measured: Measured, laws: Laws) -> str:
    prices, rows = Prices.read(), []
    for images in SIZES:
        for photographs in ("224x224", "12mp"):
            for encoder in ("bundled", "ViT-B-32-256"):
                one = encoding(laws, prices, images, Wanted(photographs=photographs, encoder=encoder))
                rows.append([
                    f"{images:,}", "224 x 224" if photographs == "224x224" else "12 megapixels", encoder,
                    digits(one.cpu_hours), digits(one.hours), f"${digits(one.cost)}", digits(one.gpu_hours),
                    f"${digits(one.gpu_cost)}",
                ])  # fmt: skip
    head = ["images", "photographs", "encoder", "core hours", "hours, 10 machines of 8 cores", "once",
            "hours, 10 machines with a GPU (assumed)", "once (assumed)"]  # fmt: skip
    return table(head, rows)


def grown(measured: Measured, laws: Laws) -> str:
    found = growth.months(laws, growth.Setting())
    rows = [
        [f"{month.images:,}", f"{month.came:,}", str(month.builds), digits(month.build_hours), digits(month.run_hours)]
        for month in found[5::6]
    ]
    head = ["images", "came in the month", "builds", "core hours of them", "hours of the last daily run"]
    passed = [[f"{float(f'{images:.2g}'):,.0f}", bound] for bound, images in growth.first_passed(found)]
    return table(head, rows) + "\n\n" + table(["from about (to a quarter)", "what bends"], passed)


def rates(measured: Measured, laws: Laws) -> str:
    rows = []
    for images in SIZES:
        query_s = layout(ENGINES[0], laws, Prices.read(), images, Wanted()).query_s
        most = [rate_for(query_s, cores, 1.0) for cores in (2, 8, 64)]
        rows.append([f"{images:,}", digits(1e3 * query_s), *(digits(rate) if rate else "none" for rate in most)])
    return table(["images", "a query, core ms", "2 cores", "8 cores", "64 cores"], rows)


BLOCKS: Final[dict[str, Callable[[Measured, Laws], str]]] = {
    "constants": constants, "lists": lists, "check": check, "encodings": encodings, "plans": plans, "limits": bends,
    "rates": rates, "growth": grown,
}  # fmt: skip


def written(text: str) -> str:
    """The page with its tables made anew."""
    measured = read()
    laws = fitted(measured, ALL)
    for name, block in BLOCKS.items():
        made = f"<!-- {name} -->\n\n{block(measured, laws)}\n\n<!-- end -->"
        text, times = re.subn(rf"<!-- {name} -->.*?<!-- end -->", made.replace("\\", r"\\"), text, flags=re.DOTALL)
        if times != 1:
            raise SystemExit(f"{PAGE.name} has {times} places for the table {name}.")
    return text


def main() -> int:
    """Returns the exit code."""
    before = PAGE.read_text(encoding="utf-8")
    after = written(before)
    if "--check" in sys.argv[1:]:
        return int(before != after)
    PAGE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
