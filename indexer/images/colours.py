"""Any picture that Pillow decodes becomes 8-bit sRGB: depth, palette, transparency, ink and colour profile."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

#: The colour space that an ICC profile must be of to describe an image of this mode (ICC.1, "data colour space").
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}

#: Profiles for print are up to a few megabytes; more is no profile.
_MAX_PROFILE_BYTES = 8_000_000


def to_rgb(image: Image.Image) -> Image.Image:
    """`image` in any mode, as 8-bit sRGB in mode "RGB".

    Transparency is laid on white. 16-bit levels keep their full range: 0 to 65535 becomes 0 to 255. An ICC profile
    that changes colours is applied, a broken one or one of another colour space is ignored; without one, ink (CMYK)
    is subtracted from white. High dynamic range given only by nclx or cICP codes is shown as if it were sRGB.
    """
    profile = image.info.get("icc_profile")
    flat = _flatten(image)
    if isinstance(profile, bytes) and 128 < len(profile) <= _MAX_PROFILE_BYTES and flat.mode in _SPACES:
        transform = _to_srgb(profile, flat.mode)
        if transform is not None:
            return transform.apply(flat)
    if flat.mode == "LAB":
        return ImageCms.profileToProfile(
            flat, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
        ) or flat.convert("RGB")
    return flat if flat.mode == "RGB" else flat.convert("RGB")


def _flatten(image: Image.Image) -> Image.Image:
    """The image opaque, in a mode of 8 bits a channel: "L", "RGB", "CMYK" or "LAB"."""
    mode = image.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        return Image.fromarray(_eight_bits(np.asarray(image)))
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    if mode == "1":
        return image.convert("L")
    return image if mode in ("L", "RGB", "CMYK", "LAB") else image.convert("RGB")


def _on_white(rgba: Image.Image) -> Image.Image:
    alpha = rgba.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return rgba.convert("RGB")
    white = Image.new("RGB", rgba.size, (255, 255, 255))
    white.paste(rgba, mask=alpha)
    return white


def _eight_bits(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Grey levels (h, w) of 16 or 32 bits or floating point -> (h, w) uint8.

    16 bits mean 0 to 65535. Wider types do not say what white is, so it is the smallest usual one that holds every
    level: 1 (floating point only), 255, 65535; else the levels are stretched from their lowest to their highest.
    """
    if values.dtype.itemsize == 2:
        # The high byte, as Pillow does for 16-bit RGB.
        return (values.astype(np.uint16) >> 8).astype(np.uint8)
    floating = values.dtype.kind == "f"
    levels = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(levels.min()), float(levels.max())
    white = next((top for top in (1.0, 255.0, 65535.0) if high <= top and (floating or top > 1)), None)
    if low < 0 or white is None:
        levels -= low
        white = max(high - low, 1.0)
    return np.rint(levels * (255.0 / white)).astype(np.uint8)


@lru_cache(maxsize=32)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform from `profile` to sRGB, or None when it would change nothing or the profile cannot be used.

    A transform may serve several threads at once: Little CMS 2 only reads it.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != _SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode == "CMYK":
            return transform
        # Whether it is sRGB is asked of what it does: names lie, and there are dozens of sRGB profiles.
        probe = _probe(mode)
        before = np.asarray(probe.convert("RGB"), dtype=np.int16)
        after = np.asarray(transform.apply(probe), dtype=np.int16)
        return transform if np.abs(after - before).max() > 2 else None
    except Exception:  # a broken profile must not cost the picture
        return None


def _probe(mode: str) -> Image.Image:
    """A picture of colours spread over the whole range of `mode`."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None, :])
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)  # (9, 9, 9, 3)
    return Image.fromarray(cube.reshape(27, 27, 3))
