"""Pixels of a TIFF that Pillow has no mode for: of 16 bits in planes, floating point, with sign, packed, inverted.

`tiff_strips` unpacks the strips or tiles, a few at a time. What the bytes mean (TIFF 6.0; Adobe's Technical Note 3 for
floating point predictors) is told here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COMPRESSION,
    EXTRASAMPLES,
    IMAGELENGTH,
    IMAGEWIDTH,
    PHOTOMETRIC_INTERPRETATION,
    PREDICTOR,
    SAMPLEFORMAT,
    SAMPLESPERPIXEL,
    STRIPOFFSETS,
    TILEOFFSETS,
    TILEWIDTH,
    ImageFileDirectory_v2,
)

from indexer.errors import DamagedImageError, ImageTooLargeError, UnsupportedImageError
from indexer.images.levels import eight_bits
from indexer.images.tiff_strips import in_planes, layout, unpacked

Array = npt.NDArray[Any]

#: Names of compressions that some libtiff cannot unpack (tag 259).
COMPRESSIONS = {
    34712: "JPEG 2000 compression",
    34887: "LERC compression",
    34892: "lossy JPEG compression of raw data",
    34925: "LZMA compression",
    34926: "Zstandard compression",
    34933: "PNG compression",
    34934: "JPEG XR compression",
    22610: "JPEG XR compression",
    50000: "Zstandard compression",
    50001: "WebP compression",
    50002: "JPEG XL compression",
    52546: "JPEG XL compression",
}
_PHOTOMETRIC = {
    4: "a transparency mask",
    9: "ICC L*a*b* colours",
    10: "ITU L*a*b* colours",
    32803: "raw data of a camera's sensor",
    32844: "CIE log luminance",
    32845: "CIE log luminance and colours",
    34892: "raw data of a camera's sensor",
}
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _CMYK, _LAB = 0, 1, 2, 5, 8
_COLOURS = {_MIN_IS_WHITE: 1, _MIN_IS_BLACK: 1, _RGB: 3, _CMYK: 4, _LAB: 3}
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}
_TYPES = frozenset({"u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"})
_MAX_SAMPLE_VALUE = 281

#: More bytes are not unpacked at once: as many as a file may have.
_MAX_RASTER_BYTES = 1_000_000_000

#: Bytes that are unpacked at once; in between they take some four times as many.
_BAND_BYTES = 8_000_000
#: What unpacking takes beside the levels and the picture.
RASTER_BASE = 48_000_000


def refuse_unsupported(tags: ImageFileDirectory_v2) -> None:
    """Raise UnsupportedImageError, with the reason, for pixels that `read_raster` cannot read either.

    Raises DamagedImageError when it does not even say what they are.
    """
    missing = {IMAGEWIDTH, IMAGELENGTH, TILEOFFSETS if TILEWIDTH in tags else STRIPOFFSETS} - set(tags)
    if missing or (tags.get(PHOTOMETRIC_INTERPRETATION) == _RGB and SAMPLESPERPIXEL not in tags):
        raise DamagedImageError("its directory of tags is incomplete")
    reason = _unsupported(tags)
    if reason is not None:
        raise UnsupportedImageError(f"it is a TIFF of {reason}, which is not read; save it as 8-bit or 16-bit RGB")


def _unsupported(tags: ImageFileDirectory_v2) -> str | None:
    bits, formats = set(tags.get(BITSPERSAMPLE, (1,))), set(tags.get(SAMPLEFORMAT, (1,)))
    photometric, samples = tags.get(PHOTOMETRIC_INTERPRETATION, 0), tags.get(SAMPLESPERPIXEL, 1)
    if photometric not in _COLOURS:
        return _PHOTOMETRIC.get(photometric, f"colours of kind {photometric} in {max(bits)} bits")
    if len(bits) > 1 or len(formats) > 1:
        return f"channels of different depths ({', '.join(map(str, sorted(bits)))} bits)"
    if tags.get(COMPRESSION, 1) in (6, 7):
        return f"{max(bits)}-bit JPEG data"
    if not formats <= set(_KINDS):
        return "complex numbers"
    extra = samples - _COLOURS[photometric]
    if photometric in (_MIN_IS_WHITE, _MIN_IS_BLACK) and extra > 1:
        return f"{samples} bands, none of which is said to be a colour"
    if extra < 0 or samples > 64:
        return f"{samples} channels"
    if photometric == _LAB and (bits != {16} or formats != {1}):
        return f"{max(bits)}-bit L*a*b* colours"
    if _type(tags) is None:
        number = "floating point" if formats == {3} else "integer"
        return f"{max(bits)}-bit {number} levels"
    return None


def _type(tags: ImageFileDirectory_v2) -> str | None:
    """numpy's name of the levels, without their byte order; "packed" for whole numbers of other widths up to 16."""
    (bits, *_), (kind, *_) = tags.get(BITSPERSAMPLE, (1,)), tags.get(SAMPLEFORMAT, (1,))
    name = f"{_KINDS[kind]}{bits // 8}"
    if bits % 8 == 0 and name in _TYPES:
        return name
    return "packed" if _KINDS[kind] == "u" and bits < 16 else None


