"""Queries that arrive by chance and wait for a free core, first come, first served."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

#: Spread of a query's own time around its mean, as log-normal: between p50 and p90 the server's queries took 1.3 times.
SIGMA = 0.25


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds from arrival to answer; `busy`: the share of the cores' time that was used."""

    p50: float
    p95: float
    busy: float


def simulated(rate: float, service: float, cores: int, *, queries: int = 20_000, seed: int = 0) -> Waits:
    """`rate` queries a second arrive at `cores` cores; each takes `service` seconds of one on average.

    Beyond what the cores can do, waits grow with `queries`.
    """
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1 / rate, queries))
    services = service * np.exp(SIGMA * rng.standard_normal(queries) - SIGMA**2 / 2)
    free = [0.0] * cores
    took = np.empty(queries)
    end = 0.0
    for number, (arrived, needs) in enumerate(zip(arrivals.tolist(), services.tolist(), strict=True)):
        done = max(arrived, heapq.heappop(free)) + needs
        heapq.heappush(free, done)
        took[number] = done - arrived
        end = max(end, done)
    p50, p95 = np.quantile(took[queries // 10 :], [0.5, 0.95])
    return Waits(float(p50), float(p95), float(services.sum() / (cores * end)))


def rate_for(service: float, cores: int, p95: float) -> float:
    """The most queries a second that keep 95 of 100 below `p95` seconds; 0 where one alone takes longer."""
    low, high = 0.0, cores / service
    if simulated(1e-3 / service, service, cores, queries=4_000).p95 > p95:
        return 0.0
    for _ in range(12):
        middle = (low + high) / 2
        if simulated(middle, service, cores, queries=4_000).p95 <= p95:
            low = middle
        else:
            high = middle
    return low
