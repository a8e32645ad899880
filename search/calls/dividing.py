"""Calls that make one store of several, and several of one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from indexer import arguments
from indexer.arguments import checked, each, optional
from indexer.catalog.encoders import Encoders
from indexer.encoder_hint import write_encoder_hint
from indexer.encoders.base import EncoderId
from indexer.errors import EncoderMismatchError, StoreMissingError, UsageError
from indexer.paths import absolute
from indexer.progress import Progress, Silent
from indexer.reach import check_store_place
from indexer.store import Store
from indexer.store_address import store_folder
from indexer.swap import is_begun
from search.arguments import progress_given
from search.calls.opened import Opened


@dataclass(frozen=True, slots=True)
class Combined:
    """What came into the store `into`: how many `files`, with so many `images` and `texts`. `known`: files that were
    there already, or had been forgotten there."""

    into: str
    files: int
    images: int
    texts: int
    known: int


class Dividing(Opened):
    """See `search.Library`."""

    @checked(stores=each(arguments.path), progress=optional(progress_given))
    def merge(self, *stores: str | os.PathLike[str], progress: Progress | None = None) -> Combined:
        """Take everything that other stores have into this one, which need not exist yet: photographs, captions,
        vectors, tokens, folders with their patterns, and what was forgotten. The others stay as they are.

        Nothing is encoded or read but the stores. Ids are new; of a file that several have, that of this store stays,
        then the first. Calibration, rerankers and probes of their own do not come. Raises UsageError for none or for
        the store itself, EncoderMismatchError for a store of another encoder, before anything is written;
        StoreMissingError, StoreBusyError, StoreError, and what `progress` raises: called again, it goes on.
        """
        if not stores:
            raise UsageError("Name the stores that are to be merged.")
        told = progress or Silent()
        paths = [Path(absolute(store_folder(store))) for store in stores]
        for path in paths:
            if path == self.folder or (path.exists() and self.folder.exists() and path.samefile(self.folder)):
                raise UsageError(f"{path} is the store that others come into; name it once.")
        found = {path: _identity(path) for path in dict.fromkeys(paths)}
        own = _own_identity(self.folder)
        first = own or next(iter(found.values()))
        for path, identity in found.items():
            if not identity.matches(first):
                raise EncoderMismatchError(
                    f"{path} was made with the encoder {identity.name}, and "
                    f"{self.folder if own is not None else paths[0]} with {first.name}; "
                    f"`open(store={str(path)!r}, encoder={first.name!r}).index(reencode=True)` encodes it anew, then "
                    "merge them again."
                )
        self.close()
        with ExitStack() as stack:
            sources = [stack.enter_context(_opened(path, writing=False)) for path in found]
            return _into(self.folder, sources, None, told)

    @checked(folder=arguments.path, into=arguments.path, progress=optional(progress_given))
    def split(
        self, folder: str | os.PathLike[str], into: str | os.PathLike[str], *, progress: Progress | None = None
    ) -> Combined:
        """Let what lies at and below `folder` become a store of its own at `into`; this one keeps the rest, and leaves
        the folder out from now on where it lies below another one.

        Nothing is encoded, and the photographs are not touched. `into` may be a store of the same encoder already.
        Killed in the middle, both have what was copied; called again, it goes on. Raises PathNotFoundError where
        nothing of `folder` is indexed, UsageError, EncoderMismatchError, StoreMissingError, StoreBusyError, StoreError,
        and what `progress` raises.
        """
        from indexer.files.names import as_named
        from indexer.pipeline.forget import check_known, forget
        from indexer.thumbnails.removal import remove_stale
        from indexer.vectors.refresh import build_indexes

        place, path = Path(absolute(store_folder(into))), as_named(folder)
        if place == self.folder:
            raise UsageError(f"{place} is the store itself; name another place for what is split off.")
        told = progress or Silent()
        identity, there = _identity(self.folder), _own_identity(place)
        if there is not None and not there.matches(identity):
            raise EncoderMismatchError(
                f"{place} is a store of another encoder; name a new folder for what is split off."
            )
        self.close()
        with _opened(self.folder, writing=True) as store:
            path = check_known(store.catalog, path)
            found = _into(place, [store], path, told)
            forget(store.catalog, path)
            remove_stale(store.folder, store.catalog)
            build_indexes(store.catalog, store.vectors, None, told)
        return found


def _into(place: Path, sources: Sequence[Store], folder: str | None, progress: Progress) -> Combined:
    """Copy stores, or a `folder` of one, into the store at a place, which is made where there is none."""
    from indexer.pipeline.copy_store import StoreCopy
    from indexer.vectors.refresh import build_indexes

    target = Store.create(place)
    try:
        with target.writing():
            copies = [StoreCopy(source.catalog, target.catalog, folder) for source in sources]
            for source, copy in zip(sources, copies, strict=True):
                progress.phase(f"Taking over {source.address or source.folder}")
                copy.run(progress)
            for copy in copies:
                copy.copy_forgotten()
            build_indexes(target.catalog, target.vectors, None, progress)
            with target.catalog.snapshot() as snapshot:
                write_encoder_hint(place, Encoders(snapshot).required()[1])
    finally:
        target.close()
    done = [copy.copied for copy in copies]
    return Combined(
        str(target.address or place),
        sum(one.files for one in done),
        sum(one.images for one in done),
        sum(one.texts for one in done),
        sum(one.known for one in done),
    )


def _identity(folder: Path) -> EncoderId:
    """The encoder of a store. Raises StoreMissingError for one that is not there, or empty."""
    with _opened(folder, writing=False) as store, store.catalog.snapshot() as snapshot:
        return Encoders(snapshot).required()[1]


def _own_identity(folder: Path) -> EncoderId | None:
    """The encoder of what is to become a store, or is one; None where nothing is encoded there."""
    if not (check_store_place(folder) and is_begun(folder)):
        return None
    try:
        return _identity(folder)
    except StoreMissingError:  # an empty database, or a store of which no run came to its first photograph
        return None


@contextmanager
def _opened(folder: Path, *, writing: bool) -> Iterator[Store]:
    store = Store.open(folder)
    try:
        if writing:
            with store.writing():
                yield store
        else:
            yield store
    finally:
        store.close()
