"""A plan for a collection: bytes, machines, hours and costs by engine, and how it grows there.

    python -m tools.scale.simulate [--images 1000000 1000000000] [--json] [--prices FILE]
    python -m tools.scale.simulate --check        predicted beside measured
    python -m tools.scale.simulate --growth       month by month from 1,000 to 1,000,000,000

Constants come from the committed results of the benchmarks (`tests/benchmarks/results/vnni/`), prices from
`tools/scale/prices.json`: assumptions. What a GPU does was not measured.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools.scale import growth, waiting
from tools.scale.check import compared
from tools.scale.laws import Laws, fitted
from tools.scale.layouts import ENGINES, Encoding, Layout, Wanted, encoding, layout
from tools.scale.measured import read
from tools.scale.prices import DEFAULT, Prices

SIZES = (1_000_000, 20_000_000, 100_000_000, 1_000_000_000)
#: Laws for a plan use all that was measured; only a check holds the large sizes back.
ALL = 10**12


def plan(laws: Laws, prices: Prices, images: int, wanted: Wanted) -> dict[str, Any]:
    """What one size takes: see `Encoding` and `Layout`, and how long queries wait on one machine of eight cores."""
    layouts = [layout(engine, laws, prices, images, wanted) for engine in ENGINES]
    query_s = layouts[0].query_s
    waits = waiting.simulated(min(wanted.rate, 0.9 * 8 / query_s), query_s, 8)
    return {
        "images": images,
        "encoding": asdict(encoding(laws, prices, images, wanted)),
        "photographs": {
            "bytes": images * laws.measured.file_bytes[wanted.photographs],
            "month": prices.objects(images * laws.measured.file_bytes[wanted.photographs]),
        },
        "layouts": [each.to_json() for each in layouts],
        "waits": asdict(waits),
        "queries_a_second": waiting.rate_for(query_s, 8, 1.0),
    }


def size(count: float) -> str:
    """Bytes for a person."""
    for unit, factor in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:,.3g} {unit}"
    return f"{count / 1e3:,.3g} kB"


def show(found: dict[str, Any], wanted: Wanted) -> None:
    once, images = Encoding(**found["encoding"]), found["images"]
    print(f"\n{images:,} images")
    print(
        f"  encoding ({wanted.encoder}, {wanted.photographs}): {once.cpu_hours:,.0f} core hours, {once.hours:,.1f} "
        f"hours on {wanted.machines} machines, ${once.cost:,.0f} once; by assumption {once.gpu_hours:,.1f} hours on as "
        f"many with a GPU, ${once.gpu_cost:,.0f}"
    )
    files = found["photographs"]
    print(f"  the photographs themselves: {size(files['bytes'])}, ${files['month']:,.0f} a month in an object store")
    for each in (Layout(**row) for row in found["layouts"]):
        disk = ", ".join(f"{name} {size(bytes_)}" for name, bytes_ in each.disk.items())
        machines = ", ".join(f"{count} x {name}" for name, count in each.machines.items())
        print(f"  {each.engine}: {disk}; memory {size(each.memory)}; {machines}; ${each.month:,.0f} a month")
        print(
            f"    rows written in {each.write_hours:,.1f} core hours, index in {each.build_hours:,.1f}; a query "
            f"{1e3 * each.query_s:,.0f} ms of a core, {1e3 * each.index_s:,.1f} of it in the index"
        )
        for limit in each.limits:
            print(f"    but: {limit}")
    print(f"  on 8 cores, from files: p50 {found['waits']['p50']:.2f} s, p95 {found['waits']['p95']:.2f} s; at most "
          f"{found['queries_a_second']:,.1f} queries a second with p95 below 1 s")  # fmt: skip


def show_check() -> None:
    for one in compared(read()):
        held = "predicted" if one.held_out else "fitted"
        print(
            f"{one.what:<45} {one.count:>11,} {one.predicted:>14,.2f} {one.measured:>14,.2f} {one.times:6.2f}  {held}"
        )


def show_growth(laws: Laws, setting: growth.Setting) -> None:
    found = growth.months(laws, setting)
    for month in found[5::6]:
        print(
            f"month {month.number:>2}: {month.images:>13,} images, {month.builds:>2} builds of together "
            f"{month.build_hours:,.1f} core hours, tail {month.tail:,.0f}, the last run {month.run_hours:,.1f} h "
            f"({month.encode_hours:,.1f} encoding)"
        )
    for bound, images in growth.first_passed(found):
        print(f"{images:>13,}  {bound}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--photographs", choices=("12mp", "224x224"), default="12mp")
    parser.add_argument("--encoder", choices=("bundled", "ViT-B-32-256"), default="bundled")
    parser.add_argument("--machines", type=int, default=10, help="that encode")
    parser.add_argument("--rate", type=float, default=10.0, help="queries a second")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds in the vector index")
    parser.add_argument("--prices", type=Path, default=DEFAULT)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--growth", action="store_true")
    given = parser.parse_args()
    if given.check:
        show_check()
        return
    laws = fitted(read(), ALL)
    if given.growth:
        show_growth(laws, growth.Setting(photographs=given.photographs))
        return
    wanted = Wanted(given.rate, given.latency, given.photographs, given.encoder, given.machines)
    plans = [plan(laws, Prices.read(given.prices), images, wanted) for images in given.images]
    if given.json:
        print(json.dumps(plans, indent=1))
        return
    for each in plans:
        show(each, wanted)


if __name__ == "__main__":
    main()
