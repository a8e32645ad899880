"""The bytes of a file, whichever storage it lies in."""

from __future__ import annotations

from indexer import reach
from indexer.errors import ImageTooLargeError, UnreadableFileError
from indexer.memory_budget import ALONE, Share
from indexer.settings import DecodeLimits
from indexer.storage.base import ChangedError, Storage
from indexer.storage.looking import candidate_at
from indexer.storage.storages import file_storage
from indexer.types import Candidate

#: Of a file that is another than the one that a scan saw.
CHANGED = "it changed while it was read; it will be read again next time"


def read_elsewhere(storage: Storage, candidate: Candidate, limits: DecodeLimits, share: Share = ALONE) -> bytes:
    """`images.decoder.read_file` for a file of `storage`. Raises as that."""
    if candidate.size > limits.max_bytes:
        raise too_many_bytes(candidate.size, limits)
    share.grow(candidate.size, "reading it")
    try:
        data = storage.read(candidate)
    except ChangedError:
        raise UnreadableFileError(CHANGED) from None
    except FileNotFoundError:
        raise UnreadableFileError("it vanished during the run") from None
    except OSError as error:
        raise UnreadableFileError(f"it cannot be read: {error.strerror or error}") from error
    if len(data) != candidate.size:
        raise UnreadableFileError(CHANGED)
    return data


def content_elsewhere(path: str, limits: DecodeLimits, share: Share = ALONE) -> bytes:
    """The whole content of a file as it is now, which is no file of the file system. Raises as `read_elsewhere`."""
    storage = file_storage(path)
    assert storage is not None
    try:
        candidate = candidate_at(path)
    except FileNotFoundError:
        raise UnreadableFileError("it is not where it was, or its storage cannot be reached") from None
    except OSError as error:
        raise UnreadableFileError(f"it cannot be read ({error.strerror or error})") from error
    return read_elsewhere(storage, candidate, limits, share)


def beginning(path: str, size: int) -> bytes:
    """The first `size` bytes of a file. Raises OSError, and ValueError for what can be no path."""
    storage = file_storage(path)
    return reach.beginning(path, size) if storage is None else storage.beginning(path, size)


def too_many_bytes(size: int, limits: DecodeLimits) -> ImageTooLargeError:
    """The error for a file that is larger than any is read."""
    return ImageTooLargeError(f"it has {size:,} bytes, more than the limit of {limits.max_bytes:,}")
