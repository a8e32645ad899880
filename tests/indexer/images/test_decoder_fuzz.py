"""Mutated image files: each decodes or is refused with one reason; nothing else is ever raised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.errors import FileError
from indexer.images.decoder import decode
from indexer.images.metadata import read_metadata
from indexer.settings import DecodeLimits
from tests.fixtures import pictures, tiffs
from tests.fixtures.pictures import encoded, oriented

FORMATS = [f for f in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF") if pictures.can_encode(f)]


#: Read by `images.tiff_raster`.
_ODD_TIFFS: list[tuple[str, dict[str, Any]]] = [
    ("u2", {"planar": True}),
    ("f4", {"compression": tiffs.LZW, "rows": 4}),
    ("f4", {"compression": tiffs.DEFLATE, "predictor": 3, "tile": 16}),
    ("u2", {"compression": tiffs.PACKBITS, "bits": 12}),
]

_SAMPLES = [
    *(encoded(pictures.noise(24, 16), image_format) for image_format in FORMATS),
    oriented("JPEG", 6, pictures.noise(40, 24)),
    oriented("PNG", 6, pictures.noise(24, 16)),
    oriented("WEBP", 6, pictures.noise(24, 16)),
    encoded(pictures.noise(24, 16).convert("CMYK"), "JPEG"),
    encoded(pictures.noise(24, 16), "JPEG", progressive=True),
    encoded(pictures.noise(24, 16), "TIFF", compression="tiff_lzw"),
    encoded(pictures.noise(24, 16), "TIFF", compression="jpeg"),
    encoded(pictures.noise(24, 16), "PNG", icc_profile=pictures.icc_matrix_profile(pictures.DISPLAY_P3, 2.2)),
    encoded(pictures.noise(24, 16).convert("P"), "PNG", transparency=b"\x00\x80\xff"),
    encoded(pictures.noise(24, 16).convert("P"), "GIF", save_all=True, append_images=[pictures.noise(24, 16)]),
    encoded(pictures.noise(24, 16), "PNG", save_all=True, append_images=[pictures.noise(24, 16, 1)]),
    encoded(Image.fromarray(np.arange(384, dtype=np.uint16).reshape(16, 24)), "PNG"),
    *(
        tiffs.tiff(np.asarray(pictures.noise(24, 16)).astype(kind), tiffs.RGB, **options)
        for kind, options in _ODD_TIFFS
    ),
    tiffs.pages(
        (np.zeros((4, 6), np.uint8), tiffs.MIN_IS_BLACK, {254: [1], 330: [8]}),
        (np.asarray(pictures.noise(24, 16)), tiffs.RGB, {}),
    ),
]


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(_SAMPLES)))
    # Headers are where damage does most, so half of the places are near the start.
    place = st.one_of(st.integers(0, min(len(data), 120) - 1), st.integers(0, len(data) - 1))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(place)
        action = draw(st.sampled_from("sbidct"))
        if action == "s":
            data[at % len(data)] = draw(st.integers(0, 255))
        elif action == "b":
            data[at % len(data)] ^= 1 << draw(st.integers(0, 7))
        elif action == "i":
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif action == "d":
            del data[at : at + draw(st.integers(1, 16))]
        elif action == "c":
            data[at : at + 4] = draw(st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"]))
        else:
            del data[max(at, 1) :]
        if not data:
            break
    return bytes(data)


def _reason(call: Callable[[], object]) -> str | None:
    """Why `call` refuses the file, None when it does not; anything but a FileError is a failure of the test."""
    try:
        call()
    except FileError as error:
        return str(error)
    return None


@given(_mutated(), st.sampled_from([None, (4, 4)]))
@settings(max_examples=500, deadline=None)
def test_mutated_files_decode_or_have_one_reason(data: bytes, target: tuple[int, int] | None) -> None:
    decoded: list[Image.Image] = []
    reason = _reason(lambda: decoded.append(decode(data, DecodeLimits(max_pixels=1_000_000), target)))
    if reason is None:
        assert decoded[0].mode == "RGB"
        assert decoded[0].width * decoded[0].height <= 1_000_000
    else:
        assert reason
        assert "\n" not in reason
    assert _reason(lambda: read_metadata(data)) != ""


@given(st.binary(max_size=200), st.sampled_from([sample[:n] for sample in _SAMPLES[:8] for n in (12, 32)]))
@settings(max_examples=100, deadline=None)
def test_any_bytes_behind_a_known_start(rest: bytes, start: bytes) -> None:
    assert _reason(lambda: decode(start + rest, DecodeLimits(max_pixels=1_000_000), None)) != ""
