"""The end of a file that was cut, or was never written: how much of the picture is lost, and the sentence about it.

A copy that is interrupted leaves a file that is too short, or one of the right length whose end is all zeros. Decoders
take the zeros for pixels. How much is lost is therefore measured: the file is decoded twice, with two different
continuations of what is there. Where the two pictures differ, the file does not say what is to be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
from PIL import Image, ImageChops, ImageFile

from indexer.errors import DamagedImageError

#: So many zeros at the end of a file are room that was set aside for a copy, not the end of coded data.
EMPTY_BYTES = 64

#: The share of a picture that may be missing at its end, if that is more than one strip of blocks: nobody misses it.
MISSING_SHARE = 0.02

#: Rows, or columns of a picture that was turned, of a strip of blocks.
_STRIP = 16

#: A continuation of coded data: first ones, then bits of every kind, none of them a marker of JPEG's.
_BITS = b"\xfe\xfd" + bytes(np.random.default_rng(0).integers(1, 255, 4094, dtype=np.uint8))


def empty_bytes(data: bytes) -> int:
    """How many zeros `data` ends in; 0 when they are few enough to be of the picture."""
    if data[-EMPTY_BYTES:].strip(b"\0"):
        return 0
    return len(data) - len(data.rstrip(b"\0"))


def interrupted(data: bytes) -> DamagedImageError:
    """The error for a file whose end is missing."""
    empty = empty_bytes(data)
    if not empty:
        return DamagedImageError("its end is missing: the copy was interrupted; copy it again")
    share = empty / len(data)
    part = "the second half" if 0.45 <= share <= 0.55 else f"the last {share:.0%}" if share > 0.01 else "the end"
    return DamagedImageError(f"{part} of the file is empty (zeros): the copy was interrupted; copy it again")


def note(share: float) -> str:
    """The sentence about a picture that is indexed though `share` of it (0 to 1) is missing."""
    part = f"{share:.1%}" if share >= 0.001 else "less than 0.1%"
    return f"the end of the file is missing, and with it {part} of the picture; copy it again if you can"


def bits(length: int) -> bytes:
    """`length` bytes that continue coded data in another way than zeros do."""
    return (_BITS * (length // len(_BITS) + 1))[:length]


def difference(one: Image.Image, other: Image.Image) -> tuple[int, int, int, int] | None:
    """The box (left, upper, right, lower) outside of which two pictures of one size are alike; None when all is."""
    return ImageChops.difference(one, other).getbbox(alpha_only=False)


def load_coded(
    image: ImageFile.ImageFile, data: bytes, coded: tuple[int, int], decode: Callable[[bytes], Image.Image]
) -> tuple[Image.Image, str | None]:
    """`image`, which was opened from `data`, with its pixels, and the note about what of it is missing.

    `coded`: where its coded pixels start and end; (0, 0) when that is not known. `decode` loads a whole file, when
    these are not all there. Raises DamagedImageError when more is missing than may be, or what `image.load` raises.
    """
    start, end = coded
    written = len(data) - empty_bytes(data)
    if end <= len(data) and not start <= written <= end - EMPTY_BYTES:
        image.load()
        return image, None
    kept = min(written, len(data)) if written <= end - EMPTY_BYTES else len(data)
    return _continued(data, kept, end, decode)


def _continued(
    data: bytes, kept: int, whole: int, decode: Callable[[bytes], Image.Image]
) -> tuple[Image.Image, str | None]:
    """The picture of a file of which `kept` bytes of `whole` are there, and the note about it."""
    missing = whole - kept
    if whole > largest_guess(data):
        raise interrupted(data)
    pictures: list[Image.Image] = []
    for tail in (bytes(missing), b"\x20" * missing, bits(missing), b"\x01" * missing):
        # Whatever a decoder says of a continuation, it says of the cut; each takes most of them.
        with suppress(Exception):
            pictures.append(decode(b"".join((data[:kept], tail, data[whole:]))))
        if len(pictures) == 2:
            break
    if len(pictures) < 2:
        raise interrupted(data)
    found = pictures[0]
    box = difference(*pictures)
    if box is None:
        return found, note(0) if whole > len(data) else None
    lost = (box[2] - box[0]) * (box[3] - box[1]) / (found.width * found.height)
    if lost > max(MISSING_SHARE, _STRIP / max(found.size)):
        raise interrupted(data)
    return found, note(lost)


def largest_guess(data: bytes) -> int:
    """How long a file may say that it is, for its missing end to be set aside: no more than is there, nearly."""
    return int(1.1 * len(data)) + 4096


def partial(image: ImageFile.ImageFile, data: bytes, *, upwards: bool = False) -> str:
    """The note about a picture whose rows were decoded one by one until the file ended; the others are still zero.

    `upwards`: the last row comes first. Raises DamagedImageError when more is missing than may be.
    """
    box = image._im.getbbox(False) if image._im is not None else None  # Image.getbbox would load it again
    if box is None:
        raise interrupted(data)
    rows = box[1] if upwards else image.height - box[3]
    if rows > max(MISSING_SHARE * image.height, 1):
        raise interrupted(data)
    image.tile = []  # it is loaded
    return note(max(rows, 1) / image.height)
