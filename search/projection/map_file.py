"""A map as it is kept beside the store: a cache, which can be deleted at any moment.

CRC-32 of all that follows, and bytes of the JSON      2 x uint32, little-endian
JSON: form, key, generation, count, clusters           UTF-8
ids                                                    (count,) int64, little-endian
positions                                              (count, 2) float32, little-endian
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.atomic import write_atomically
from indexer.private import make_in_store
from indexer.settings import MAP
from search.projection.photo_map import Cluster, PhotoMap

#: Grows with each change of what is written, or of how a map is made.
_FORM: Final = 2
_NAME: Final = "points"
_HEAD: Final = struct.Struct("<II")
#: What a file says that is none of ours, and whose checksum is right all the same.
_WRONG: Final = (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError)


def map_file(store: Path) -> Path:
    """Where the map of a store is kept."""
    return store / MAP / _NAME


def read_map(store: Path, key: str) -> PhotoMap | None:
    """The map that is kept under `key` (`indexer.vectors.refresh.index_key`: the store and its encoder); None where
    there is none, where it belongs to another encoder, and where it is not what was written."""
    try:
        return _parsed(map_file(store).read_bytes(), key)
    except _WRONG:
        return None


def _parsed(data: bytes, key: str) -> PhotoMap | None:
    """Raises ValueError, KeyError, TypeError for what is none."""
    if len(data) < _HEAD.size:
        return None
    total, length = _HEAD.unpack_from(data)
    if zlib.crc32(data[4:]) != total:
        return None
    begin = _HEAD.size + length
    about = json.loads(data[_HEAD.size : begin])
    if about["form"] != _FORM or about["key"] != key:
        return None
    count = int(about["count"])
    if count < 0 or len(data) != begin + 16 * count:
        return None
    ids = np.frombuffer(data, "<i8", count, begin).astype(np.int64)
    positions = np.frombuffer(data, "<f4", 2 * count, begin + 8 * count).reshape(count, 2).astype(np.float32)
    if not bool(np.isfinite(positions).all()) or not bool((ids[1:] > ids[:-1]).all()):
        return None
    return PhotoMap(ids, positions, tuple(Cluster(**each) for each in about["clusters"]), int(about["generation"]))


def write_map(store: Path, key: str, found: PhotoMap) -> None:
    """Keep a map under `key`, in the place of the one before. Raises OSError."""
    about: dict[str, Any] = {
        "form": _FORM,
        "key": key,
        "generation": found.generation,
        "count": len(found.ids),
        "clusters": [asdict(each) for each in found.clusters],
    }
    said = json.dumps(about).encode()
    arrays = found.ids.astype("<i8").tobytes() + found.positions.astype("<f4").tobytes()
    rest = struct.pack("<I", len(said)) + said + arrays
    file = map_file(store)
    make_in_store(file.parent)
    write_atomically(file, struct.pack("<I", zlib.crc32(rest)) + rest, lasting=False)
