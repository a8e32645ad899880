"""Image formats that are not read, and files that are no images, told by their first bytes: so that a file is called
what it is."""

from __future__ import annotations

import re

_Signatures = tuple[tuple[re.Pattern[bytes], str], ...]

_FORMATS: _Signatures = tuple(
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

#: With an article, as they stand in a sentence. Videos and pages are what a browser or a phone saves under an image's
#: name.
_OTHERS: _Signatures = tuple(
    (re.compile(pattern, re.DOTALL | re.IGNORECASE), name)
    for pattern, name in (
        (rb"....ftypqt  |....(moov|mdat|wide)", "a video (QuickTime)"),
        (rb"....ftypM4A ", "a sound (MPEG-4)"),
        (rb"....ftyp3g", "a video (3GP)"),
        (rb"....ftyp(iso[m2-9]|mp4[12]|avc1|M4V|MSNV|dash|f4v|mmp4|XAVC)", "a video (MP4)"),
        (rb"\x1a\x45\xdf\xa3", "a video (Matroska or WebM)"),
        (rb"RIFF....AVI ", "a video (AVI)"),
        (rb"RIFF....WAVE", "a sound (WAV)"),
        (rb"FLV\x01", "a video (Flash)"),
        (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a video (Windows Media)"),
        (rb"\0\0\x01[\xb3\xba]|\x47.{187}\x47", "a video (MPEG)"),
        (rb"OggS", "a video or sound (Ogg)"),
        (rb"ID3[\x02-\x04]", "a sound (MP3)"),
        (rb"fLaC", "a sound (FLAC)"),
        (rb"%PDF-", "a document (PDF)"),
        (rb"PK\x03\x04", "an archive (ZIP, or a document of that form)"),
        (rb"\x1f\x8b|BZh\d|\xfd7zXZ\0|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\x28\xb5\x2f\xfd", "an archive"),
        (rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)?<(!DOCTYPE html|html|head|body)[\s>]", "a web page (HTML)"),
    )
)


def other_kind(head: bytes) -> str | None:
    """What these first bytes of a file begin that is no image, with its article; None for anything else."""
    return next((name for pattern, name in _OTHERS if pattern.match(head)), None)


def unsupported_format(head: bytes) -> str | None:
    """The name of the image format that these first bytes begin, which is not read; None for anything else."""
    return next((name for pattern, name in _FORMATS if pattern.match(head)), None)
