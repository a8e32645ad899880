"""The opened header of an image, of whatever format.

The type is told by content (`sniffing`), never by suffix. Each format goes straight to its own Pillow class:
`Image.open` would try others too, would apply Pillow's process-wide pixel limit in place of ours, and warn about it.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from indexer import forking
from indexer.errors import DamagedImageError, FileError, ImageTooLargeError, NotAnImageError
from indexer.images.sniff import SNIFFED_BYTES, sniff


class _Tiff(TiffImageFile):
    """Pillow's TIFF, less its process-wide pixel limit: `images` checks ours before anything is decoded."""

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size).im
        super().load_prepare()


_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImageFile,  # a multi-picture JPEG as well: its first picture is a plain one
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "TIFF": _Tiff,
    "AVIF": AvifImageFile,
}


def open_image(data: bytes) -> ImageFile.ImageFile:
    """The image in `data`, its header read and its pixels not yet. `image.format` is what `sniff` says.

    Raises NotAnImageError, DamagedImageError or ImageTooLargeError.
    """
    if not data:
        raise DamagedImageError("it is empty (zero bytes)")
    found = sniff(data[:SNIFFED_BYTES])
    if found is None:
        raise NotAnImageError("its content is no image format that can be read")
    with pillow_errors("its header is damaged"):
        if found == "HEIF":
            # Not registered with Pillow: a process that embeds this library keeps its own choice of plugins.
            from pillow_heif import HeifImageFile

            heif: ImageFile.ImageFile = HeifImageFile(io.BytesIO(data))
            return heif
        return _OPENERS[found](io.BytesIO(data))


@contextmanager
def pillow_errors(what: str) -> Iterator[None]:
    """Turn whatever Pillow and its codecs raise into one of our errors; `what` starts the reason of a damaged image.

    On broken data they raise OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError,
    OverflowError, ZeroDivisionError, RuntimeError, struct.error, zlib.error and more, so all of Exception is meant.
    """
    _silence_plugins()
    try:
        yield
    except FileError:
        raise
    except MemoryError:
        raise ImageTooLargeError("decoding it needs more memory than there is") from None
    except Image.DecompressionBombError:
        raise ImageTooLargeError("it claims to have more pixels than Pillow decodes for its format") from None
    except ImportError as error:
        raise NotAnImageError(f"a package for its format is missing: {error}") from None
    except Exception as error:
        detail = " ".join(str(error).split())[:120]
        raise DamagedImageError(f"{what}: {detail}" if detail else what) from error


_PLUGINS = re.compile(r"PIL\.\w+ImagePlugin$")
_silence = forking.lock()


def _silence_plugins() -> None:
    """Keep Pillow's plugins from warning about damaged metadata; what matters of it comes back as an error.

    `warnings.catch_warnings` is not safe with threads, so this is a lasting filter: on UserWarning, from Pillow's
    plugins, and nothing else. It is put back on top when another one was laid over it.
    """
    mine = ("ignore", None, UserWarning, _PLUGINS, 0)
    if not warnings.filters or warnings.filters[0] != mine:
        with _silence:
            warnings.filterwarnings("ignore", category=UserWarning, module=_PLUGINS.pattern)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, content) of a PNG's chunks other than pixels, in order; ends at the first that is cut short.

    Pillow knows the chunks behind the pixels only once it has decoded them, and that is where exiftool writes XMP.
    """
    position = 8
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind = data[position + 4 : position + 8]
        start, position = position + 8, position + 12 + length
        if position > len(data):
            return
        if kind not in (b"IDAT", b"fdAT"):
            yield kind, data[start : start + length]


def inflate(data: bytes, limit: int) -> bytes:
    """zlib data unpacked, at most `limit` bytes of it; b"" when it is damaged."""
    try:
        return zlib.decompressobj().decompress(data, limit)
    except zlib.error:
        return b""
