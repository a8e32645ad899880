"""The nearest position, against measuring all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.places.gazetteer import places
from indexer.places.nearest import EARTH_KM, Nearest, on_sphere

TABLE = places()._table
LATITUDES = TABLE.arrays["latitudes"].astype(np.float64)
LONGITUDES = TABLE.arrays["longitudes"].astype(np.float64)
POINTS = on_sphere(LATITUDES, LONGITUDES)
NEAREST = Nearest(LATITUDES, LONGITUDES)


def _all_kilometres(latitude: float, longitude: float) -> np.ndarray:
    """By the haversine formula, another way than the one that is tested."""
    north, east = np.radians(LATITUDES), np.radians(LONGITUDES)
    here_north, here_east = math.radians(latitude), math.radians(longitude)
    inner = np.sin((north - here_north) / 2) ** 2
    inner += np.cos(north) * math.cos(here_north) * np.sin((east - here_east) / 2) ** 2
    return 2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(inner, 1)))


@settings(max_examples=300)
@given(st.floats(-90, 90), st.floats(-180, 180), st.sampled_from([1.0, 30.0, 100.0, 500.0, 3000.0, 30_000.0]))
@example(90.0, 0.0, 3000.0)
@example(-90.0, 17.0, 30_000.0)
@example(-16.5, 179.999, 500.0)
@example(-16.5, -179.999, 500.0)
@example(0.0, 0.0, 1.0)
def test_it_is_the_nearest_of_all(latitude: float, longitude: float, within: float) -> None:
    kilometres = _all_kilometres(latitude, longitude)
    found = NEAREST.find(latitude, longitude, within)
    if found is None:
        assert kilometres.min() > within * 0.999999
    else:
        row, km = found
        assert km == pytest.approx(kilometres[row], rel=1e-6, abs=1e-6)
        assert kilometres[row] == pytest.approx(kilometres.min(), rel=1e-6, abs=1e-6)
        assert km <= within


def test_each_city_is_nearest_to_itself() -> None:
    for row in range(0, len(TABLE), 500):
        found = NEAREST.find(float(LATITUDES[row]), float(LONGITUDES[row]), 1.0)
        assert found is not None
        assert found[1] < 1e-6
        assert (LATITUDES[found[0]], LONGITUDES[found[0]]) == (LATITUDES[row], LONGITUDES[row])


def test_no_positions_at_all() -> None:
    assert Nearest(np.empty(0), np.empty(0)).find(0.0, 0.0, 30_000.0) is None
