"""TIFF: the page that is the photograph, read by Pillow where Pillow obeys its tags, and else by `tiff_raster`."""

from __future__ import annotations

import io
import struct
from typing import Any, NamedTuple

from PIL import Image, ImageFile, ImagePalette
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COLORMAP,
    COMPRESSION,
    COMPRESSION_INFO,
    EXTRASAMPLES,
    IMAGELENGTH,
    IMAGEWIDTH,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    SAMPLEFORMAT,
    SAMPLESPERPIXEL,
    STRIPBYTECOUNTS,
    STRIPOFFSETS,
    SUBIFD,
    TILEOFFSETS,
    ImageFileDirectory_v2,
    TiffImageFile,
)

from indexer.errors import UnsupportedImageError
from indexer.images.endings import interrupted, load_coded
from indexer.images.libtiff import knows_compression, quiet_libtiff
from indexer.images.tiff_raster import (
    COMPRESSIONS,
    RASTER_BASE,
    raster_bytes,
    read_raster,
    refuse_unsupported,
)
from indexer.images.tiff_strips import TILEBYTECOUNTS

#: As many pages are looked at, and as many pages within a page.
_MAX_PAGES = 16
#: Entries of a directory: BigTIFF could have 2^64, which would all be read.
_MAX_ENTRIES = 65_535
#: Of a row each, they are as many as the picture has rows; Pillow makes an object of each.
_MAX_STRIPS = 200_000
#: A page is taken for the photograph in place of the one that comes first when it has so many times its pixels:
#: pages of a document differ less, and thumbnails more.
_MUCH_LARGER = 4

#: The key in `Image.info` of the place of the first page's directory, where the photograph is another page: what is
#: said there is said of the document.
FIRST_PAGE = "first page"

# TIFF 6.0 and its supplements.
_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _MAX_SAMPLE_VALUE, _ORIENTATION = 254, 255, 281, 274
_REDUCED, _MASK = 1, 4
#: Transparency masks, sensor data, depth maps: pages that are no picture.
_NO_PICTURE = frozenset({4, 32803, 34892, 51177, 52527})


class _Page(NamedTuple):
    offset: int
    pixels: int
    reduced: bool


class _Tiff(TiffImageFile):
    """Pillow's TIFF, less its process-wide pixel limit (`images` checks ours before anything is decoded), with the
    tags that it does not look at."""

    _by_raster = False

    def _setup(self) -> None:
        tags = self.tag_v2
        number = tags.get(COMPRESSION, 1)
        if number not in COMPRESSION_INFO or not knows_compression(number):
            raise UnsupportedImageError(
                f"it is a TIFF with {COMPRESSIONS.get(number, f'compression {number}')}, which is not read; "
                "save it with LZW or no compression"
            )
        strips = tags.get(STRIPOFFSETS) or tags.get(TILEOFFSETS) or ()
        if isinstance(strips, tuple) and len(strips) > _MAX_STRIPS:
            raise UnsupportedImageError(
                f"it is a TIFF in more than {_MAX_STRIPS:,} strips or tiles, which takes too long to read; save it anew"
            )
        if not _misread(tags):
            try:
                super()._setup()
            except SyntaxError:  # a kind of pixels that it has no mode for
                refuse_unsupported(tags)
            else:
                self._mend_palette()
                return
        else:
            refuse_unsupported(tags)
        self._by_raster = True
        self._mode = "RGB"
        width, height = tags[IMAGEWIDTH], tags[IMAGELENGTH]
        self._tile_size = width, height
        self._size = (height, width) if tags.get(_ORIENTATION) in (5, 6, 7, 8) else (width, height)
        self.tile = [ImageFile._Tile("raster", (0, 0, width, height), 0, ())]
        self.use_load_libtiff = True
        icc = tags.get(34675)
        if icc is not None:
            self.info["icc_profile"] = icc

    def _mend_palette(self) -> None:
        """Some writers give the colours of a palette 8 bits, not 16."""
        colours = self.tag_v2.get(COLORMAP)
        if self.mode in ("P", "PA") and colours and max(colours) < 256:
            count = len(colours) // 3
            planes = [colours[at * count : (at + 1) * count] for at in range(3)]
            self.palette = ImagePalette.raw(
                "RGB", bytes(level for entry in zip(*planes, strict=True) for level in entry)
            )

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size).im
        super().load_prepare()

    def load(self) -> Any:
        if not (self.tile and self._by_raster):
            return super().load()
        self._take_raster()
        self.tile = []
        self.load_end()
        return Image.Image.load(self)

    def load_end(self) -> None:
        if not self._by_raster and self._is_dark():
            self._take_raster()
        super().load_end()

    def _is_dark(self) -> bool:
        """Whether colours of 16 bits may have levels of 12 only: of each, Pillow has kept the high byte."""
        if self.mode not in ("RGB", "RGBA") or set(self.tag_v2.get(BITSPERSAMPLE, (1,))) != {16}:
            return False
        return all(self.im.getband(band).getextrema()[1] <= 4095 >> 8 for band in range(3))

    def _take_raster(self) -> None:
        picture = read_raster(self.fp.getvalue(), self.tag_v2)  # type: ignore[union-attr]
        self.im, self._mode = picture.im, picture.mode


def open_tiff(stream: io.BytesIO) -> ImageFile.ImageFile:
    """The page of a TIFF that is the photograph: no thumbnail, no mask, and no other that is much larger.

    Raises UnsupportedImageError for kinds of pixels that are not read.
    """
    quiet_libtiff()
    data = stream.getvalue()
    header = data[: 16 if data[2:3] == b"+" or data[3:4] == b"+" else 8]
    directory = ImageFileDirectory_v2(header)
    first = directory.next
    if not _holds_directory(data, first):
        raise interrupted(data)
    chosen = _photograph(stream, directory) if _has_more_pages(data, first) else first
    stream.seek(0)
    if chosen in (0, first):
        return _Tiff(stream)
    width = len(header) // 2
    order = "little" if header[:2] == b"II" else "big"
    moved = data[: len(header) - width] + chosen.to_bytes(width, order) + data[len(header) :]  # type: ignore[arg-type]
    image = _Tiff(io.BytesIO(moved))
    image.info[FIRST_PAGE] = first
    return image


