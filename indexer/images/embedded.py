"""The metadata blocks inside an image file, found and not yet understood: EXIF, IPTC, XMP and PNG texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from indexer.images.png import inflate, png_chunks
from indexer.images.tiff import FIRST_PAGE

#: A packet larger than this is an edit history or an embedded preview, not a caption.
MAX_BLOCK_BYTES = 1_000_000

#: Loaders that turn the picture themselves and leave nothing to do (HEIF by its own `irot` and `imir`).
_TURNED_BY_LOADER = frozenset({"TIFF", "HEIF"})

#: Texts of a PNG that something is read from; and how many of them are unpacked, empty and broken ones too.
_KEYWORDS = frozenset(
    {
        *("XML:com.adobe.xmp", "Description", "Title", "Comment"),
        *(f"Raw profile type {kind}" for kind in ("exif", "APP1")),
    }
)
_MAX_TEXTS = 20
_LONGEST_KEYWORD = 80  # with its end

_ORIENTATION = 0x0112
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_TIFF_IPTC, _XMP = 33723, 700
_PHOTOSHOP_IPTC = 0x0404  # the image resource that holds IPTC (Adobe Photoshop File Formats Specification)


@dataclass(frozen=True, slots=True)
class Blocks:
    """EXIF as its three directories (tag -> value as Pillow reads it), the raw IPTC and XMP, and PNG's texts."""

    main: Mapping[int, Any] = field(default_factory=dict)
    exif: Mapping[int, Any] = field(default_factory=dict)
    gps: Mapping[int, Any] = field(default_factory=dict)
    iptc: bytes = b""
    xmp: bytes = b""
    texts: Mapping[str, str] = field(default_factory=dict)


def find_blocks(image: ImageFile.ImageFile, data: bytes) -> Blocks:
    """All blocks of `image`, which was opened from `data` and whose pixels need not be decoded. Never raises."""
    png = _PngBlocks(data) if image.format == "PNG" else None
    exif, document = _load_exif(image, png), _document_exif(image)
    of_document = _directory(document, None)
    of_document.pop(_ORIENTATION, None)  # each page has its own
    return Blocks(
        main=of_document | _directory(exif, None),
        exif=_directory(exif, _EXIF_IFD) or _directory(document, _EXIF_IFD),
        gps=_directory(exif, _GPS_IFD) or _directory(document, _GPS_IFD),
        iptc=_find_iptc(image),
        xmp=_bounded(png.texts.get("XML:com.adobe.xmp", "") if png else image.info.get("xmp") or of_document.get(_XMP)),
        texts=png.texts if png else {},
    )


def orientation(image: ImageFile.ImageFile, data: bytes) -> int:
    """The EXIF orientation (1 to 8) still to be applied to the pixels that Pillow decodes; 1 is none. Never raises."""
    if image.format in _TURNED_BY_LOADER:
        return 1
    png = _PngBlocks(data) if image.format == "PNG" else None
    return turn(_directory(_load_exif(image, png), None), image.format)


def turn(main: Mapping[int, Any], image_format: str | None) -> int:
    """`orientation` from an EXIF main directory that was read before."""
    value = main.get(_ORIENTATION)
    sane = isinstance(value, int) and 1 <= value <= 8 and image_format not in _TURNED_BY_LOADER
    return value if sane and isinstance(value, int) else 1


class _PngBlocks:
    """EXIF and texts of a PNG (PNG specification, third edition, 11.3): `texts` by keyword, of those that are asked
    for; the first one wins."""

    def __init__(self, data: bytes) -> None:
        self.exif = b""
        self.texts: dict[str, str] = {}
        left = _MAX_TEXTS
        for kind, content in png_chunks(data):
            if kind == b"eXIf":
                self.exif = self.exif or content
            elif kind in (b"tEXt", b"zTXt", b"iTXt") and left:
                keyword = content[:_LONGEST_KEYWORD].partition(b"\0")[0].decode("latin-1")
                if keyword not in _KEYWORDS or keyword in self.texts:
                    continue
                left -= 1
                text = _png_text(kind, content[len(keyword) + 1 :])
                if text:
                    self.texts[keyword] = text


