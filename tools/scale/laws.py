"""What grows how: laws with one or two constants, fitted to what was measured up to a size, and used beyond it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.vectors.backends.faiss_files.tuning import ivf_settings
from tools.scale.measured import CatalogPoint, IndexPoint, Measured

#: Laws are fitted to points up to here; what is larger is predicted, and compared with what was measured.
FITTED_UP_TO = 100_000
#: Below this an index is a formality: nothing is fitted to it.
FITTED_FROM = 10_000


@dataclass(frozen=True, slots=True)
class Straight:
    """fixed + each * n, fitted by relative errors, neither constant below zero."""

    fixed: float
    each: float

    def __call__(self, count: float) -> float:
        return self.fixed + self.each * count

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]]) -> Straight:
        """`points`: (n, value > 0)."""
        fixed, each = _not_negative([[1.0, count] for count, _ in points], [value for _, value in points])
        return cls(fixed, each)


@dataclass(frozen=True, slots=True)
class Power:
    """factor * n ^ exponent, by least squares on logarithms."""

    factor: float
    exponent: float

    def __call__(self, count: float) -> float:
        return float(self.factor * count**self.exponent)

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]]) -> Power:
        """`points`: (n > 0, value > 0)."""
        logs = np.log(np.array(points, np.float64))
        exponent, factor = np.polyfit(logs[:, 0], logs[:, 1], 1)
        return cls(float(np.exp(factor)), float(exponent))


def _not_negative(terms: Sequence[Sequence[float]], values: Sequence[float]) -> list[float]:
    """The constants c >= 0 of sum(c * term) with the least squares of relative errors; two terms."""
    rows = np.array(terms, np.float64) / np.array(values, np.float64)[:, None]  # (p, 2)
    ones = np.ones(len(rows))
    both, *_ = np.linalg.lstsq(rows, ones, rcond=None)
    if (both >= 0).all():
        return [float(each) for each in both]
    alone = [float(rows[:, place] @ ones / (rows[:, place] @ rows[:, place])) for place in range(rows.shape[1])]
    errors = [float(((rows[:, place] * alone[place] - 1) ** 2).sum()) for place in range(rows.shape[1])]
    best = int(np.argmin(errors))
    return [each if place == best else 0.0 for place, each in enumerate(alone)]


@dataclass(frozen=True, slots=True)
class IndexLaws:
    """An inverted file of `ivf-sq8`, the type that the product chooses for many vectors.

    `probes`: of lists, how many captions need. `build`: processor seconds of so many vectors. A query: `per_cell` for
    each list whose centre is compared, `per_vector` for each vector that is, and `query_fixed`; processor seconds.
    """

    dimension: int
    probes: Power
    build: Straight
    per_cell: float
    per_vector: float
    query_fixed: float

    def lists(self, count: int) -> int:
        """As the product chooses them today: no more beyond some 900,000 vectors, as the training sample is bounded."""
        return ivf_settings(count, self.dimension).lists

    def bytes(self, count: int) -> float:
        """A vector's codes, its position and its id; the centres of the lists."""
        return count * (self.dimension + 16) + self.lists(count) * (4 * self.dimension + 8)

    def probed(self, count: int, lists: int | None = None) -> float:
        """Lists that have to be looked into."""
        lists = self.lists(count) if lists is None else lists
        return min(float(lists), self.probes(lists))

    def scanned(self, count: int, lists: int | None = None) -> float:
        """Vectors that are compared."""
        lists = self.lists(count) if lists is None else lists
        return count * self.probed(count, lists) / lists

    def query_s(self, count: int, lists: int | None = None, harder: float = 1.0) -> float:
        """Processor seconds in the index; `harder`: so many times as many lists are needed."""
        lists = self.lists(count) if lists is None else lists
        return self.query_fixed + self.per_cell * lists + self.per_vector * harder * self.scanned(count, lists)

    def build_s(self, count: int, lists: int | None = None) -> float:
        """Processor seconds. More lists than the product takes cost at most a comparison more for each vector."""
        today = self.lists(count)
        more = max(0, (today if lists is None else lists) - today)
        return self.build(count) + self.per_cell * more * count


@dataclass(frozen=True, slots=True)
class CatalogLaws:
    """One database: bytes of an image by part, processor seconds to write, and ms of reads by size.

    What a query reads of a catalog is bounded, whatever its size (`query_ms`: the median of what was measured, with the
    words encoded and 30 hits reranked); a status counts.
    """

    bytes: dict[str, Straight]
    write: Straight
    query_ms: float
    asked_ms: dict[str, Straight]

    def total(self, count: float) -> float:
        return sum(law(count) for law in self.bytes.values())


@dataclass(frozen=True, slots=True)
class Laws:
    """`graph_ms`: processor ms of a query of pgvector's graph, by size: two points, by two clocks."""

    index: IndexLaws
    catalogs: dict[str, CatalogLaws]
    graph_ms: Power
    measured: Measured


def fitted(measured: Measured, up_to: int = FITTED_UP_TO) -> Laws:
    """Laws of everything, from the points up to `up_to`."""
    index = index_laws([point for point in measured.indexes if point.count <= up_to], measured.dimension)
    catalogs = {
        name: catalog_laws([point for point in points if point.count <= up_to])
        for name, points in measured.catalogs.items()
    }
    return Laws(index, catalogs, Power.of(measured.graph_ms), measured)


def index_laws(points: Sequence[IndexPoint], dimension: int) -> IndexLaws:
    """Raises ValueError for fewer than two points from `FITTED_FROM` on."""
    large = [point for point in points if point.count >= FITTED_FROM]
    if len(large) < 2:
        raise ValueError("two sizes at least have to be fitted to")
    probes = Power.of([(point.lists, point.probes) for point in points if point.probes is not None])
    cells = [(float(point.lists), cells_ms / 1e3) for point in large for *_, cells_ms in point.curve]
    looks = [
        (width * point.count / point.lists, max(ms - cells_ms, 1e-3) / 1e3)
        for point in large
        for width, _, ms, cells_ms in point.curve
    ]
    choosing, comparing = Straight.of(cells), Straight.of(looks)
    build = Straight.of([(float(point.count), point.build_cpu_s) for point in large if point.build_cpu_s is not None])
    return IndexLaws(dimension, probes, build, choosing.each, comparing.each, choosing.fixed + comparing.fixed)


def catalog_laws(points: Sequence[CatalogPoint]) -> CatalogLaws:
    """Laws of one database."""

    asked = [point for point in points if point.asked_ms]

    def law(value: Callable[[CatalogPoint], float], of: Sequence[CatalogPoint] = points) -> Straight:
        return Straight.of([(float(point.count), value(point)) for point in of])

    parts = sorted(set.intersection(*(set(point.bytes) for point in points)))
    names = sorted(set.intersection(*(set(point.asked_ms) for point in asked)))
    return CatalogLaws(
        {part: law(lambda point, part=part: float(point.bytes[part])) for part in parts},  # type: ignore[misc]
        law(lambda point: point.write_cpu_s),
        statistics.median(point.asked_ms["query"] for point in asked),
        {name: law(lambda point, name=name: point.asked_ms[name], asked) for name in names},  # type: ignore[misc]
    )
