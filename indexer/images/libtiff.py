"""libtiff inside Pillow: kept from writing to standard error, and asked which compressions it knows."""

from __future__ import annotations

import ctypes
from functools import cache

from PIL import _imaging


@cache
def quiet_libtiff() -> ctypes.CDLL | None:
    """The library, once told to print nothing; None where it cannot be reached, and keeps its own ways.

    It writes a line on every damaged strip to standard error, which is not ours to write on. Errors come back through
    Pillow all the same.
    """
    try:
        library = ctypes.CDLL(_imaging.__file__)  # its symbols are found through the module that is linked to it
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            handler = getattr(library, name)
            handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            handler(None)
    except (AttributeError, OSError):
        return None
    return library


def knows_compression(number: int) -> bool:
    """Whether this libtiff was built with the compression of this number (TIFF tag 259)."""
    library = quiet_libtiff()
    try:
        return library is None or bool(library.TIFFIsCODECConfigured(ctypes.c_uint16(number)))
    except AttributeError:
        return True
