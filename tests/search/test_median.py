"""Medians, against NumPy's own."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from indexer.metrics import Float64
from indexer.types import Float32
from search.median import median


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(-1, 1)))
def test_it_is_that_of_numpy(values: Float64) -> None:
    assert median(values) == np.median(values)


@given(arrays(np.float32, st.integers(1, 40), elements=st.floats(-1, 1, width=32)))
def test_in_single_precision_too(values: Float32) -> None:
    assert median(values) == float(np.median(values))
