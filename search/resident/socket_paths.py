"""Where a store, and the socket of its server, lie. Light."""

import _socket
import os
import sys

try:
    from _blake2 import blake2b  # what hashlib hands out, without loading OpenSSL (3 ms)
except ImportError:  # pragma: no cover (another Python than CPython)
    from hashlib import blake2b

#: Whether this system has what a server needs for it.
AVAILABLE = hasattr(_socket, "AF_UNIX") and hasattr(os, "geteuid")
APPLICATION = "image-collection-search"
#: Bytes of the path of a Unix socket: 104 on macOS, 108 on Linux, with the NUL at its end.
LONGEST = 103


def folder() -> str:
    """The folder of all sockets of this user: in XDG_RUNTIME_DIR, else in the folder for temporary files."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime) and os.path.isdir(runtime):
        return os.path.join(runtime, APPLICATION)
    temporary = os.environ.get("TMPDIR", "")
    return os.path.join(temporary if os.path.isabs(temporary) else "/tmp", f"{APPLICATION}-{os.geteuid()}")  # noqa: S108 (checked by is_private)


def is_own(path: str, bits: int = 0) -> bool:
    """Whether it is a real folder of this user that gives nobody any of these `bits`."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return status.st_mode & (0o170000 | bits) == 0o040000 and status.st_uid == os.geteuid()


def is_private(path: str) -> bool:
    """Whether it is a real folder of this user, closed to all others."""
    return is_own(path, 0o077)


def prepare() -> bool:
    """Make the folder of the sockets when it is not there; whether it is private then."""
    path = folder()
    if not os.path.lexists(path):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:  # another one was quicker
            return is_private(path)
        except OSError:
            return False
    return is_private(path)


def digest(text: str, size: int) -> str:
    """So many bytes, in hex."""
    return blake2b(os.fsencode(text), digest_size=size).hexdigest()


def base(store: str) -> str:
    """The path of what belongs to the server of one store, to which .sock, .lock or .log is added."""
    return os.path.join(folder(), digest(os.path.realpath(store), 8))


def store_of(named: str | None) -> str | None:
    """The folder of the store that a command names, or of the default one; None: it takes the ordinary way to find
    out."""
    if "://" in (os.environ.get("SEARCH_STORE", "") if named is None else named):  # the address of a server
        return None
    try:
        return default_store() if named is None else os.path.abspath(os.path.expanduser(named))
    except OSError:  # the working folder was deleted
        return None


def default_store() -> str | None:
    """As `indexer.store_address.default_store`, in the usual cases on Linux; None for all others."""
    named = os.environ.get("SEARCH_STORE", "").strip()
    if named:
        return os.path.abspath(os.path.expanduser(named))
    data, home = os.environ.get("XDG_DATA_HOME", ""), os.environ.get("HOME", "")
    if sys.platform != "linux" or not os.path.isabs(home) or data != data.strip():
        return None
    if data and not os.path.isabs(data):
        return None
    return os.path.join(data or os.path.join(home, ".local", "share"), APPLICATION, "default.search")
