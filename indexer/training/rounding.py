"""Weights rounded to int8: symmetric, with scales that leave the least squared error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from indexer.types import Float32, Int8

#: Scales that are tried below the one that spares the largest magnitude.
_CANDIDATES = 24
_LEAST_SHARE = 0.6


def to_int8(weight: Float32, over: tuple[int, ...]) -> tuple[Int8, Float32]:
    """`weight` of any shape; the numbers along the axes `over` share a scale.

    Returns (int8, scales): the scales have length 1 along `over`, so that the product of both is about `weight`. Each
    scale is the one of 24 candidates below the largest magnitude that leaves the least squared error: cutting a rare
    outlier buys finer steps for all the others.
    """
    largest = np.maximum(np.abs(weight).max(axis=over, keepdims=True), 1e-12)  # broadcasts to weight
    best_error: npt.NDArray[np.float32] = np.full(largest.shape, np.inf, dtype=np.float32)
    best_scale = largest / 127
    for share in np.linspace(_LEAST_SHARE, 1.0, _CANDIDATES, dtype=np.float32):
        scale = largest * share / 127
        kept = np.clip(np.rint(weight / scale), -127, 127) * scale
        error = np.square(weight - kept).sum(axis=over, keepdims=True)
        best_scale = np.where(error < best_error, scale, best_scale)
        best_error = np.minimum(error, best_error)
    rounded = np.clip(np.rint(weight / best_scale), -127, 127).astype(np.int8)
    return rounded, best_scale.astype(np.float32)
