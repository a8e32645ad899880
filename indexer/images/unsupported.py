"""Image formats that are not read, told by their first bytes: so that a file is called what it is."""

from __future__ import annotations

import re

_SIGNATURES: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), name)
    for pattern, name in (
        (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "JPEG 2000"),
        (rb"8BPS\0[\x01\x02]", "Photoshop (PSD)"),
        (rb"#\?(RADIANCE|RGBE)", "Radiance HDR"),
        (rb"\x76\x2f\x31\x01", "OpenEXR"),
        (rb"II\xbc\x01", "JPEG XR"),
        (rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]", "SVG"),
        (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript (EPS)"),
        (rb"\0\0[\x01\x02]\0[\x01-\x40]\0.{6}", "Windows icon (ICO)"),
        (rb"P[1-7]\s+(#[^\n]*\n\s*)*(\d|WIDTH)", "Netpbm (PBM, PGM, PPM, PAM)"),
        (rb"P[Ff]\s", "portable float map (PFM)"),
        (rb"qoif", "QOI"),
        (rb"DDS ", "DirectDraw surface (DDS)"),
        (rb"\x0a[\0\x02\x03\x05]\x01[\x01\x02\x04\x08]", "PCX"),
        (rb"FUJIFILMCCD-RAW|II(RO|RS|U\0)|MMOR|FOVb", "camera raw"),
        (rb"gimp xcf", "GIMP (XCF)"),
        (rb"SIMPLE  =", "FITS"),
        (rb"FORM....(ILBM|PBM )", "Amiga IFF"),
        (rb"\x8aMNG\r\n\x1a\n|\x8bJNG\r\n\x1a\n", "MNG"),
        (rb"BPG\xfb", "BPG"),
        (rb"FLIF", "FLIF"),
        (rb"....ftypcrx ", "camera raw (CR3)"),
    )
)


def unsupported_format(head: bytes) -> str | None:
    """The name of the image format that these first bytes begin, which is not read; None for anything else."""
    return next((name for pattern, name in _SIGNATURES if pattern.match(head)), None)
