"""A collection that grows day by day, as the product treats it: each day one `search index`, and a new vector index
where more has changed than its tail may hold. Says what a day costs, and which of its bounds is passed first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from indexer.vectors.refresh import TAIL, TAIL_MOST, TAIL_SHARE, choose_type
from tools.scale.laws import Laws

DAYS_A_MONTH = 30
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Setting:
    """`engine`: the database of the catalog. `cores` of the machine that indexes. `photographs`: whose stages count.
    `latency`: seconds in which the index is to answer. `memory`: bytes in which it is to fit."""

    engine: str = "sqlite"
    cores: int = 8
    photographs: str = "12mp"
    latency: float = 0.1
    memory: float = 32 * 2**30


@dataclass(frozen=True, slots=True)
class Month:
    """At the end of a month: `images`, those that came, builds of the index and processor hours of all of them, `tail`:
    items that a query compares one by one, on average; hours that the last day's run took, and of it the encoding."""

    number: int
    images: int
    came: int
    builds: int
    build_hours: float
    tail: float
    run_hours: float
    encode_hours: float
    bounds: tuple[str, ...]


def months(laws: Laws, setting: Setting, first: int = 1_000, last: int = 1_000_000_000, span: int = 60) -> list[Month]:
    """From `first` images to `last` in `span` months, by the same factor each month."""
    return list(_months(laws, setting, first, last, span))


def _months(laws: Laws, setting: Setting, first: int, last: int, span: int) -> Iterator[Month]:
    encode_s = sum(laws.measured.stages_ms[setting.photographs].values()) / 1e3
    catalog = laws.catalogs[setting.engine]
    factor = (last / first) ** (1 / (span * DAYS_A_MONTH))
    images, indexed, tail = first, first, 0
    for number in range(1, span + 1):
        began, builds, build_s, tails, run_h, encode_h = images, 0, 0.0, 0, 0.0, 0.0
        for _ in range(DAYS_A_MONTH):
            new = max(1, round(images * (factor - 1)))
            images += new
            tail += new
            encode_h = new * encode_s / setting.cores / 3_600
            run_s = laws.measured.scan_s * images + encode_h * 3_600 + catalog.write.each * new
            run_s += catalog.asked_ms["count"](images) / 1e3
            flat = choose_type(images, laws.measured.dimension) == "flat"
            if flat or tail > max(TAIL, min(TAIL_MOST, TAIL_SHARE * indexed)):
                seconds = 0.0 if flat else laws.index.build_s(images)
                builds, build_s = builds + 1, build_s + seconds
                indexed, tail = images, 0
                run_s += seconds / setting.cores
            tails += tail
            run_h = run_s / 3_600
        bounds = tuple(_passed(laws, setting, images, run_h, encode_h))
        yield Month(
            number, images, images - began, builds, build_s / 3_600, tails / DAYS_A_MONTH, run_h, encode_h, bounds
        )


def _passed(laws: Laws, setting: Setting, images: int, run_h: float, encode_h: float) -> Iterator[str]:
    """The bounds that a collection of this size has passed, in the words of the page."""
    flat = choose_type(images, laws.measured.dimension) == "flat"
    encode_s = sum(laws.measured.stages_ms[setting.photographs].values()) / 1e3
    if laws.index.bytes(images) > 0.75 * setting.memory:
        yield f"memory: the vector index no longer fits {setting.memory / 2**30:.0f} GiB"
    if laws.index.query_s(images) > setting.latency:
        yield f"latency: the vector index takes more than {setting.latency} s of the processor for a query"
    if laws.index.build_s(images) / setting.cores > DAY:
        yield "builds: one build of the index takes more than a day"
    if laws.measured.scan_s * images > 3_600:
        yield "scan: to find out that nothing changed takes more than an hour"
    if laws.catalogs[setting.engine].asked_ms["status"](images) > 60_000:
        yield "status: `search status` takes more than a minute"
    if not flat and laws.index.build_s(images) > TAIL_MOST * encode_s:
        yield f"builds: an index that is built anew for {TAIL_MOST:,} photographs costs more than encoding them"
    if encode_h > 24:
        yield "encoding: a day's photographs take more than a day"
    if run_h > 24:
        yield "run: a day's `search index` takes more than a day"


def first_passed(found: list[Month]) -> list[tuple[str, int]]:
    """Each bound and the size at which it was passed first, in that order."""
    seen: dict[str, int] = {}
    for month in found:
        for bound in month.bounds:
            seen.setdefault(bound, month.images)
    return sorted(seen.items(), key=lambda pair: pair[1])
