"""JPEGs decoded and resized on a GPU (nvJPEG, through torchvision): for machines whose few cores keep a GPU waiting.

It decodes every pixel where the CPU's way shrinks on load, so it has to be asked for: SEARCH_GPU_JPEG=1. Files that it
might show otherwise (another colour space, a profile, an end that is missing) are left to `images.decoder`, as is
whatever fails. Of the rest the pixels are those of the plain way within rounding: other arithmetic in the inverse
transform and the resize.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from indexer.encoders.base import Preprocessing
from indexer.errors import FileError
from indexer.images.embedded import orientation
from indexer.images.endings import EMPTY_BYTES
from indexer.images.formats import open_image
from indexer.images.jpeg import first_scan, refuse_many_scans
from indexer.images.preprocess import Placement, place
from indexer.settings import DecodeLimits
from indexer.types import Pixels

if TYPE_CHECKING:
    import torch

_END: Final = b"\xff\xd9"
#: Quarter turns against the clock that make a picture of each EXIF orientation upright, after it was mirrored or not.
_TURNS: Final = {
    1: (0, False),
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (1, True),
    6: (3, False),
    7: (3, True),
    8: (1, False),
}


def gpu_jpegs() -> GpuJpegs | None:
    """The decoder that SEARCH_GPU_JPEG asks for; None without that, or without a GPU that torch can use."""
    if os.environ.get("SEARCH_GPU_JPEG", "").strip() not in ("1", "on"):
        return None
    try:
        import torch

        _decoder()
    except Exception:  # builds that do not fit together raise anything
        return None
    return GpuJpegs("cuda") if torch.cuda.is_available() else None


class GpuJpegs:
    """Decodes on `device`. Safe to use from several threads."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._decode = _decoder()

    def pixels(self, data: bytes, limits: DecodeLimits, preprocessing: Preprocessing) -> Pixels | None:
        """As `to_pixels(decode(data, ...))`, (h, w, 3) uint8; None for what is to be decoded in the plain way."""
        turned = _suitable(data, limits)
        if turned is None:
            return None
        import torch

        try:
            with torch.inference_mode(), warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                file = torch.from_numpy(np.frombuffer(data, np.uint8).copy())
                whole = self._decode(file, "RGB", device=self._device)  # (3, H, W) uint8
                quarters, mirrored = _TURNS[turned]
                if mirrored:
                    whole = whole.flip(2)
                upright = torch.rot90(whole, quarters, (1, 2))
                placed = place((upright.shape[2], upright.shape[1]), preprocessing)
                return None if placed is None else _resized(upright, placed)
        except RuntimeError:  # a file that it does not take, memory, a GPU that is gone
            return None


def _decoder() -> Any:
    """torchvision's. Releases from 0.29 call it deprecated; one without it raises ImportError."""
    from torchvision.io import decode_jpeg  # type: ignore[import-untyped]

    return decode_jpeg


def _suitable(data: bytes, limits: DecodeLimits) -> int | None:
    """The EXIF orientation, 1 to 8, of a JPEG that both ways show alike; None for any other file."""
    try:
        image = open_image(data)
        width, height = image.size
        plain = image.format == "JPEG" and image.mode == "RGB" and image.info.get("adobe_transform", 1) == 1
        if not plain or "icc_profile" in image.info or width * height > limits.max_pixels:
            return None
        refuse_many_scans(image)
        coded, start = first_scan(image)
        turned = orientation(image, data)
    except FileError:
        return None
    coded = coded.rstrip(b"\0")
    whole = coded.endswith(_END) and coded.find(bytes(EMPTY_BYTES), start) < 0
    return turned if turned in _TURNS and whole else None


def _resized(picture: torch.Tensor, placed: Placement) -> Pixels:
    """`picture` (3, H, W) uint8 -> (h, w, 3) uint8, on the CPU."""
    import torch

    size = (placed.size[1], placed.size[0])
    if size != tuple(picture.shape[1:]):
        sized = torch.nn.functional.interpolate(
            picture[None].float(), size, mode=placed.interpolation, align_corners=False, antialias=True
        )[0]
        picture = sized.round().clamp(0, 255).to(torch.uint8)
    left, upper, right, lower = placed.box
    found: Pixels = picture[:, upper:lower, left:right].permute(1, 2, 0).contiguous().cpu().numpy()
    return found
