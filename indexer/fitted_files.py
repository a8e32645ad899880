"""What was fitted to a store whose catalog lies on a server: calibration, reranker, probes, adapted encoders.

The truth is in the catalog (`catalog/fitted.py`), so that what one machine fits all use. The folder that stands for the
address is a working copy: files of the same names and formats as in any store, and beside them

    fitted.json     of each file the SHA-256, bytes and time with which it came from the catalog, or went there

By that a change of the catalog is told from one that was made here: `follow` brings the first, `changing` the second.
Where both have changed, that of this machine stays until something is fitted or indexed here; a file of which nothing
is noted gives way.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from indexer.atomic import write_atomically, written_atomically
from indexer.catalog.catalog import Catalog
from indexer.catalog.encoders import Encoders
from indexer.catalog.fitted import PIECE, Fitted, FittedFile
from indexer.catalog.transaction import Transaction
from indexer.encoder_hint import write_encoder_hint
from indexer.errors import StoreBusyError, StoreDamagedError, StoreUnwritableError
from indexer.private import make_folder
from indexer.reach import beginning, reason, regular

#: What is noted of the files, in their folder.
NOTED: Final = "fitted.json"
#: Bytes of one file: the largest model of which all weights are trained in an evening has 2 GB.
MOST_BYTES: Final = 4_000_000_000
#: Files of one store, and bytes of what is noted of them.
MOST_FILES: Final = 10_000
_MOST_NOTED: Final = 10_000_000
#: Seconds that one process waits for another one that fetches or publishes.
PATIENCE: Final = 600
_PART: Final = r"[^\W_][\w .+-]{0,99}"
#: Files by their names: nothing but these goes to a catalog, and nothing else is written because one names it. None
#: leads out of the folder, and none is of a form that runs when it is read.
_NAME: Final = re.compile(
    rf"calibration\.json|(reranker/|adapted/{_PART}/({_PART}/)?){_PART}\.(json|safetensors|xml|bin|txt)"
    rf"|probes/{_PART}\.safetensors"
)

_Noted = tuple[FittedFile, int]


def is_fitted(name: str) -> bool:
    """Whether what was fitted has a file of that name, as its path in the folder with "/" between."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def fitted_in(folder: Path) -> list[str]:
    """The names of the files in the folder of a store, in the order in which they are put in place: what describes
    others comes after them. Links are left out, which may lead anywhere."""
    found = [name for name in ("calibration.json",) if _is_plain(folder / name)]
    for top in ("adapted", "probes", "reranker"):
        if (folder / top).is_symlink():
            continue
        for above, folders, names in os.walk(folder / top):
            folders[:] = [each for each in folders if not (Path(above) / each).is_symlink()]
            inner = Path(above).relative_to(folder).as_posix()
            found += [f"{inner}/{name}" for name in names if _is_plain(Path(above) / name)]
    return _in_order(filter(is_fitted, found))


def copy_fitted(source: Path, target: Path) -> list[str]:
    """Put what was fitted to one store into the folder of another, which has nothing of that. Returns the names.
    Raises StoreUnwritableError."""
    names = fitted_in(source)
    for name in names:
        with _placing(target, name) as path, regular(source / name) as stream, written_atomically(path) as written:
            while data := stream.read(PIECE):
                written.write(data)
    return names


