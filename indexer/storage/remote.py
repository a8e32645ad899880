"""Files of whatever fsspec knows, by their URLs: S3 and what speaks like it, and others.

Who may read is said by the environment, as each of them does it (for S3 AWS_ACCESS_KEY_ID, ~/.aws and
AWS_ENDPOINT_URL); nothing of it stands in a URL. Listings are asked for anew each time.

Imports fsspec at the top; import this module only where a URL is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, BinaryIO, Final, cast

import fsspec
from fsspec.core import url_to_fs

from indexer.errors import UsageError
from indexer.reach import reason
from indexer.storage.base import ChangedError, Found, Seen, Walk, mark
from indexer.storage.places import is_url, scheme_of
from indexer.storage.remote_errors import told
from indexer.storage.s3 import S3, get_object, listed
from indexer.types import Candidate, Failure

#: Settings of clients that wait too long by themselves, by scheme.
_SETTINGS: Final[dict[str, dict[str, Any]]] = {
    scheme: {
        "config_kwargs": {
            "connect_timeout": 10,
            "read_timeout": 60,
            "retries": {"mode": "standard", "max_attempts": 3},
            "max_pool_connections": 32,
        }
    }
    for scheme in S3
}
#: What they say of a file's last change, the first that is there.
_TIMES: Final = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")
_TAGS: Final = ("ETag", "etag", "md5Hash")


class Remote:
    """`Storage` of the files of one place, such as a bucket."""

    #: Round trips cost more than bytes: of a tar of photographs this holds some ten headers.
    piece = 4 << 20

    def __init__(self, url: str) -> None:
        scheme = scheme_of(url)
        try:
            self._fs = url_to_fs(url, skip_instance_cache=True, use_listings_cache=False, **_SETTINGS.get(scheme, {}))[
                0
            ]
        except ImportError as error:
            raise missing_package(url) from error
        except ValueError as error:
            known = "s3://BUCKET/PREFIX" if scheme not in fsspec.available_protocols() else "another address"
            raise UsageError(f"{url} is of a kind that is not read ({scheme}); name {known}, or a folder.") from error
        self._is_s3 = scheme in S3

    def look(self, path: str) -> Seen | None:
        """See `Storage.look`."""
        try:
            return self._seen(self._fs.info(self._fs._strip_protocol(path)))
        except FileNotFoundError:
            return None
        except Exception as error:  # each client has errors of its own
            raise told(error) from error

    def names(self, folder: str) -> frozenset[str]:
        """See `Storage.names`."""
        try:
            return frozenset(_name(entry) for entry in self._ls(folder))
        except FileNotFoundError:
            return frozenset()

    def walk(self, asked: Walk) -> Iterator[Found]:
        """See `Storage.walk`. What stops the listing is reported of the folder that was being listed."""
        top = self.look(asked.top)
        if top is None:
            return
        if not top.is_folder:
            yield os.fsencode(asked.top), *top[1:]
        elif self._is_s3:
            yield from self._walk_objects(asked)
        else:
            yield from self._walk_folders(asked)

    def read(self, candidate: Candidate) -> bytes:
        """See `Storage.read`."""
        inner = self._fs._strip_protocol(candidate.path)
        try:
            if self._is_s3:
                info, data = get_object(self._fs, inner, candidate.size)
            else:
                data = self._fs.cat_file(inner, start=0, end=candidate.size + 1) if candidate.size else b""
                info = self._fs.info(inner)
        except Exception as error:
            raise told(error) from error
        now = self._seen(info).candidate(candidate.path)
        if (now.size, now.mtime_ns) != (candidate.size, candidate.mtime_ns):
            raise ChangedError
        if candidate.ctime_ns not in (None, now.ctime_ns):
            raise ChangedError
        return bytes(data)

    def beginning(self, path: str, size: int) -> bytes:
        """See `Storage.beginning`."""
        found = self.look(path)
        if found is None or found.is_folder:
            raise FileNotFoundError(path)
        return self.part(path, 0, min(size, found.size))

    def part(self, path: str, start: int, size: int) -> bytes:
        """At most `size` bytes of a file from an offset on."""
        if size <= 0:
            return b""
        try:
            return bytes(self._fs.cat_file(self._fs._strip_protocol(path), start=start, end=start + size))
        except Exception as error:
            raise told(error) from error

    def matching(self, pattern: str) -> list[str]:
        """The URLs of files and folders that match a pattern. Raises UsageError where nobody may say."""
        try:
            names = self._fs.glob(self._fs._strip_protocol(pattern))
        except FileNotFoundError:
            return []
        except Exception as error:
            why = told(error)
            step = getattr(why, "step", "name another")
            raise UsageError(f"{pattern} cannot be looked for ({reason(why)}); {step}.") from error
        return [f"{scheme_of(pattern)}://{name.lstrip('/')}" for name in map(str, names)]

    def open(self, path: str) -> BinaryIO:
        """The bytes of a file, to read from any place."""
        try:
            return cast(BinaryIO, self._fs.open(self._fs._strip_protocol(path), "rb"))
        except Exception as error:
            raise told(error) from error

    def _walk_objects(self, asked: Walk) -> Iterator[Found]:
        """A bucket is listed in the order of its keys, a page at a time."""
        try:
            for url, info in listed(self._fs, asked):
                seen = self._seen(info)
                yield os.fsencode(url), *seen[1:]
        except Exception as error:
            asked.report_error(Failure(asked.top, reason(told(error))))

    def _walk_folders(self, asked: Walk) -> Iterator[Found]:
        """One folder after the other, each in memory."""
        stack = [(asked.top, asked.prefix, self._entries(asked, asked.top, asked.prefix))]
        while stack:
            folder, prefix, entries = stack[-1]
            if not entries:
                stack.pop()
                continue
            key, entry = entries.pop()
            path = f"{folder}/{_name(entry)}"
            if key.endswith(b"/"):
                below = f"{prefix}{_name(entry)}/"
                stack.append((path, below, self._entries(asked, path, below)))
            else:
                yield os.fsencode(path), *self._seen(entry)[1:]

    def _entries(self, asked: Walk, folder: str, prefix: str) -> list[tuple[bytes, dict[str, Any]]]:
        """The entries of a folder that are looked at, last one first, by the key that orders whole paths."""
        found = []
        try:
            for entry in self._ls(folder):
                name, is_folder = _name(entry), entry.get("type") == "directory"
                if name not in ("", ".", "..") and not asked.leaves_out(folder, name, prefix, is_folder):
                    found.append((os.fsencode(name) + (b"/" if is_folder else b""), entry))
        except FileNotFoundError:
            return []
        except OSError as error:
            asked.report_error(Failure(folder, reason(error)))
        found.sort(key=itemgetter(0), reverse=True)
        return found

    def _ls(self, folder: str) -> list[dict[str, Any]]:
        try:
            inner = self._fs._strip_protocol(folder)
            return [each for each in self._fs.ls(inner, detail=True) if each["name"].rstrip("/") != inner.rstrip("/")]
        except FileNotFoundError:
            raise
        except Exception as error:
            raise told(error) from error

    def _seen(self, info: dict[str, Any]) -> Seen:
        if info.get("type") == "directory":
            return Seen(True)
        tags = [str(info[name]).strip('"') for name in _TAGS if info.get(name)]
        return Seen(False, int(info.get("size") or 0), _nanoseconds(info), mark(*tags))


@lru_cache(maxsize=64)
def _place(place: str) -> Remote:
    return Remote(place)


def remote(url: str) -> Remote:
    """The storage of a URL; one client a place. Raises UsageError where what it takes is missing."""
    scheme, _, rest = url.partition("://")
    return _place(f"{scheme}://{rest.partition('/')[0]}" if is_url(url) else url)


def missing_package(url: str) -> UsageError:
    """The error for what nothing here can read."""
    scheme = scheme_of(url)
    package = (
        "image-collection-search[s3]"
        if scheme in S3
        else fsspec.registry.known_implementations.get(scheme, {}).get("class", scheme).partition(".")[0]
    )
    needs = "s3fs" if scheme in S3 else package
    return UsageError(f"To read {url} takes the package {needs}; `pip install '{package}'` brings it.")


def _name(entry: dict[str, Any]) -> str:
    return str(entry["name"]).rstrip("/").rpartition("/")[2]


def _nanoseconds(info: dict[str, Any]) -> int:
    """When it changed last, whole microseconds; 0 where nobody says."""
    found = next((info[name] for name in _TIMES if info.get(name)), 0)
    if isinstance(found, str):
        try:
            found = datetime.fromisoformat(found)
        except ValueError:
            return mark(found)
    if isinstance(found, datetime):
        moment = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000
    return round(found * 10**6) * 1_000
