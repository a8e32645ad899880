"""Levels of any depth become 8 bits: integers of 16 and 32 bits, and floating point."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: What white may be in 16 bits: of sensors of 8, 10 and 12 bits whose levels were not stretched, and the full range.
_WHITES_16 = (255, 1023, 4095, 65535)


def eight_bits(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Levels of any shape and type -> the same shape, uint8.

    16 bits without sign mean 0 to 65535, unless no level is above 4095: then white is the highest level of 8, 10 or 12
    bits. Other types do not say what white is, so it is the smallest usual one that holds every level: 1 (floating
    point only; half of what is not black below it suffices, and what is above it is white), 127 and 32767 (8 and 16
    bits with sign), 255, 65535, 2^32 - 1 (from its half on); else the levels are stretched, lowest to highest.
    """
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    if kind == "u" and size == 1:
        return values.astype(np.uint8)
    if kind == "u" and size == 2:
        return _sixteen_bits(values.astype(np.uint16, copy=False))
    with np.errstate(invalid="ignore"):  # signalling NaN
        levels: npt.NDArray[np.floating] = values.astype(np.float32 if size <= 2 else np.float64)
    if kind == "f":
        levels = np.nan_to_num(levels, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(levels.min()), float(levels.max())
    white = _white(levels, low, high, kind, size)
    if white is None:
        levels -= low
        white = max(high - low, 1.0)
    shown: npt.NDArray[np.uint8] = np.rint(np.minimum(levels * (255.0 / white), 255.0)).astype(np.uint8)
    return shown


def _sixteen_bits(values: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    white = next(top for top in _WHITES_16 if int(values.max()) <= top)
    if white == 65535:
        return (values >> 8).astype(np.uint8)  # the high byte, as Pillow does for 16-bit RGB
    return (values.astype(np.uint32) * 255 // white).astype(np.uint8)


def _white(levels: npt.NDArray[np.floating], low: float, high: float, kind: str, size: int) -> float | None:
    """The level that is white; None when the levels are to be stretched."""
    if low < 0:
        return None
    if kind == "f" and high > 1 and np.count_nonzero(levels > 1) <= np.count_nonzero(levels) / 2:
        return 1.0
    usual = (1.0, 255.0, 65535.0) if kind == "f" else {1: (127.0,), 2: (255.0, 32767.0)}.get(size, (255.0, 65535.0))
    white = next((top for top in usual if high <= top), None)
    return 4294967295.0 if white is None and kind == "u" and high >= 2**31 else white