def _png_text(kind: bytes, rest: bytes) -> str:
    if kind == b"tEXt":
        return rest[:MAX_BLOCK_BYTES].decode("latin-1")
    if kind == b"zTXt":
        return inflate(rest[1:], MAX_BLOCK_BYTES).decode("latin-1")
    compressed = rest[:1] == b"\1"
    content = rest[2:].split(b"\0", 2)[-1]  # behind the language tag and the translated keyword
    if compressed:
        content = inflate(content, MAX_BLOCK_BYTES)
    return content[:MAX_BLOCK_BYTES].decode("utf-8", "replace")


def _load_exif(image: ImageFile.ImageFile, png: _PngBlocks | None) -> Image.Exif:
    """Empty when there is none or it cannot be read."""
    exif = Image.Exif()
    try:
        if image.format == "TIFF":
            return image.getexif()
        raw = image.info.get("exif") if png is None else png.exif or _hexadecimal(png.texts, "exif", "APP1")
        if isinstance(raw, bytes):
            exif.load(raw)
    except Exception:  # damaged EXIF comes in every kind of exception
        return Image.Exif()
    return exif


def _document_exif(image: ImageFile.ImageFile) -> Image.Exif:
    """Of a TIFF's first page, where the photograph is another one; else empty."""
    exif = Image.Exif()
    place = image.info.get(FIRST_PAGE)
    if isinstance(image, TiffImageFile) and isinstance(place, int) and image.fp is not None:
        try:
            exif.endian = "<" if image.tag_v2.prefix == b"II" else ">"
            exif.load_from_fp(image.fp, place)
        except Exception:  # as above
            return Image.Exif()
    return exif


def _hexadecimal(texts: Mapping[str, str], *kinds: str) -> bytes:
    """ImageMagick's way of keeping a block in PNG: a text of its kind, its length, and its bytes in hexadecimal."""
    for kind in kinds:
        match = re.match(r"\s*\w+\s+\d+\s+([0-9a-fA-F\s]+)$", texts.get(f"Raw profile type {kind}", ""))
        if match:
            digits = "".join(match[1].split())
            return bytes.fromhex(digits[: len(digits) // 2 * 2])
    return b""


def _directory(exif: Image.Exif, tag: int | None) -> dict[int, Any]:
    """One directory of EXIF, each value on its own, so that a damaged one costs only itself."""
    values: dict[int, Any] = {}
    try:
        source: Mapping[int, Any] = exif if tag is None else exif.get_ifd(tag)
        tags = list(source)
    except Exception:
        return values
    for key in tags:
        try:
            values[key] = source[key]
        except Exception:  # noqa: S112
            continue
    return values


def _find_iptc(image: ImageFile.ImageFile) -> bytes:
    try:
        if image.format == "JPEG":
            return _bounded(image.info.get("photoshop", {}).get(_PHOTOSHOP_IPTC))
        if image.format == "TIFF":
            # Its bytes as they are: of the LONGs that Photoshop calls them, Pillow would give the first one.
            raw = image.tag_v2._tagdata.get(_TIFF_IPTC)  # type: ignore[attr-defined]
            resources = image.get_photoshop_blocks()  # type: ignore[attr-defined]
            return _bounded(raw or resources.get(_PHOTOSHOP_IPTC, {}).get("data"))
    except Exception:
        return b""
    return b""


def _bounded(block: object) -> bytes:
    """`block` as bytes when it is text or bytes of a sane size, else none."""
    if isinstance(block, str):
        block = block.encode("utf-8", "replace")
    return block if isinstance(block, bytes) and len(block) <= MAX_BLOCK_BYTES else b""