def raster_bytes(tags: ImageFileDirectory_v2) -> int:
    """How many bytes its levels take unpacked, with what tiles reach over the edge."""
    rows, across, row_bytes = layout(tags)
    planes = tags.get(SAMPLESPERPIXEL, 1) if in_planes(tags) else 1
    wide = 1 if tags.get(BITSPERSAMPLE, (1,))[0] % 8 == 0 else 8
    return int(max(tags[IMAGELENGTH], rows) * across * row_bytes * planes * wide)


def read_raster(data: bytes, tags: ImageFileDirectory_v2) -> Image.Image:
    """The picture of one page, as it is stored (not turned), in mode "L", "RGB", "RGBA", "CMYK" or "LAB".

    Raises UnsupportedImageError, ImageTooLargeError, or what Pillow raises.
    """
    refuse_unsupported(tags)
    size = raster_bytes(tags)
    if size > _MAX_RASTER_BYTES:
        raise ImageTooLargeError(f"its pixels take {size:,} bytes, more than the limit of {_MAX_RASTER_BYTES:,}")
    samples = tags.get(SAMPLESPERPIXEL, 1)
    photometric = tags.get(PHOTOMETRIC_INTERPRETATION, 0)
    wanted = _COLOURS[photometric]
    extra = tags.get(EXTRASAMPLES, ())
    alpha = samples > wanted and bool(extra) and extra[0] in (1, 2)
    kept = wanted + alpha
    levels = np.empty((tags[IMAGELENGTH], tags[IMAGEWIDTH], kept), _native(tags))  # (h, w, kept)
    if in_planes(tags):
        for plane in range(kept):
            _read_levels(data, tags, plane, 1, levels[:, :, plane : plane + 1])
    else:
        _read_levels(data, tags, 0, samples, levels)
    if photometric == _LAB:
        return _lab(levels)
    found = _shown(levels[:, :, :wanted], tags)  # (h, w, wanted) uint8
    if photometric == _MIN_IS_WHITE:
        np.subtract(255, found, out=found)
    if not alpha or wanted == 4:
        return _picture({1: "L", 3: "RGB", 4: "CMYK"}[wanted], found)
    colours = np.repeat(found, 3, axis=2) if wanted == 1 else found
    opacity = eight_bits(levels[:, :, wanted:])
    return _picture("RGBa" if extra[0] == 1 else "RGBA", np.concatenate([colours, opacity], axis=2)).convert("RGBA")


def _picture(mode: str, levels: npt.NDArray[np.uint8]) -> Image.Image:
    """(h, w, channels) uint8 as a picture of Pillow's."""
    return Image.frombytes(mode, (levels.shape[1], levels.shape[0]), np.ascontiguousarray(levels))


