"""Files become correct pixels: read whole, decoded within limits, turned upright, in 8-bit sRGB.

The steps have their own files: `sniff` tells the type, `formats` opens the header, `loading` decodes the pixels,
`colours` makes 8-bit sRGB of any mode, `preprocess` resizes for an encoder. Pillow decodes; what it stumbles over has
a file a format (`jpeg`, `png`, `containers`, `tiff`), and `endings` measures what a file without its end has lost.
"""

from __future__ import annotations

import math
import os
import stat

from PIL import Image, ImageFile

from indexer.errors import ImageTooLargeError, UnreadableFileError
from indexer.images.colours import flatten, in_srgb
from indexer.images.embedded import orientation
from indexer.images.formats import open_image, pillow_errors
from indexer.images.loading import load
from indexer.images.peak import decoding_peak, opening_peak
from indexer.images.preprocess import SHRUNK, Shrunk, to_pixels
from indexer.images.sniff import IMAGE_SUFFIXES, RAW_SUFFIXES, sniff
from indexer.memory_budget import ALONE, Share
from indexer.settings import DecodeLimits
from indexer.storage.reading import CHANGED, read_elsewhere, too_many_bytes
from indexer.storage.storages import file_storage
from indexer.types import Candidate

__all__ = ["IMAGE_SUFFIXES", "RAW_SUFFIXES", "decode", "read_file", "sniff", "to_pixels"]

#: The key in `Image.info` of the sentence about what of a picture is missing, where its file has lost its end.
MISSING = "missing"

#: What makes a picture of each EXIF orientation upright (EXIF 2.32, tag 0x0112).
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

#: A shrunk JPEG keeps at least this many times the pixels that the encoder wants, each way: the decoder's own scaling
#: is coarser than the resize that follows it. Real photographs and ones of 12 megapixels under the bundled encoder
#: (`tests/benchmarks/bench_decode.py`), pixels in grey levels, cosines of the vectors, time for 12 megapixels:
#:     at least twice      0.2            0.9990 (least 0.9953)    26 ms
#:     1.4 times           0.35 to 0.48   0.9987 (0.9939)          20 ms
#:     once                0.55           0.9975 (0.9885)          20 ms
_SPARE = 1.4


