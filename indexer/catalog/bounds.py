"""How far the numbers of a catalog go."""

from __future__ import annotations

from typing import Final

#: No id, no generation and no total comes so far. SQLite's own end is twice as far away: what is below can be counted
#: up for ever, and what is not was not written by this program.
HIGHEST: Final = 2**62
#: Pixels of one side of a photograph.
LONGEST_SIDE: Final = 2**31 - 1
#: Degrees, either way.
LATITUDES, LONGITUDES = 90.0, 180.0
