"""Images that a program gives: by a path, as the content of a file, or as a picture in memory. Light."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, TypeGuard

from indexer import arguments
from indexer.arguments import shown
from indexer.errors import FileError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    #: What can be asked with besides words.
    Picture = str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | npt.NDArray[np.uint8]

#: Where the classes of pictures live: nobody has one who has not loaded it.
_PICTURES: Final = (("PIL.Image", "Image"), ("numpy", "ndarray"))
TAKES: Final = (
    "the path of an image file (a str or a pathlib.Path), its content (bytes), an image of Pillow, or an array "
    "(h, w, 3) uint8"
)


def is_in_memory(given: object) -> bool:
    """Whether this is an image that is no path: the content of a file, an image of Pillow, an array."""
    return isinstance(given, bytes | bytearray | memoryview) or _is_picture(given)


def path_or_content(name: str, given: object) -> str | os.PathLike[str] | bytes:
    """A path as it is; of an image in memory the content of a file (`indexer.images.in_memory`).

    Raises TypeError, UsageError, and FileError for an image of Pillow that does not decode.
    """
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given)
    if _is_picture(given):
        from indexer.images.in_memory import file_of

        try:
            return file_of(given)
        except FileError as error:
            raise type(error)(f"The image that was given as `{name}` cannot be used: {error}.") from error
    if isinstance(given, str | os.PathLike):
        path: str | os.PathLike[str] = arguments.path(name, given)
        return path
    raise TypeError(f"`{name}` takes {TAKES}, not {shown(given)}.")


def _is_picture(given: object) -> TypeGuard[Image.Image | npt.NDArray[np.uint8]]:
    loaded = ((sys.modules.get(module), kind) for module, kind in _PICTURES)
    return any(module is not None and isinstance(given, getattr(module, kind)) for module, kind in loaded)
