"""Which city is nearest to a position. Exact: cities are sorted by latitude, and a band of them is measured that holds
whatever is near enough."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

#: Mean radius of the earth (IUGG), km.
EARTH_KM: Final = 6371.0088
#: Half widths of the bands that are tried, km: nearly every photograph has a city in the first.
_REACHES: Final = (30.0, 150.0, math.inf)

Float64 = npt.NDArray[np.float64]


def on_sphere(latitudes: Float64, longitudes: Float64) -> Float64:
    """(n, 3) float64, unit norm: positions in degrees (n,) on a sphere of radius 1."""
    north, east = np.radians(latitudes), np.radians(longitudes)
    across = np.cos(north)
    return np.stack([across * np.cos(east), across * np.sin(east), np.sin(north)], axis=-1)


class Nearest:
    """Of positions (n,) in degrees."""

    def __init__(self, latitudes: Float64, longitudes: Float64) -> None:
        self._order = np.argsort(latitudes, kind="stable")
        self._latitudes = latitudes[self._order]  # (n,) float64, ascending
        self._points = on_sphere(self._latitudes, longitudes[self._order])  # (n, 3) float64, unit norm

    def find(self, latitude: float, longitude: float, within_km: float) -> tuple[int, float] | None:
        """The index of the nearest position and its distance in km; None where none is within `within_km`."""
        north, east = math.radians(latitude), math.radians(longitude)
        across = math.cos(north)
        point = np.array((across * math.cos(east), across * math.sin(east), math.sin(north)))  # (3,)
        for reach in _REACHES:
            reach = min(reach, within_km)
            width = math.degrees(reach / EARTH_KM) * 1.000001
            start, end = self._latitudes.searchsorted((latitude - width, latitude + width))
            if start < end:
                chords = self._points[start:end] - point  # (m, 3)
                squares = np.einsum("ij,ij->i", chords, chords)  # (m,): of chords, exact where they are short
                best = int(squares.argmin())
                km = 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(float(squares[best])) / 2))
                if km <= reach:
                    return int(self._order[start + best]), km
            if reach == within_km:
                break
        return None