def raster_peak(image: TiffImageFile) -> int | None:
    """Bytes that `tiff_raster` takes for it, beside the picture; None where it has no part in it."""
    assert isinstance(image, _Tiff)
    if image._by_raster:
        return raster_bytes(image.tag_v2) + 8 * image.width * image.height + RASTER_BASE
    if set(image.tag_v2.get(BITSPERSAMPLE, (1,))) == {16} and image.mode in ("RGB", "RGBA"):  # it may be dark
        return 2 * raster_bytes(image.tag_v2) + 8 * image.width * image.height + RASTER_BASE
    return None


def load_tiff(image: ImageFile.ImageFile, data: bytes) -> tuple[Image.Image, str | None]:
    """`image`, which was opened from `data`, with its pixels, and the note about what of it is missing."""

    def decode(whole: bytes) -> Image.Image:
        found = open_tiff(io.BytesIO(whole))
        found.load()
        return found

    assert isinstance(image, TiffImageFile)
    tags = image.tag_v2
    offsets = tags.get(STRIPOFFSETS) or tags.get(TILEOFFSETS) or ()
    counts = tags.get(STRIPBYTECOUNTS) or tags.get(TILEBYTECOUNTS) or ()
    coded = (min(offsets), max(map(sum, zip(offsets, counts, strict=False)))) if offsets and counts else (0, 0)
    if tags.get(COMPRESSION, 1) == 1 and coded[1] <= len(data):  # zeros may be black
        coded = (0, 0)
    return load_coded(image, data, coded, decode)


def _holds_directory(data: bytes, offset: int) -> bool:
    """Whether the directory at `offset` is all there; many writers put it at the end."""
    width, entry = (8, 20) if b"+" in data[2:4] else (2, 12)
    count = int.from_bytes(data[offset : offset + width], "little" if data[:1] == b"I" else "big")
    return 0 < count <= _MAX_ENTRIES and offset + width + entry * count <= len(data)


def _has_more_pages(data: bytes, offset: int) -> bool:
    """Whether another directory follows the one at `offset`, or is within it. Of most files that is all to be known."""
    if b"+" in data[2:4]:
        return True
    order = "<" if data[:1] == b"I" else ">"
    (count,) = struct.unpack_from(f"{order}H", data, offset)
    end = offset + 2 + 12 * count
    entries = struct.iter_unpack(f"{order}H10x", data[offset + 2 : end])
    return data[end : end + 4].strip(b"\0") != b"" or any(tag == SUBIFD for (tag,) in entries)


def _photograph(stream: io.BytesIO, directory: ImageFileDirectory_v2) -> int:
    """Where the directory of the page that is the photograph starts; 0 when none is found."""
    pages: list[_Page] = []
    waiting, seen = [directory.next], set[int]()
    try:
        while waiting and len(seen) < _MAX_PAGES:
            offset = waiting.pop(0)
            if offset in seen or not 0 < offset < stream.getbuffer().nbytes:
                continue
            seen.add(offset)
            stream.seek(offset)
            directory.load(stream)
            if page := _page(offset, directory):
                pages.append(page)
            nested = directory.get(SUBIFD, ())
            waiting = [directory.next, *waiting, *(nested if isinstance(nested, tuple) else (nested,))]
    except Exception:
        if not pages:
            return 0
    full = [page for page in pages if not page.reduced]
    if not pages:
        return 0
    largest = max(full or pages, key=lambda page: page.pixels)
    if full and largest.pixels < _MUCH_LARGER * full[0].pixels:
        return full[0].offset
    return largest.offset


def _page(offset: int, tags: ImageFileDirectory_v2) -> _Page | None:
    """What of a page decides; None for one that is no picture."""
    width, height = tags.get(IMAGEWIDTH), tags.get(IMAGELENGTH)
    kind, old = tags.get(_NEW_SUBFILE_TYPE, 0), tags.get(_SUBFILE_TYPE, 1)
    if not isinstance(width, int) or not isinstance(height, int) or not isinstance(kind, int):
        return None
    if kind & _MASK or tags.get(PHOTOMETRIC_INTERPRETATION) in _NO_PICTURE:
        return None
    return _Page(offset, width * height, bool(kind & _REDUCED) or old == 2)


def _misread(tags: ImageFileDirectory_v2) -> bool:
    """Whether Pillow would open this and show something else than its tags say."""
    if tags.get(COMPRESSION, 1) in (6, 7, 50001):  # pictures in themselves
        return False
    bits, formats = set(tags.get(BITSPERSAMPLE, (1,))), set(tags.get(SAMPLEFORMAT, (1,)))
    photometric = tags.get(PHOTOMETRIC_INTERPRETATION, 0)
    if formats & {2} or (max(bits) > 8 and photometric == 0):
        return True
    if max(bits) >= 32:  # in the other byte order, compressed; without sign
        return True
    white = tags.get(_MAX_SAMPLE_VALUE)
    if bits == {16} and white and max(white if isinstance(white, tuple) else (white,)) < 65535:
        return True
    in_planes = tags.get(PLANAR_CONFIGURATION, 1) == 2 and tags.get(SAMPLESPERPIXEL, 1) > 1
    return in_planes and (max(bits) > 8 or EXTRASAMPLES in tags)
