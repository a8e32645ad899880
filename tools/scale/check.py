"""Predicted beside measured: laws fitted to the small sizes, asked about all that were measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tools.scale.laws import FITTED_FROM, FITTED_UP_TO, fitted
from tools.scale.measured import Measured


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure at a size; `held_out`: the laws had not seen it."""

    what: str
    count: int
    predicted: float
    measured: float
    held_out: bool

    @property
    def times(self) -> float:
        """Predicted over measured."""
        return self.predicted / self.measured


def compared(measured: Measured, up_to: int = FITTED_UP_TO) -> list[Compared]:
    """Everything that was measured, in the order of what and size."""
    return sorted(_compared(measured, up_to), key=lambda one: (one.what, one.count))


def _compared(measured: Measured, up_to: int) -> Iterator[Compared]:
    laws = fitted(measured, up_to)
    for point in measured.indexes:
        held = point.count > up_to
        yield Compared("vector index, bytes", point.count, laws.index.bytes(point.count), point.bytes, held)
        if point.probes is not None:
            predicted = laws.index.probed(point.count, point.lists)
            yield Compared("lists for 0.95 of captions", point.count, predicted, point.probes, held)
        if point.count >= FITTED_FROM and point.build_cpu_s is not None:
            predicted = laws.index.build_s(point.count)
            yield Compared("vector index, build, cpu s", point.count, predicted, point.build_cpu_s, held)
        if not point.curve:
            continue
        width, _, ms, _ = max(point.curve)
        looked = width * point.count / point.lists
        predicted = laws.index.query_fixed + laws.index.per_cell * point.lists + laws.index.per_vector * looked
        yield Compared("vector index, widest query, cpu ms", point.count, 1e3 * predicted, ms, held)
    for database, points in measured.catalogs.items():
        law = laws.catalogs[database]
        for row in points:
            held = row.count > up_to
            yield Compared(f"{database}, bytes", row.count, law.total(row.count), sum(row.bytes.values()), held)
            yield Compared(f"{database}, write, cpu s", row.count, law.write(row.count), row.write_cpu_s, held)
            if not row.asked_ms:
                continue
            yield Compared(f"{database}, query, cpu ms", row.count, law.query_ms, row.asked_ms["query"], held)
            status = law.asked_ms["status"](row.count)
            yield Compared(f"{database}, status, cpu ms", row.count, status, row.asked_ms["status"], held)
