"""How many threads NumPy's BLAS computes with: a number of the process, found where NumPy's own builds have it.

Not by the package threadpoolctl: since 3.8 it lets one thread alone change the number, and queries come from many. Of
another BLAS (MKL, Accelerate, a distribution's) the number stays as it is.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np

#: Where wheels keep the libraries that they bring, seen from the package, by system: Linux and Windows, macOS.
_PLACES = ("../numpy.libs", ".dylibs")
_NAMES = tuple(f"{prefix}openblas_{{}}_num_threads{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", ""))


class BlasThreads:
    """Reads and sets the number; None and nothing where it is not known how."""

    def __init__(self) -> None:
        self._get, self._set = _functions()

    def get(self) -> int | None:
        """Threads that one product may use."""
        return None if self._get is None else self._get()

    def set(self, count: int | None) -> None:
        """From now on so many; None changes nothing."""
        if self._set is not None and count is not None:
            self._set(count)


def _functions() -> tuple[Callable[[], int] | None, Callable[[int], object] | None]:
    package = Path(np.__file__).parent
    for file in (file for place in _PLACES for file in sorted((package / place).glob("*openblas*"))):
        try:
            library = ctypes.CDLL(str(file))
        except OSError:
            continue
        for name in _NAMES:
            if hasattr(library, name.format("set")) and hasattr(library, name.format("get")):
                return getattr(library, name.format("get")), getattr(library, name.format("set"))
    return None, None
