"""How many requests an address may send: a bucket that fills at a rate, up to a burst (token bucket)."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from search.web.problems import ProblemError

#: Addresses that are remembered; one that comes after so many others begins anew.
_REMEMBERED: Final = 10_000


class Rates:
    """For the event loop alone. `rate` a second, `burst` at once."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is in it, and when it was looked at

    def take(self, client: str) -> None:
        """One more request of a client. Raises ProblemError where it sends too many."""
        now, key = self._clock(), _network(client)
        left, before = self._buckets.pop(key, (float(self._burst), now))
        left = min(self._burst, left + (now - before) * self._rate)
        taken = left >= 1
        self._buckets[key] = (left - taken, now)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        if not taken:
            wait = max(1, round((1 - left) / self._rate))
            raise ProblemError(
                429, "too-many-requests", f"Too many requests; try again in {wait} s.", {"Retry-After": str(wait)}
            )


def _network(client: str) -> str:
    """An address; of IPv6 the network, of which one machine has all addresses."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return client if address.version == 4 else str(ipaddress.ip_network((client, 64), strict=False))
