"""The content of a photograph, read only where it is what was indexed and lies in an indexed folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from io import FileIO
from tempfile import TemporaryFile
from typing import TypeVar

from indexer.catalog.originals import Original
from indexer.errors import FileError, UnreadableFileError
from indexer.files.inside import OutsideError, lies_elsewhere_inside, open_inside, outside
from indexer.memory_budget import ALONE, Share
from indexer.settings import DecodeLimits
from indexer.storage.looking import candidate_at
from indexer.storage.places import is_elsewhere
from indexer.storage.reading import content_elsewhere, too_many_bytes

T = TypeVar("T")

_CHUNK = 1 << 20


class ChangedError(UnreadableFileError):
    """What lies there is not what was indexed."""


def read_original(original: Original, roots: Sequence[str], limits: DecodeLimits, share: Share = ALONE) -> bytes:
    """Its content, from the first of its paths where that is so. Takes its memory from `share`.

    Raises OutsideError, ChangedError, UnreadableFileError, ImageTooLargeError, each with a reason.
    """

    def read(path: str) -> bytes:
        if is_elsewhere(path):
            return _read_elsewhere(path, original.digest, roots, limits, share)
        with open_inside(path, roots) as file:
            size = _size(file, limits)
            share.grow(size, "reading it")
            data = b"".join(_chunks(file, size))
        if hashlib.sha256(data).digest() != original.digest:
            raise _changed()
        return data

    return _first(original.paths, read)


def take_original(original: Original, roots: Sequence[str], limits: DecodeLimits) -> FileIO:
    """Its file, open at the beginning, from the first of its paths where it is what was indexed; whoever takes it
    closes it. Its whole content was read and compared, a piece at a time; what lies in no file of its own is given as
    one without a name. Raises as `read_original`."""

    return _first(original.paths, lambda path: _take(path, original.digest, roots, limits))


def place_of(original: Original, roots: Sequence[str], limits: DecodeLimits) -> str:
    """The first of its paths at which it is what was indexed. Raises as `read_original`."""

    def look(path: str) -> str:
        _take(path, original.digest, roots, limits).close()
        return path

    return _first(original.paths, look)


def look_at(original: Original, roots: Sequence[str], limits: DecodeLimits) -> int:
    """How many bytes it has, as far as that is known without reading it: where it is, it may have been changed all the
    same. Raises as `read_original`."""

    def look(path: str) -> int:
        if is_elsewhere(path):
            size = _size_elsewhere(path, roots, limits)
        else:
            with open_inside(path, roots) as file:
                size = _size(file, limits)
        if size != (original.size or size):
            raise _changed()
        return size

    return _first(original.paths, look)


def _take(path: str, digest: bytes, roots: Sequence[str], limits: DecodeLimits) -> FileIO:
    if is_elsewhere(path):
        return _nameless(_read_elsewhere(path, digest, roots, limits, ALONE))
    file = open_inside(path, roots)
    try:
        found = hashlib.sha256()
        for chunk in _chunks(file, _size(file, limits)):
            found.update(chunk)
        if found.digest() != digest:
            raise _changed()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _read_elsewhere(path: str, digest: bytes, roots: Sequence[str], limits: DecodeLimits, share: Share) -> bytes:
    if not lies_elsewhere_inside(path, roots):
        raise outside()
    data = content_elsewhere(path, limits, share)
    if hashlib.sha256(data).digest() != digest:
        raise _changed()
    return data


def _size_elsewhere(path: str, roots: Sequence[str], limits: DecodeLimits) -> int:
    if not lies_elsewhere_inside(path, roots):
        raise outside()
    size = candidate_at(path).size
    if size > limits.max_bytes:
        raise too_many_bytes(size, limits)
    return size


def _nameless(data: bytes) -> FileIO:
    """A file with this content that goes when it is closed."""
    file = TemporaryFile(buffering=0)  # noqa: SIM115 (whoever takes it closes it)
    try:
        file.write(data)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _first(paths: Sequence[str], act: Callable[[str], T]) -> T:
    """What `act` gives for the first path at which it raises nothing."""
    told: FileError | None = None
    for path in paths:
        try:
            return act(path)
        except OSError as error:
            told = told or UnreadableFileError(f"it cannot be read ({(error.strerror or 'an error').lower()})")
        except FileError as error:
            # Of a photograph that was changed there more is to be said than of a copy that is away.
            if told is None or (isinstance(error, OutsideError | ChangedError) and type(told) is UnreadableFileError):
                told = error
    raise told or UnreadableFileError("no file holds it")


def _size(file: FileIO, limits: DecodeLimits) -> int:
    size = os.fstat(file.fileno()).st_size
    if size > limits.max_bytes:
        raise too_many_bytes(size, limits)
    return size


def _chunks(file: FileIO, size: int) -> Iterator[bytes]:
    """Its first `size` bytes, or fewer where it shrinks meanwhile; what it grows by is left."""
    while size > 0 and (chunk := file.read(min(_CHUNK, size))):
        size -= len(chunk)
        yield chunk


def _changed() -> ChangedError:
    return ChangedError("it was changed since it was indexed; index it again")