def _shown(levels: Array, tags: ImageFileDirectory_v2) -> npt.NDArray[np.uint8]:
    """Levels as 8 bits: white is what the file says it is, or what `eight_bits` makes of them."""
    bits = tags.get(BITSPERSAMPLE, (1,))[0]
    said = tags.get(_MAX_SAMPLE_VALUE, 0)
    white = max(said) if isinstance(said, tuple) else said
    if bits % 8:
        white = 2**bits - 1
    if levels.dtype.kind == "u" and 0 < white < 65536 and int(levels.max(initial=0)) <= white:
        shown = np.empty(levels.shape, np.uint8)
        for row, found in zip(levels, shown, strict=True):
            found[...] = row.astype(np.uint32) * 255 // white
        return shown
    return eight_bits(levels)


def _lab(levels: Array) -> Image.Image:
    """CIE L*a*b* of 16 bits (h, w, 3): L* from 0, a* and b* with a sign, as Pillow takes the bytes of its mode, too."""
    return _picture("LAB", (levels >> 8).astype(np.uint8))


def _native(tags: ImageFileDirectory_v2) -> str:
    kind = _type(tags)
    return "u2" if kind == "packed" else f"={kind}"


def _read_levels(data: bytes, tags: ImageFileDirectory_v2, plane: int, samples: int, levels: Array) -> None:
    """Fill `levels` (h, w, up to `samples`) with one plane, in the machine's byte order, the predictor undone: a few
    strips or rows of tiles at a time."""
    rows, across, row_bytes = layout(tags)
    at_once = max(1, _BAND_BYTES // max(1, rows * across * row_bytes))
    for first in range(0, -(-len(levels) // rows), at_once):
        start, end = first * rows, min((first + at_once) * rows, len(levels))
        raw = unpacked(data, tags, plane, first, end - start)  # (rows of the band, bytes)
        found = _band_levels(raw.reshape(end - start, across, -1), tags, samples)  # (rows, tiles across, row, samples)
        flat = found.reshape(end - start, -1, samples)
        levels[start:end] = flat[:, : levels.shape[1], : levels.shape[2]]


def _band_levels(raw: npt.NDArray[np.uint8], tags: ImageFileDirectory_v2, samples: int) -> Array:
    """The levels (h, tiles across, row, samples) in the bytes (h, tiles across, bytes of a tile's row)."""
    height, across = raw.shape[:2]
    bits, kind = tags.get(BITSPERSAMPLE, (1,))[0], _type(tags)
    row = tags[TILEWIDTH] if TILEWIDTH in tags else tags[IMAGEWIDTH]
    order = "<" if tags.prefix == b"II" else ">"
    if kind == "packed":
        levels: Array = _bits(raw, bits, row * samples)
    elif tags.get(PREDICTOR, 1) == 3:
        summed = np.cumsum(raw.reshape(height, across, -1, samples), axis=2, dtype=np.uint8)
        planes = summed.reshape(height, across, bits // 8, row * samples)  # most significant bytes first
        levels = np.ascontiguousarray(planes.swapaxes(2, 3)).view(f">{kind}")[..., 0]
    else:
        levels = raw.view(f"{order}{kind}")
    levels = levels.astype(levels.dtype.newbyteorder("="), copy=False).reshape(height, across, row, samples)
    if tags.get(PREDICTOR, 1) == 2:
        whole = levels.view(f"u{levels.dtype.itemsize}")
        levels = np.cumsum(whole, axis=2, dtype=whole.dtype).view(levels.dtype)
    return levels


def _bits(raw: npt.NDArray[np.uint8], bits: int, count: int) -> npt.NDArray[np.uint16]:
    """`count` whole numbers of `bits` bits from each row of bytes (h, tiles, n) -> (h, tiles, count)."""
    found = np.empty((*raw.shape[:2], count), dtype=np.uint16)
    weights = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint16)
    for row, packed in enumerate(raw):
        single = np.unpackbits(packed, axis=1)[:, : count * bits]
        found[row] = single.reshape(len(packed), count, bits) @ weights
    return found