class FittedFiles:
    """Those in `folder`, which stands for `catalog`. Safe to use from several threads."""

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self._folder = folder
        self._catalog = catalog
        self._lock = threading.RLock()
        self._seen: int | None = None  # the generation at which it was looked last

    def follow(self, snapshot: Transaction) -> None:
        """Fetch what others have fitted since, and let go of what they have; no question is asked of the catalog where
        nothing has changed in it.

        Raises StoreDamagedError, StoreUnwritableError where the folder takes no file, StoreBusyError.
        """
        with self._lock:
            if self._seen == snapshot.generation:
                return
            there = _checked(self._catalog, Fitted(snapshot).all())
            noted = self._noted()
            if any(not self._is_as(name, file, noted) for name, file in there.items()) or noted.keys() - there.keys():
                with self._locked():
                    self._bring(snapshot, there)
            active = Encoders(snapshot).active()
            if active is not None:  # what indexes writes it where it runs, and others need it as well
                write_encoder_hint(self._folder, active[1])
            self._seen = snapshot.generation

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around what changes files of the folder: afterwards all machines have it. Raises StoreUnwritableError for who
        may only read, before anything is changed, and StoreBusyError."""
        self.check_writable()
        with self._lock, self._locked():
            yield
            self._publish()

    def check_writable(self) -> None:
        """Raise StoreUnwritableError where nothing could be published."""
        if not self._catalog.writable:
            raise StoreUnwritableError(
                "What is fitted goes into the catalog for all machines, and this user may only read it; ask its owner "
                "for the right to write, or name another place with `out`."
            )

    def _bring(self, snapshot: Transaction, there: dict[str, FittedFile]) -> None:
        noted = self._noted()
        wanted = [name for name in _in_order(there) if self._gives_way(name, there[name], noted)]
        if noted.keys() & wanted:  # killed before all is noted, they are not taken for what was changed here
            noted = {name: known for name, known in noted.items() if name not in wanted}
            self._note(noted)
        for name in wanted:
            file, path = there[name], self._folder / name
            if not (_is_plain(path) and _summed(path) == file):
                with _placing(self._folder, name) as place, written_atomically(place) as stream:
                    for data in Fitted(snapshot).pieces(name, file):
                        stream.write(data)
            noted[name] = file, os.stat(path).st_mtime_ns
        for name in noted.keys() - there.keys():
            known = noted.pop(name)
            if not self._is_changed(name, known):
                with _placing(self._folder, name) as place:
                    place.unlink()
                with suppress(OSError):  # others are in it
                    place.parent.rmdir()
        self._note(noted)

    def _publish(self) -> None:
        noted = self._noted()
        names = fitted_in(self._folder)
        changed = [name for name in names if name not in noted or self._is_changed(name, noted[name])]
        gone = sorted(noted.keys() - names)
        if not changed and not gone:
            return
        if len(names) > MOST_FILES:
            raise StoreUnwritableError(
                f"{self._folder} has {len(names):,} fitted files, and a catalog takes up to {MOST_FILES:,}; delete "
                "probes or adapted encoders that nobody uses."
            )
        with self._catalog.batch() as batch:
            there = Fitted(batch)
            for name in changed:
                noted[name] = self._put(there, name)
            there.delete(gone)
            there.tell()
        self._note({name: each for name, each in noted.items() if name not in gone})

    def _put(self, there: Fitted, name: str) -> _Noted:
        path = self._folder / name
        try:
            with regular(path) as stream:
                status = os.fstat(stream.fileno())
                if status.st_size > MOST_BYTES:
                    raise StoreUnwritableError(
                        f"{path} has {status.st_size / 1e9:.1f} GB, and a catalog takes up to {MOST_BYTES / 1e9:.0f} "
                        "of a fitted file; copy it into the same folder of the other machines."
                    )
                return there.put(name, stream), status.st_mtime_ns
        except OSError as error:
            raise StoreUnwritableError(
                f"{path} cannot be read ({reason(error)}), so that other machines do without it; make it readable, "
                "then run `index()`."
            ) from error

    def _gives_way(self, name: str, file: FittedFile, noted: dict[str, _Noted]) -> bool:
        """Whether the catalog's file is fetched: not over what was changed here, or deleted, which the others are told
        by what is fitted next."""
        known = noted.get(name)
        if known is None or not self._is_changed(name, known):
            return known is None or known[0] != file
        path = self._folder / name
        return known[0] != file and not path.exists()

    def _is_as(self, name: str, file: FittedFile, noted: dict[str, _Noted]) -> bool:
        """Whether the file of that name is known to be as in the catalog."""
        known = noted.get(name)
        return known is not None and known[0] == file and not self._is_changed(name, known)

    def _is_changed(self, name: str, known: _Noted) -> bool:
        """Whether a file is not what was noted of it; one that was touched is read."""
        try:
            status = os.stat(self._folder / name)
        except OSError:
            return True
        file, modified = known
        if status.st_size == file.size and status.st_mtime_ns == modified:
            return False
        return status.st_size != file.size or _summed(self._folder / name) != file

    def _noted(self) -> dict[str, _Noted]:
        """What is noted; nothing where that does not read: files are compared then."""
        try:
            given = json.loads(beginning(self._folder / NOTED, _MOST_NOTED))
            return {
                name: (FittedFile(str(digest), int(size)), int(modified))
                for name, (digest, size, modified) in given.items()
                if is_fitted(name)
            }
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return {}

    def _note(self, noted: dict[str, _Noted]) -> None:
        said = {name: [file.digest, file.size, modified] for name, (file, modified) in sorted(noted.items())}
        with _placing(self._folder, NOTED) as path:
            write_atomically(path, json.dumps(said).encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """No other process works on the files. Raises StoreBusyError, StoreUnwritableError."""
        import filelock

        path = self._folder / "fitted.lock"
        lock = filelock.FileLock(path, PATIENCE)
        with _placing(self._folder, path.name):
            try:
                lock.acquire()
            except filelock.Timeout:
                raise StoreBusyError(
                    f"Another process is fetching what was fitted into {self._folder}; try again when it ends."
                ) from None
        try:
            yield
        finally:
            lock.release()


def _checked(catalog: Catalog, there: dict[str, FittedFile]) -> dict[str, FittedFile]:
    """Raises StoreDamagedError for what no version of this program puts there."""
    wrong = next((name for name in there if not is_fitted(name)), None)
    large = next((name for name, file in there.items() if not 0 <= file.size <= MOST_BYTES), None)
    if wrong is not None or large is not None or len(there) > MOST_FILES:
        what = f"a file {wrong[:60]!r}" if wrong is not None else f"more than fits, {large or 'in all'}"
        raise StoreDamagedError(
            f"{catalog.url.set(drivername='postgresql').render_as_string()} names among what was fitted {what}; delete "
            "the row from its table fitted."
        )
    return there


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _in_order(names: Iterable[str]) -> list[str]:
    """What describes other files (`.json`) after them."""
    return sorted(names, key=lambda name: (name.endswith(".json"), name))


def _summed(path: Path) -> FittedFile:
    digest, size = hashlib.sha256(), 0
    with regular(path) as stream:
        while data := stream.read(PIECE):
            digest.update(data)
            size += len(data)
    return FittedFile(digest.hexdigest(), size)


@contextmanager
def _placing(folder: Path, name: str) -> Iterator[Path]:
    """Where a file is put, whose folder is there. Raises StoreUnwritableError, also for a link on the way."""
    path = folder / name
    try:
        for above in path.parents:
            if above == folder:
                break
            if above.is_symlink():
                raise StoreUnwritableError(f"{above} is a link and may lead anywhere; take it away.")
        make_folder(path.parent)
        yield path
    except OSError as error:
        raise StoreUnwritableError(
            f"What was fitted cannot be kept at {path} ({reason(error)}); make room for it, or mend the permissions of "
            "its folder."
        ) from error
