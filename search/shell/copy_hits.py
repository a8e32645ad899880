"""Copies the photographs that were found into a folder: `search query --copy-to`.

A file that is there is never overwritten; a photograph whose content is there already is not copied again.
"""

from __future__ import annotations

import errno
import filecmp
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from indexer.errors import FileError, UnreadableFileError, UsageError
from indexer.images.sniff import is_image
from indexer.paths import absolute
from indexer.settings import DecodeLimits
from indexer.storage.places import is_elsewhere
from indexer.storage.reading import content_elsewhere
from indexer.storage.shown import is_missing, is_shown
from indexer.types import Failure
from search.console.wording import in_shell_words
from search.engine.indexed_file import CHANGED, OUTSIDE
from search.results import Hit
from search.shell.writable import name_obstacle, obstacle


@dataclass(frozen=True, slots=True)
class Copies:
    """What became of the hits' photographs.

    `targets`: of each path, where its content is in `folder` now. `copied`: how many files are new there. `missing`:
    paths of which there is no file. `failed`: what could not be copied, and why.
    """

    folder: str
    targets: dict[str, str]
    copied: int
    missing: tuple[str, ...]
    failed: tuple[Failure, ...]

    @property
    def there(self) -> int:
        """How many were in the folder already, or are copies of another hit."""
        return len(self.targets) - self.copied

    def to_json(self) -> dict[str, Any]:
        """The documented JSON object."""
        return {
            "folder": self.folder,
            "copied": self.copied,
            "there": self.there,
            "missing": list(self.missing),
            "failed": [{"path": failure.path, "reason": failure.reason} for failure in self.failed],
        }


def check_folder(folder: str, store: str) -> None:
    """Raises UsageError when there can be no folder to write into at this place. `store`: the index's own folder, which
    holds nothing else."""
    place, missing = absolute(folder), []
    while not os.path.lexists(place):
        place, name = os.path.split(place)
        missing.append(name)
    if not os.path.isdir(place):
        if os.path.islink(place):
            raise UsageError(f"--copy-to takes a folder, and {place} is a link that leads nowhere; name another place.")
        raise UsageError(f"--copy-to takes a folder, and {place} is a file; name another place.")
    inside = os.path.join(os.path.realpath(absolute(folder)), "")
    if inside.startswith(os.path.join(os.path.realpath(store), "")):
        raise UsageError(f"--copy-to cannot write into the index itself ({store}); name another place.")
    reason = next(filter(None, (name_obstacle(os.path.join(place, name)) for name in missing)), None)
    reason = reason or obstacle(place)
    if reason is not None:
        raise UsageError(f"--copy-to cannot write into {place} ({reason}); name another place.")
    if len(missing) > 1:  # a slip in a path, or a drive that is not mounted
        above = os.path.dirname(absolute(folder))
        raise UsageError(
            f"--copy-to makes one folder, and {above} is not there either; make it, or name another place."
        )


def photographs(hits: Iterable[Hit]) -> dict[str, list[str]]:
    """Of the path of each hit, where its photograph may be now, best first; of a text, the photograph that it is
    about."""
    return {hit.path: [hit.path, *hit.also] for hit in hits if _has_photograph(hit)}


def copy_photographs(places: Mapping[str, Sequence[str]], digests: Mapping[str, str], folder: str) -> Copies:
    """Copy each photograph once, from the first of its `places` where it is; see `photographs`. The folder is made
    when there is something to copy. What is copied is what was indexed (`search.engine.indexed`): `digests` has its
    SHA-256 by path.

    A file is there whole or not at all, with its times where the file system keeps them. Raises UsageError when the
    folder cannot be made.
    """
    folder = absolute(folder)
    sources = {path: next(filter(is_shown, known), path) for path, known in places.items()}
    by_size: dict[int, list[str]] = {}
    targets: dict[str, str] = {}
    copied = 0
    missing: list[str] = []
    failed: list[Failure] = []
    if sources:
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder} cannot be made ({error.strerror}); name another folder.") from error
    for path, source in sources.items():
        if is_missing(source):
            missing.append(path)
            continue
        try:
            if is_elsewhere(source):
                targets[path], is_new = _copy_elsewhere(source, digests.get(source), folder)
                copied += is_new
                continue
            alike = by_size.setdefault(os.path.getsize(source), [])
            twin = next((other for other in alike if filecmp.cmp(source, sources[other], shallow=False)), None)
            if twin is not None:  # a copy of one that is there now
                targets[path] = targets[twin]
                continue
            targets[path], is_new = _copy(source, digests.get(source), folder)
            copied += is_new
            alike.append(path)
        except OSError as error:
            failed.append(Failure(path, error.strerror or str(error)))
        except FileError as error:
            failed.append(Failure(path, in_shell_words(str(error))))
    return Copies(folder, targets, copied, tuple(missing), tuple(failed))


