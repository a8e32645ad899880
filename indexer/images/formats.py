"""The opened header of an image, of whatever format.

The type is told by content (`sniffing`), never by suffix. Each format goes straight to its own Pillow class:
`Image.open` would try others too, would apply Pillow's process-wide pixel limit in place of ours, and warn about it.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile

from indexer import forking
from indexer.errors import DamagedImageError, FileError, ImageTooLargeError, NotAnImageError, UnsupportedImageError
from indexer.images.containers import open_boxes, open_webp
from indexer.images.cut_headers import ends_early
from indexer.images.endings import empty_bytes, interrupted
from indexer.images.jpeg import open_jpeg
from indexer.images.png import open_png
from indexer.images.sniff import SNIFFED_BYTES, sniff
from indexer.images.tiff import open_tiff
from indexer.images.unsupported import other_kind, unsupported_format

# Without any handler, Python writes what Pillow logs to standard error; an application's own handlers still get it.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def open_heif(stream: io.BytesIO) -> ImageFile.ImageFile:
    """Not registered with Pillow: a process that embeds this library keeps its own choice of plugins."""
    from pillow_heif import HeifImageFile

    image: ImageFile.ImageFile = HeifImageFile(stream)
    return image


_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "JPEG": open_jpeg,
    "PNG": open_png,
    "WEBP": open_webp,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "TIFF": open_tiff,
    "AVIF": lambda stream: open_boxes(stream, AvifImageFile),
    "HEIF": lambda stream: open_boxes(stream, open_heif),
}


def open_image(data: bytes) -> ImageFile.ImageFile:
    """The image in `data`, its header read and its pixels not yet. `image.format` is what `sniff` says.

    Raises NotAnImageError, UnsupportedImageError, DamagedImageError or ImageTooLargeError.
    """
    if not data:
        raise DamagedImageError("it is empty (zero bytes): the copy was interrupted; copy it again")
    found = refuse_head(data[:SNIFFED_BYTES])
    try:
        with pillow_errors("its header is damaged", data):
            return _OPENERS[found](io.BytesIO(data))
    except DamagedImageError:
        if empty_bytes(data):
            raise interrupted(data) from None
        raise


def refuse_head(head: bytes) -> str:
    """The format that these first bytes of a file begin. Raises NotAnImageError or UnsupportedImageError for those of
    no image that is read, and DamagedImageError where none was ever written."""
    found = sniff(head)
    if found is None:
        if not head.strip(b"\0"):
            raise DamagedImageError(
                "the beginning of the file is empty (zeros): the copy was interrupted; copy it again"
            )
        name = unsupported_format(head)
        if name is not None:
            raise UnsupportedImageError(f"it is in the format {name}, which is not read; save it as JPEG, PNG or TIFF")
        kind = other_kind(head)
        if kind is not None:
            raise NotAnImageError(f"its content is {kind} and no image; rename it, or put the image in its place")
        raise NotAnImageError(
            "its content is no image format that can be read; copy it again, or save it as JPEG, PNG or TIFF"
        )
    return found


@contextmanager
def pillow_errors(what: str, data: bytes = b"") -> Iterator[None]:
    """Turn whatever Pillow and its codecs raise into one of our errors; `what` starts the reason of a damaged image.

    `data`: the file, where its end may be what they lack.

    On broken data they raise OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError,
    OverflowError, ZeroDivisionError, RuntimeError, struct.error, zlib.error and more, so all of Exception is meant.
    """
    _silence_plugins()
    try:
        yield
    except DamagedImageError:
        if ends_early(data):
            raise interrupted(data) from None
        raise
    except FileError:
        raise
    except MemoryError:
        raise ImageTooLargeError("decoding it needs more memory than there is") from None
    except Image.DecompressionBombError:
        raise ImageTooLargeError("it claims to have more pixels than Pillow decodes for its format") from None
    except NotImplementedError as error:
        raise _unsupported(error) from error
    except ImportError as error:
        raise NotAnImageError(f"a package for its format is missing ({error.name or error}); install it") from None
    except Exception as error:
        said = _said(error)
        if _UNSUPPORTED.search(said):
            raise _unsupported(error) from error
        if ends_early(data):
            raise interrupted(data) from error
        detail = _in_words(said)
        raise DamagedImageError(f"{what}: {detail}" if detail else what) from error


def _unsupported(error: Exception) -> UnsupportedImageError:
    detail = _said(error).rstrip(".")
    return UnsupportedImageError(f"it is of a kind that is not read ({detail}); save it as JPEG, PNG or TIFF")


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


def _in_words(said: str) -> str:
    """What a codec says of damage, in words for people; "" where it speaks of its own insides."""
    return next((words for pattern, words in _WORDS if pattern.search(said)), said)


#: Of libtiff, Pillow knows only a number.
_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"^decoder error -\d+$", "a strip of it cannot be unpacked"),
        (r"image file is truncated|truncated (data|file)|unexpected end|insufficient input", "data are missing in it"),
        (r"requires a buffer of|index out of|not enough (data|values)|too small|file bounds", "a part is too short"),
        (r"no '\w+' box|no or invalid primary item", "a part of it is missing"),
        (r"data stream|^encoder error|plugin generated|^invalid input|parsing failed|no more images", ""),
        (r"not identified by|cannot (load|identify) this|not an? \w+ file|could not create decoder", ""),
        (r"^'?\d+'?$|NoneType|not supported between|not (subscriptable|iterable)|object has no attribute", ""),
    )
)

#: How Pillow and its codecs say that they know what a file is, and cannot decode it.
_UNSUPPORTED = re.compile(
    r"unsupported (?!marker|or non-existing)|not supported(?! between)|not yet supported|unknown pixel mode|"
    r"decoder \S+ not available|no codec",
    re.IGNORECASE,
)


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
