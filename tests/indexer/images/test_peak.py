"""What decoding is said to take of memory, against what a process of its own takes: format by format."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.images.libtiff import quiet_libtiff
from tests.fixtures import tiffs
from tests.fixtures.paths import ROOT
from tests.fixtures.pictures import icc_matrix_profile, quarters

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the system does not tell how much a process took at its most"
)

SIDE = 1200

#: Decodes each file and prints what it was said to take, and what it took at its most, in bytes.
CHILD = """
import ctypes, json, re, sys
from PIL import Image
from indexer.images.decoder import decode
from indexer.settings import DecodeLimits

class Told:
    def grow(self, wanted, doing):
        self.wanted = wanted

def held(name):
    with open("/proc/self/status") as status:
        return 1024 * int(re.search(name + r":\\s*(\\d+)", status.read())[1])

limits = DecodeLimits()
give_back = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)
for small in sys.argv[2:]:  # codecs and tables are loaded
    decode(open(small, "rb").read(), limits, (260, 260))
folder, names = sys.argv[1], json.load(sys.stdin)
for name in names:
    Image.core.clear_cache()
    give_back(0)  # what was let go of, and kept for the next
    before = held("VmRSS")
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")
    share = Told()
    decode(open(f"{folder}/{name}", "rb").read(), limits, (260, 260), share)
    print(json.dumps([name, share.wanted, held("VmHWM") - before]), flush=True)
"""


def _noise(*shape: int, kind: str = "u1", top: float = 255) -> Any:
    """Levels that do not compress to nothing: every page that a decoder may touch is touched."""
    row = np.random.default_rng(1).random(shape[1:]) * top
    return np.broadcast_to(row, shape).astype(kind)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _picture(mode: str) -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    levels = _noise(SIDE, SIDE, channels) if channels > 1 else _noise(SIDE, SIDE)
    return Image.frombytes(mode, (SIDE, SIDE), levels.tobytes())


def _heif(mode: str) -> bytes:
    from pillow_heif import from_pillow

    buffer = io.BytesIO()
    from_pillow(_picture(mode).crop((0, 0, 800, 800))).save(buffer, quality=30)
    return buffer.getvalue()


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


#: A colour profile that changes colours (Adobe RGB's primaries, nearly).
_WIDE = icc_matrix_profile([(0.61, 0.31, 0.02), (0.2, 0.63, 0.07), (0.15, 0.06, 0.74)], 2.2)


def _tiff(top: float, kind: str, channels: int, **options: Any) -> bytes:
    levels = np.ascontiguousarray(_noise(800, 800, channels, kind=kind, top=top))
    return tiffs.tiff(levels, tiffs.RGB if channels >= 3 else tiffs.MIN_IS_BLACK, **options)


MAKERS: dict[str, Callable[[], bytes]] = {
    "shrunk.jpg": lambda: _saved(_picture("RGB"), "JPEG"),
    "progressive.jpg": lambda: _saved(_picture("RGB"), "JPEG", progressive=True, subsampling=0),
    "long.jpg": lambda: _saved(_picture("RGB").crop((0, 0, 300, SIDE)).resize((400, 40_000)), "JPEG"),
    "ink.jpg": lambda: _saved(_picture("CMYK"), "JPEG"),
    "grey.png": lambda: _saved(_picture("L"), "PNG", compress_level=1),
    "colours.png": lambda: _saved(_picture("RGB"), "PNG", compress_level=1),
    "profile.png": lambda: _saved(_picture("RGB"), "PNG", compress_level=1, icc_profile=_WIDE, exif=_turned()),
    "clear.png": lambda: _saved(_picture("RGBA"), "PNG", compress_level=1, exif=_turned()),
    "clear profile.png": lambda: _saved(_picture("RGBA"), "PNG", compress_level=1, icc_profile=_WIDE),
    "grey and clear.png": lambda: _saved(_picture("LA"), "PNG", compress_level=1),
    "palette.png": lambda: _saved(_picture("L").convert("P"), "PNG", transparency=bytes(range(256))),
    "sixteen.png": lambda: _saved(Image.fromarray(_noise(SIDE, SIDE, kind="u2", top=65535)), "PNG", compress_level=1),
    "colours.webp": lambda: _saved(_picture("RGB"), "WEBP", quality=30, method=0),
    "clear.webp": lambda: _saved(_picture("RGBA"), "WEBP", quality=30, method=0),
    "palette.gif": lambda: _saved(_picture("P"), "GIF"),
    "clear.gif": lambda: _saved(_picture("P"), "GIF", transparency=3),
    "colours.bmp": lambda: _saved(_picture("RGB"), "BMP"),
    "colours.avif": lambda: _saved(_picture("RGB"), "AVIF", speed=10, quality=30),
    "clear.avif": lambda: _saved(_picture("RGBA"), "AVIF", speed=10, quality=30),
    "colours.heic": lambda: _heif("RGB"),
    "clear.heic": lambda: _heif("RGBA"),
    "raw.tif": lambda: _saved(_picture("RGB"), "TIFF"),
    "ink.tif": lambda: _saved(_picture("CMYK"), "TIFF", compression="tiff_lzw"),
    "packed.tif": lambda: _saved(_picture("RGBA"), "TIFF", compression="tiff_adobe_deflate"),
    "sixteen.tif": lambda: _saved(Image.fromarray(_noise(SIDE, SIDE, kind="u2", top=65535)), "TIFF"),
    "float.tif": lambda: _tiff(1, "f4", 3, compression=tiffs.DEFLATE, predictor=3),
    "double.tif": lambda: _tiff(1, "f8", 3, compression=tiffs.DEFLATE),
    "planes.tif": lambda: _tiff(65535, "u2", 3, planar=True, tile=256),
    "dark.tif": lambda: _tiff(4095, "u2", 3),
    "clear sixteen.tif": lambda: _tiff(65535, "u2", 4, extra=(2,), compression=tiffs.DEFLATE, planar=True),
}

#: Of those that take little: said to take this, whatever they take.
_LITTLE = 90_000_000
#: An upper bound is no use when it is far too high.
_MOST = 3.5


def test_decoding_takes_no_more_than_it_is_said_to_and_not_much_less(tmp_path: Path) -> None:
    quiet_libtiff()
    for name, make in MAKERS.items():
        (tmp_path / name).write_bytes(make())
    small = []
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"):
        small.append(tmp_path / f"small.{kind}")
        quarters().save(small[-1], kind)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), *map(str, small)],
        input=json.dumps(list(MAKERS)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [name for name, _, _ in rows] == list(MAKERS)
    wrong = {
        name: f"said {said / 1e6:.0f} MB, took {took / 1e6:.0f} MB"
        for name, said, took in rows
        if took > said or said > max(_LITTLE, _MOST * took)
    }
    assert wrong == {}