def read_file(candidate: Candidate, limits: DecodeLimits, share: Share = ALONE) -> bytes:
    """The whole content of the file that a scan found, and of no other. Its memory is taken from `share`.

    Raises ImageTooLargeError when it is over `limits.max_bytes` or needs more memory than there is, and
    UnreadableFileError when it cannot be read, is no longer what the scan saw (size and time of change), or changes
    meanwhile.
    """
    storage = file_storage(candidate.path)
    if storage is not None:
        return read_elsewhere(storage, candidate, limits, share)
    # Without O_NONBLOCK, a FIFO that took the file's place would hang the run.
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(candidate.path, flags), "rb") as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise UnreadableFileError("it is no longer a regular file")
            if before.st_size > limits.max_bytes:
                raise too_many_bytes(before.st_size, limits)
            if not _is_same(candidate, before):
                raise UnreadableFileError(CHANGED)
            share.grow(before.st_size, "reading it")
            data = file.read(candidate.size + 1)  # one more, to notice that it grew
            after = os.fstat(file.fileno())
    except (FileNotFoundError, NotADirectoryError):
        raise UnreadableFileError("it vanished during the run") from None
    except PermissionError:
        raise UnreadableFileError("permission denied") from None
    except (OSError, ValueError) as error:
        raise UnreadableFileError(f"it cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) != candidate.size or not _is_same(candidate, after):
        raise UnreadableFileError(CHANGED)
    return data


def _is_same(candidate: Candidate, status: os.stat_result) -> bool:
    """By size and time; a time of status that is another by now is found by the next scan."""
    now = Candidate.of(candidate.path, status)
    return (now.size, now.mtime_ns) == (candidate.size, candidate.mtime_ns)


def decode(data: bytes, limits: DecodeLimits, target: tuple[int, int] | None, share: Share = ALONE) -> Image.Image:
    """The picture in `data` as it is meant to be seen: mode "RGB", upright, sRGB; an animation's first frame.

    With `target`, the (width, height) in pixels that an encoder wants of the upright picture, a JPEG may come
    shrunk, each side still at least `_SPARE` times the target's; without it, and for other formats, every pixel comes.

    A file that has lost only its last few bytes gives its picture, with a sentence about that in `info[MISSING]`.

    Raises NotAnImageError, UnsupportedImageError (nothing is wrong with it, but its kind is not read),
    DamagedImageError (zero bytes, its end is missing, or it does not decode) and ImageTooLargeError (over
    `limits.max_pixels`, or more memory than `share` gives; both told from the header before any memory is taken), each
    with a one-sentence reason.
    Nothing else, whatever the bytes; no warnings, and nothing is printed. Safe to call from several threads.
    TIFF, WebP and GIF have Pillow's own limit too, some 179 million pixels.
    """
    share.grow(opening_peak(data), "opening it")
    image = open_image(data)
    width, height = image.size
    if width * height > limits.max_pixels:
        raise ImageTooLargeError(f"it has {width:,} x {height:,} pixels, more than the limit of {limits.max_pixels:,}")
    with pillow_errors("its data do not decode", data):
        turned = orientation(image, data)
        shape = target[::-1] if target is not None and turned >= 5 else target
        share.grow(decoding_peak(image, data, shrunk=_factor(image, shape), turned=turned in TURNS), "decoding it")
        covered = None

        def prepare(jpeg: ImageFile.ImageFile) -> None:
            nonlocal covered
            covered = None if shape is None else _shrink(jpeg, shape)

        loaded, missing = load(image, data, prepare)
        del image  # what is no longer needed is let go of, with the canvases and bytes that loaders keep
        profile = loaded.info.get("icc_profile")
        picture = flatten(loaded)
        if picture is loaded:
            picture = loaded._new(loaded.im)
        del loaded
        picture = in_srgb(picture, profile)
        if turned in TURNS:
            picture = picture.transpose(TURNS[turned])
        # What the file said of itself (profile, orientation, resolution) no longer holds.
        picture.info = {}
        if covered is not None:
            picture.info[SHRUNK] = _turned_extent(picture.size, (width, height), covered, turned)
        if missing is not None:
            picture.info[MISSING] = missing
        return picture


def _wanted(target: tuple[int, int]) -> tuple[int, int]:
    """What a shrunk picture has at least; `target` as it is stored, not yet turned."""
    return math.ceil(_SPARE * target[0]), math.ceil(_SPARE * target[1])


def _factor(image: ImageFile.ImageFile, target: tuple[int, int] | None) -> int:
    """By what `_shrink` will divide each side of an image."""
    if image.format != "JPEG" or target is None:
        return 1
    width, height = _wanted(target)
    fits = min(image.width // width, image.height // height)
    return next((factor for factor in (8, 4, 2) if factor <= fits), 1)


def _shrink(image: ImageFile.ImageFile, target: tuple[int, int]) -> tuple[float, float] | None:
    """Have the JPEG decoder scale by 1/2, 1/4 or 1/8 while it decodes, when that leaves `_SPARE` times the target.

    Returns how many of the shrunk pixels (across, down) the picture covers; None when it is not shrunk.
    """
    width, height = _wanted(target)
    if image.width < 2 * width or image.height < 2 * height:
        return None
    drafted = image.draft(None, (width, height))
    return None if drafted is None else (drafted[1][2], drafted[1][3])


def _turned_extent(size: tuple[int, int], stored: tuple[int, int], covered: tuple[float, float], turned: int) -> Shrunk:
    """`Shrunk` of the picture as turned upright, from its stored size and what it covered before it was turned."""
    if turned >= 5:
        stored, covered = stored[::-1], covered[::-1]
    (width, height), (across, down) = size, covered
    left = width - across if turned in (2, 3, 6, 7) else 0.0
    upper = height - down if turned in (3, 4, 7, 8) else 0.0
    return Shrunk(size, stored, (left, upper, left + across, upper + down))
