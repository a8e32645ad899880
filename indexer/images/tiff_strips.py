"""The strips and tiles of a TIFF, unpacked by libtiff as if their bytes were a grey picture: that works for every
compression, and for few of them at a time."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COMPRESSION,
    FILLORDER,
    IMAGELENGTH,
    IMAGEWIDTH,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    ROWSPERSTRIP,
    SAMPLESPERPIXEL,
    STRIPBYTECOUNTS,
    STRIPOFFSETS,
    TILELENGTH,
    TILEOFFSETS,
    TILEWIDTH,
    ImageFileDirectory_v2,
    TiffImageFile,
)

TILEBYTECOUNTS = 325
_MIN_IS_BLACK = 1


def in_planes(tags: ImageFileDirectory_v2) -> bool:
    """Whether each channel has strips or tiles of its own."""
    return bool(tags.get(PLANAR_CONFIGURATION, 1) == 2 and tags.get(SAMPLESPERPIXEL, 1) > 1)


def layout(tags: ImageFileDirectory_v2) -> tuple[int, int, int]:
    """Of the strips or tiles of one plane: rows of each, how many stand side by side, and bytes of a row of each."""
    width, height = tags[IMAGEWIDTH], tags[IMAGELENGTH]
    samples = 1 if in_planes(tags) else tags.get(SAMPLESPERPIXEL, 1)
    bits = tags.get(BITSPERSAMPLE, (1,))[0]
    if TILEWIDTH in tags:
        rows, row = tags[TILELENGTH], tags[TILEWIDTH]
        across = -(-width // row)
    else:
        rows, row, across = min(tags.get(ROWSPERSTRIP, height), height), width, 1
    return rows, across, -(-row * samples * bits // 8)


def unpacked(data: bytes, tags: ImageFileDirectory_v2, plane: int, first: int, height: int) -> npt.NDArray[np.uint8]:
    """The bytes (`height`, all of a row) of one plane, from strip or row of tiles `first` on, unpacked by libtiff."""
    tiled = TILEWIDTH in tags
    rows, across, row_bytes = layout(tags)
    offsets = tags[TILEOFFSETS if tiled else STRIPOFFSETS]
    counts = tags[TILEBYTECOUNTS if tiled else STRIPBYTECOUNTS]
    start = (plane * -(-tags[IMAGELENGTH] // rows) + first) * across
    places = slice(start, start + -(-height // rows) * across)
    # What is coded, and nothing else of the file: it is copied a few times.
    view = memoryview(data)
    coded = [view[at : at + count] for at, count in zip(offsets[places], counts[places], strict=True)]
    ends = list(accumulate(map(len, coded)))
    fields: dict[int, tuple[int, ...]] = {
        IMAGEWIDTH: (across * row_bytes,),
        IMAGELENGTH: (height,),
        BITSPERSAMPLE: (8,),
        COMPRESSION: (tags.get(COMPRESSION, 1),),
        PHOTOMETRIC_INTERPRETATION: (_MIN_IS_BLACK,),
        FILLORDER: (tags.get(FILLORDER, 1),),
        SAMPLESPERPIXEL: (1,),
    }
    lengths = tuple(map(len, coded))
    starts = tuple(8 + end - length for end, length in zip(ends, lengths, strict=True))
    if tiled:
        fields |= {TILEWIDTH: (row_bytes,), TILELENGTH: (rows,)}
        fields |= {TILEOFFSETS: starts, TILEBYTECOUNTS: lengths}
    else:
        fields |= {STRIPOFFSETS: starts, ROWSPERSTRIP: (min(rows, height),), STRIPBYTECOUNTS: lengths}
    grey = _Grey(io.BytesIO(_with_directory(b"".join(coded), tags.prefix, fields)))
    grey.load()
    return np.asarray(grey)


def _with_directory(data: bytes, prefix: bytes, fields: Mapping[int, Sequence[int]]) -> bytes:
    """A TIFF whose only directory has these fields, all of them LONG, and which holds `data` behind its header."""
    order = "<" if prefix == b"II" else ">"
    start = 8 + len(data) + len(data) % 2
    entries, values = b"", b""
    behind = start + 2 + 12 * len(fields) + 4
    for tag, numbers in sorted(fields.items()):
        packed = struct.pack(f"{order}{len(numbers)}L", *numbers)
        place = packed
        if len(numbers) != 1:
            place = struct.pack(f"{order}L", behind + len(values))
            values += packed
        entries += struct.pack(f"{order}HHL", tag, 4, len(numbers)) + place
    header = prefix + struct.pack(f"{order}HL", 42, start)
    directory = struct.pack(f"{order}H", len(fields)) + entries + bytes(4) + values
    return b"".join((header, data, bytes(len(data) % 2), directory))


class _Grey(TiffImageFile):
    """Pillow's TIFF, less its process-wide pixel limit: what is unpacked is within ours."""

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size).im
        super().load_prepare()
