"""Which image format some bytes are, told by content; and suffixes that hint at images. Needs no Pillow."""

from __future__ import annotations

from indexer.reach import beginning

#: Version of what tells which files are understood, kept with each file. It grows by one with a release that reads one
#: more format, or one more kind of captions: the next `index` then looks again at what was ignored or refused.
FORMAT_READER = 3

#: Suffixes of the formats that are read, lower case. A hint for finding images; the content decides.
IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib"),
        *(".tif", ".tiff", ".heic", ".heif", ".heics", ".heifs", ".hif", ".avif", ".avifs"),
    }
)

#: Suffixes of camera raw files, lower case. Many look like TIFF but hold sensor data; they are not read.
RAW_SUFFIXES = frozenset(
    {
        *(".3fr", ".ari", ".arw", ".bay", ".cap", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr"),
        *(".iiq", ".k25", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".ptx", ".raf", ".raw"),
        *(".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
    }
)

#: How many bytes from the start of a file `sniff` looks at.
SNIFFED_BYTES = 256

# Brands of ISO/IEC 23008-12 (HEIF) and of AVIF; "mif1" and "msf1" say only that it is one of the two.
_HEVC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_COMMON_BRANDS = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})

#: The sizes that a bitmap's second header can have: core, info (v1 to v5) and OS/2.
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})


def sniff(head: bytes) -> str | None:
    """The format that these first bytes of a file begin (`SNIFFED_BYTES` suffice), or None when it is not one we read.

    One of "JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF".
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    # Classic and BigTIFF, both byte orders.
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0\x08\0", b"MM\0+\0\x08")):
        return "TIFF"
    if head.startswith(b"BM"):  # two letters that start many a text, too
        return "BMP" if int.from_bytes(head[14:18], "little") in _BMP_HEADERS else None
    if head[4:8] == b"ftyp":
        return _sniff_brands(head)
    return None


def _sniff_brands(head: bytes) -> str | None:
    """HEIF or AVIF by the brands of the `ftyp` box: the major one first, then those it is compatible with."""
    major = head[8:12]
    end = min(int.from_bytes(head[:4], "big"), len(head), SNIFFED_BYTES)
    brands = {head[start : start + 4] for start in range(16, end - 3, 4)}
    if major in _AVIF_BRANDS:
        return "AVIF"
    if major in _HEVC_BRANDS:
        return "HEIF"
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEVC_BRANDS or major in _COMMON_BRANDS:
        return "HEIF"
    return None


def is_image(path: str) -> bool:
    """Whether the file at `path` begins like an image that we read; False when it cannot be looked at."""
    try:
        return sniff(beginning(path, SNIFFED_BYTES)) is not None
    except (OSError, ValueError):
        return False
