"""The whole error tree.

    SearchError                    anything this product raises on purpose
    ├── UsageError                 the request itself is wrong                      exit 2
    │   ├── PathNotFoundError      a named file or folder is not there
    │   ├── EmptyQueryError        nothing to search for
    │   ├── StoreMissingError      no index at this place yet
    │   └── StoreBusyError         another process is writing to this store
    ├── ResidentError              no server of the store can be started             exit 2
    ├── ServerError                a server cannot be reached, or does not answer    exit 2
    ├── EncoderError               a model cannot do the work                       exit 2
    │   ├── EncoderUnavailableError    it cannot be found, fetched or loaded
    │   └── EncoderMismatchError   the store was made with another encoder
    ├── StoreError                 the store cannot be read or written              exit 4
    │   ├── StoreDamagedError      its bytes are not what was written
    │   ├── StoreTooNewError       a newer version of this product wrote it
    │   ├── UnfitValueError        a value of one file that no catalog can hold
    │   └── StoreUnwritableError   read-only, out of reach, no permission, or the disk is full
    └── FileError                  one file cannot be indexed; a run records it and goes on
        ├── UnreadableFileError    permissions, I/O errors, vanished or changed during the run
        ├── NotAnImageError        its content is no image format that can be read
        ├── UnsupportedImageError  an image, of a format or a kind that is not read
        ├── DamagedImageError      zero bytes, truncated, or its data do not decode
        ├── ImageTooLargeError     more pixels or bytes than the limits allow
        └── CaptionFileError       a captions file that does not parse

Every message is one sentence that names the thing, the reason and the next step. Library code raises;
only `search.shell` prints, and `run` in it turns the class into the exit code.
"""

from __future__ import annotations


class SearchError(Exception):
    """Anything this product raises on purpose."""


class UsageError(SearchError):
    """The request itself is wrong."""


class PathNotFoundError(UsageError):
    """A named file or folder is not there."""


class EmptyQueryError(UsageError):
    """Nothing to search for."""


class StoreMissingError(UsageError):
    """No index at this place yet."""


class StoreBusyError(UsageError):
    """Another process is writing to this store."""


class EncoderError(SearchError):
    """A model cannot do the work."""


class EncoderUnavailableError(EncoderError):
    """A model cannot be found, fetched or loaded."""


class EncoderMismatchError(EncoderError):
    """The store was made with another encoder."""


class ResidentError(SearchError):
    """The server of a store cannot be started, or does not leave."""


class ServerError(SearchError):
    """A server cannot be reached, or does not answer as one of this product does."""


class StoreError(SearchError):
    """The store cannot be read or written."""


class StoreDamagedError(StoreError):
    """The store's bytes are not what was written."""


class StoreTooNewError(StoreError):
    """A newer version of this product wrote the store."""


class UnfitValueError(StoreError):
    """A value that the catalog cannot hold; a run records the file that brought it and goes on."""


class StoreUnwritableError(StoreError):
    """The store is read-only, out of reach, not permitted, or its disk is full."""


class FileError(SearchError):
    """One file cannot be indexed; the message is its reason, without the path."""


class UnreadableFileError(FileError):
    """Permissions, I/O errors, or a file that vanished or changed during the run."""


class NotAnImageError(FileError):
    """The content is no image format that can be read."""


class UnsupportedImageError(FileError):
    """An image of a format, or of a kind within a format, that is not read; nothing is wrong with it."""


class DamagedImageError(FileError):
    """Zero bytes, truncated, or data that do not decode."""


class ImageTooLargeError(FileError):
    """More pixels or bytes than the limits allow."""


class CaptionFileError(FileError):
    """A captions file that does not parse."""


def published(error: SearchError) -> type[SearchError]:
    """The nearest class of this module that it is one of: what leaves the process names no other."""
    return next(each for each in type(error).__mro__ if each.__module__ == __name__)
