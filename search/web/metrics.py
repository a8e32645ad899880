"""What the server counts of itself, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

#: Seconds; a query takes from 5 ms to a few seconds.
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_TOGETHER = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Of one server: a registry of its own, so that two in one process do not count each other's."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._requests = Counter(
            "search_requests", "Requests that were answered.", ["method", "route", "status"], registry=registry
        )
        self._took = Histogram(
            "search_request_seconds", "Seconds of a request.", ["route"], buckets=_SECONDS, registry=registry
        )
        self._queries = Histogram(
            "search_query_seconds", "Seconds of a call that answers queries.", buckets=_SECONDS, registry=registry
        )
        self._together = Histogram(
            "search_query_batch", "Queries that were answered in one call.", buckets=_TOGETHER, registry=registry
        )
        self._items = Gauge("search_items", "Items in the store.", ["kind"], registry=registry)
        self._generation = Gauge("search_generation", "The state of the store.", registry=registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One was answered. `route`: its template, so that there are few."""
        self._requests.labels(method, route, str(status)).inc()
        self._took.labels(route).observe(seconds)

    def answered(self, queries: int, seconds: float) -> None:
        """A call answered so many queries."""
        self._together.observe(queries)
        self._queries.observe(seconds)

    def text(self, items: dict[str, int], generation: int) -> bytes:
        """All of it, in Prometheus's text format. `items`: in the store, by kind."""
        for kind, count in items.items():
            self._items.labels(kind).set(count)
        self._generation.set(generation)
        return generate_latest(self._registry)
