"""A map as bytes, which a page hands to its graphics card as they are.

All numbers are little-endian. A header of 16 bytes: `MAP1` in ASCII, the number n of points (uint32), the generation of
the catalog (float64). Then n ids (float64, exact up to 2**53), and n positions (two float32 each: x, y, from -1 to 1,
y upwards). Points are in the order of their ids.
"""

from __future__ import annotations

import struct
from typing import Final

from search.projection.photo_map import PhotoMap

MEDIA_TYPE: Final = "application/octet-stream"
_MAGIC: Final = b"MAP1"


def as_bytes(found: PhotoMap) -> bytes:
    """The layout above."""
    header = struct.pack("<4sId", _MAGIC, len(found), float(found.generation))
    return header + found.ids.astype("<f8").tobytes() + found.positions.astype("<f4").tobytes()