def _has_photograph(hit: Hit) -> bool:
    """False for a text that names no image: its path is the file that it came from."""
    return hit.kind == "image" or hit.path != hit.source or is_image(hit.path)


def _copy(path: str, digest: str | None, folder: str) -> tuple[str, bool]:
    """Where the file's content is in `folder` now, and whether it is new there. Raises OSError, and UnreadableFileError
    for what was not indexed so."""
    if digest is None:
        raise UnreadableFileError(OUTSIDE)
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(found.st_mode) or found.st_size > DecodeLimits().max_bytes:
        raise UnreadableFileError(CHANGED)  # a pipe or a device has no end
    aside = None
    try:
        for target in _names(os.path.basename(path), folder):
            if not os.path.lexists(target):
                if aside is None:
                    aside = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
                    shutil.copyfile(path, aside)
                    if _digest(aside) != digest:
                        raise UnreadableFileError(CHANGED)
                    with suppress(OSError):  # of a file system that keeps no times or no rights
                        shutil.copystat(path, aside)
                with suppress(FileExistsError):  # it came there meanwhile
                    _move(aside, target)
                    return target, True
            if _is_same(path, target):
                return target, False
    finally:
        if aside is not None:
            with suppress(FileNotFoundError):
                os.unlink(aside)
    raise AssertionError("there is always another name")


def _copy_elsewhere(path: str, digest: str | None, folder: str) -> tuple[str, bool]:
    """`_copy` of what is no file of the file system: where its content is now, and whether it is new there."""
    if digest is None:
        raise UnreadableFileError(OUTSIDE)
    content = content_elsewhere(path, DecodeLimits())
    if hashlib.sha256(content).hexdigest() != digest:
        raise UnreadableFileError(CHANGED)
    aside = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
    try:
        for target in _names(os.path.basename(path), folder):
            if not os.path.lexists(target):
                with open(aside, "wb") as stream:
                    stream.write(content)
                with suppress(FileExistsError):
                    _move(aside, target)
                    return target, True
            if _holds(target, content, digest):
                return target, False
    finally:
        with suppress(FileNotFoundError):
            os.unlink(aside)
    raise AssertionError("there is always another name")


def _holds(target: str, content: bytes, digest: str) -> bool:
    try:
        return os.path.getsize(target) == len(content) and _digest(target) == digest
    except OSError:
        return False


def _digest(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _names(name: str, folder: str) -> Iterator[str]:
    """Places for a file in a folder: `dog.jpg`, `dog-2.jpg`, `dog-3.jpg`, ..."""
    stem, suffix = os.path.splitext(name)
    yield os.path.join(folder, name)
    for number in count(2):
        yield os.path.join(folder, f"{stem}-{number}{suffix}")


def _move(aside: str, target: str) -> None:
    """Give a file its name, in one step, and never another's. Raises FileExistsError and OSError."""
    try:
        os.link(aside, target)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError, AttributeError):  # a file system without hard links
        if os.path.lexists(target):
            raise FileExistsError(target) from None
        os.rename(aside, target)


def _is_same(one: str, other: str) -> bool:
    """Whether two files have the same content."""
    try:
        return os.path.getsize(one) == os.path.getsize(other) and filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
