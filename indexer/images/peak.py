"""What decoding an image takes of memory at its peak, told from its opened header: an upper bound, in bytes.

A test compares it with what is measured, format by format. A pixel is four bytes in Pillow but in grey or
with a palette, and a picture and what it becomes are there together: `flattened`, in other colours, turned.
"""

from __future__ import annotations

from PIL import ImageFile
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COMPRESSION,
    IMAGELENGTH,
    IMAGEWIDTH,
    ROWSPERSTRIP,
    SAMPLESPERPIXEL,
    TILELENGTH,
    TILEWIDTH,
    TiffImageFile,
)

from indexer.images.cut_headers import ends_early
from indexer.images.endings import empty_bytes
from indexer.images.jpeg import first_scan, is_whole, keeps_coefficients
from indexer.images.tiff import raster_peak

#: Bytes of a pixel in Pillow, by mode; all others have four.
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}

#: What the codecs of a format take beside the picture in Pillow, bytes a pixel: canvases of WebP (two, and the frame
#: that is handed over); planes and rows of HEIF and AVIF, of up to 16 bits, and the same again turned.
_CODECS = {"WEBP": 12, "HEIF": 20, "AVIF": 14}

#: Copies of its bytes that a file may need to be opened and read.
_COPIES = 2

#: A picture without its end is decoded twice and compared (`endings`): so many times as much.
_WITHOUT_END = 3

#: Below this it does not matter whether the end is there.
_SMALL = 32_000_000

#: What any codec takes for itself: tables, a few rows, the picture at the encoder's size.
_BASE = 8_000_000


def decoding_peak(image: ImageFile.ImageFile, data: bytes, *, shrunk: int = 1, turned: bool = True) -> int:
    """Bytes that decoding `image` takes, which was opened from `data`, with those of `data`. `shrunk`: each side is
    divided by so much while it decodes; `turned`: it is made upright afterwards."""
    pixels = image.width * image.height
    each = _STORED.get(image.mode, 4) + _flattening(image) + _CODECS.get(image.format or "", 0)
    if turned:
        each = max(each, 8)
    found = pixels * each // shrunk**2 + _codec(image)
    if pixels * each > _SMALL and _lacks_end(image, data):
        found = _WITHOUT_END * (pixels * each + _codec(image))
    alone = image.format in ("BMP", "GIF") or (image.format == "JPEG" and first_scan(image)[0] is data)
    copies = 1 if alone else _COPIES
    return found + copies * len(data) + _BASE


def opening_peak(data: bytes) -> int:
    """Bytes that reading the header of the image in `data` takes, with those of `data`: little, but where a loader
    copies the file."""
    copies = 5 if data[8:12] == b"WEBP" and data[:4] == b"RIFF" else 1
    return (1 + copies) * len(data) if len(data) > _SMALL else 0


def _flattening(image: ImageFile.ImageFile) -> int:
    """Bytes a pixel that making it 8-bit RGB takes beside what is stored: transparency is laid on a ground."""
    if image.has_transparency_data:
        own = 0 if image.mode in ("RGBA", "RGBa") else 4  # made "RGBA" first
        return own + 5 + (4 if "icc_profile" in image.info else 0)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return 2 * _STORED.get(image.mode, 4) + 6
    if image.mode == "RGB":
        return 4 if "icc_profile" in image.info else 0
    return 8


def _codec(image: ImageFile.ImageFile) -> int:
    if image.format == "JPEG":
        return keeps_coefficients(image)
    if isinstance(image, TiffImageFile):
        return _tiff(image)
    return 0


def _tiff(image: TiffImageFile) -> int:
    """A strip or a tile is unpacked whole, however large it is said to be; by libtiff as RGBA where it likes."""
    tags = image.tag_v2
    raster = raster_peak(image)
    if raster is not None:
        return raster
    if tags.get(COMPRESSION, 1) == 1 and TILEWIDTH not in tags:  # row by row
        return 0
    width, height = tags[IMAGEWIDTH], tags[IMAGELENGTH]
    rows = min(tags.get(ROWSPERSTRIP, height), height)
    if TILEWIDTH in tags:
        width, rows = tags[TILEWIDTH], tags[TILELENGTH]
    bits = max(tags.get(BITSPERSAMPLE, (8,))) * tags.get(SAMPLESPERPIXEL, 1)
    return int(width * rows * (-(-bits // 8) + 4))


def _lacks_end(image: ImageFile.ImageFile, data: bytes) -> bool:
    if image.format == "JPEG":
        return not is_whole(data)
    return bool(empty_bytes(data)) or ends_early(data)
