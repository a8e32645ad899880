"""Any picture that Pillow decodes becomes 8-bit sRGB: depth, palette, transparency, ink and colour profile."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from indexer.images.levels import eight_bits
from indexer.images.png import MAX_PROFILE_BYTES
from indexer.images.transparency import opaque

#: The colour space that an ICC profile must be of to describe an image of this mode (ICC.1, "data colour space").
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


def to_rgb(image: Image.Image) -> Image.Image:
    """`image` in any mode, as 8-bit sRGB in mode "RGB".

    Transparency is laid on white, or on black where white would hide it (`transparency`). Levels of more than 8 bits
    keep their full range (`levels`). An ICC profile
    that changes colours is applied, a broken one or one of another colour space is ignored; without one, ink (CMYK)
    is subtracted from white. High dynamic range given only by nclx or cICP codes is shown as if it were sRGB.
    """
    return in_srgb(flatten(image), image.info.get("icc_profile"))


def in_srgb(flat: Image.Image, profile: object) -> Image.Image:
    """What `flatten` made, by its ICC profile, if it has one, as 8-bit sRGB."""
    if isinstance(profile, bytes) and 128 < len(profile) <= MAX_PROFILE_BYTES and flat.mode in _SPACES:
        transform = _to_srgb(profile, flat.mode)
        if transform is not None:
            return transform.apply(flat)
    if flat.mode == "LAB":
        return ImageCms.profileToProfile(
            flat, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
        ) or flat.convert("RGB")
    return flat if flat.mode == "RGB" else flat.convert("RGB")


def flatten(image: Image.Image) -> Image.Image:
    """The image opaque, in a mode of 8 bits a channel: "L", "RGB", "CMYK" or "LAB"."""
    mode = image.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        return Image.fromarray(eight_bits(np.asarray(image)))
    if image.has_transparency_data:
        if mode == "La":
            image = image.convert("LA")
        return opaque(image if mode == "RGBA" else image.convert("RGBA"))
    if mode == "1":
        return image.convert("L")
    return image if mode in ("L", "RGB", "CMYK", "LAB") else image.convert("RGB")


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
