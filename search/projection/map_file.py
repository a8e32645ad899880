"""A map as it is kept beside the store: a cache, which can be deleted at any moment."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.atomic import write_atomically
from indexer.private import make_folder
from indexer.settings import MAP
from search.projection.photo_map import Cluster, PhotoMap

#: Grows with each change of what is written, or of how a map is made.
_FORM: Final = 1
_NAME: Final = "points.npz"
#: What reading a file raises that is none of ours, or was damaged: each part has a checksum.
_DAMAGED: Final = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error, MemoryError)


def map_file(store: Path) -> Path:
    """Where the map of a store is kept."""
    return store / MAP / _NAME


def read_map(store: Path, key: str) -> PhotoMap | None:
    """The map that is kept under `key` (`indexer.vectors.refresh.index_key`: the store and its encoder); None where
    there is none, where it belongs to another encoder, and where it is not what was written."""
    try:
        with map_file(store).open("rb") as file, np.load(file, allow_pickle=False) as parts:
            said = json.loads(parts["about"].tobytes())
            if said["form"] != _FORM or said["key"] != key:
                return None
            ids, positions = parts["ids"], parts["positions"]
        clusters = tuple(Cluster(**each) for each in said["clusters"])
        generation = int(said["generation"])
    except _DAMAGED:
        return None
    right = ids.dtype == np.int64 and ids.ndim == 1 and positions.dtype == np.float32
    if not right or positions.shape != (len(ids), 2) or not bool(np.isfinite(positions).all()):
        return None
    return PhotoMap(ids, positions, clusters, generation) if bool((ids[1:] > ids[:-1]).all()) else None


def write_map(store: Path, key: str, found: PhotoMap) -> None:
    """Keep a map under `key`, in the place of the one before. Raises OSError."""
    about: dict[str, Any] = {
        "form": _FORM,
        "key": key,
        "generation": found.generation,
        "clusters": [asdict(each) for each in found.clusters],
    }
    written = io.BytesIO()
    as_bytes = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez(written, ids=found.ids, positions=found.positions, about=as_bytes)
    file = map_file(store)
    make_folder(file.parent)
    write_atomically(file, written.getbuffer(), lasting=False)
