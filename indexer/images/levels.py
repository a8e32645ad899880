"""Levels of any depth become 8 bits: integers of 16 and 32 bits, and floating point."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

#: What white may be in 16 bits: of sensors of 8, 10 and 12 bits whose levels were not stretched, and the full range.
_WHITES_16 = (255, 1023, 4095, 65535)

#: Levels that are turned at once: some 16 MB of floating point.
_AT_ONCE = 1 << 19


def eight_bits(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Levels of any shape and type -> the same shape, uint8.

    16 bits without sign mean 0 to 65535, unless no level is above 4095: then white is the highest level of 8, 10 or 12
    bits. Other types do not say what white is, so it is the smallest usual one that holds every level: 1 (floating
    point only; half of what is not black below it suffices, and what is above it is white), 127 and 32767 (8 and 16
    bits with sign), 255, 65535, 2^32 - 1 (from its half on); else the levels are stretched, lowest to highest.
    Takes little memory beside what it is given and what it gives.
    """
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    if kind == "u" and size == 1:
        return values.astype(np.uint8)
    shown = np.empty(values.shape, dtype=np.uint8)
    if kind == "u" and size == 2:
        highest = next(top for top in _WHITES_16 if int(values.max()) <= top)
        for part in _parts(values):
            shown[part] = _sixteen_bits(values[part].astype(np.uint16, copy=False), highest)
        return shown
    white, low = _white(values)
    for part in _parts(values):
        levels = _real(values[part])
        if low is not None:
            levels -= low
        shown[part] = np.rint(np.minimum(levels * (255.0 / white), 255.0)).astype(np.uint8)
    return shown


def _parts(values: npt.NDArray[np.generic]) -> Iterator[slice]:
    """The rows of `values`, so many at a time that their levels in floating point are few megabytes."""
    rows = max(1, _AT_ONCE * len(values) // max(1, values.size))
    return (slice(start, start + rows) for start in range(0, len(values), rows))


def _real(values: npt.NDArray[np.generic]) -> npt.NDArray[np.floating]:
    """In floating point, what is no number as 0."""
    with np.errstate(invalid="ignore"):  # signalling NaN
        levels: npt.NDArray[np.floating] = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
    return np.nan_to_num(levels, nan=0.0, posinf=0.0, neginf=0.0) if values.dtype.kind == "f" else levels


def _sixteen_bits(values: npt.NDArray[np.uint16], white: int) -> npt.NDArray[np.uint8]:
    if white == 65535:
        return (values >> 8).astype(np.uint8)  # the high byte, as Pillow does for 16-bit RGB
    return (values.astype(np.uint32) * 255 // white).astype(np.uint8)


def _white(values: npt.NDArray[np.generic]) -> tuple[float, float | None]:
    """The level that is white, and the one that is black where the levels are to be stretched."""
    low, high = np.inf, -np.inf
    above = seen = 0
    for part in _parts(values):
        levels = _real(values[part])
        low, high = min(low, float(levels.min())), max(high, float(levels.max()))
        above, seen = above + int(np.count_nonzero(levels > 1)), seen + int(np.count_nonzero(levels))
    kind, size = values.dtype.kind, values.dtype.itemsize
    if low < 0:
        return max(high - low, 1.0), low
    if kind == "f" and high > 1 and above <= seen / 2:
        return 1.0, None
    usual = (1.0, 255.0, 65535.0) if kind == "f" else {1: (127.0,), 2: (255.0, 32767.0)}.get(size, (255.0, 65535.0))
    white = next((top for top in usual if high <= top), None)
    if white is None and kind == "u" and high >= 2**31:
        white = 4294967295.0
    return (max(high - low, 1.0), low) if white is None else (white, None)
