"""Calls that write a store: what folders hold comes in, what is not wanted goes out."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from indexer import arguments
from indexer.arguments import checked, each, flag, instance, optional, text
from indexer.catalog.encoders import Encoders
from indexer.encoder_hint import write_encoder_hint
from indexer.errors import UsageError
from indexer.progress import Progress, Silent
from indexer.reach import shown_store
from indexer.settings import IndexSettings, thread_count
from indexer.side_by_side import side_by_side
from indexer.store import Store
from indexer.types import Report
from indexer.vectors.base import INDEX_TYPES, IndexType
from search.arguments import progress_given
from search.calls.opened import Opened
from search.engine.active_encoder import ActiveEncoder
from search.evaluation.encoders import compare_encoders

if TYPE_CHECKING:
    from indexer.compact import Compacted
    from indexer.pipeline.forget import Forgotten


class Indexing(Opened):
    """See `search.Library`."""

    @checked(
        roots=each(arguments.path),
        settings=optional(instance("indexer.settings", "IndexSettings")),
        progress=optional(progress_given),
        index_type=optional(arguments.one_of(INDEX_TYPES)),
        recall=optional(arguments.number(0, 1, open_below=True)),
        reencode=flag,
        verify=flag,
        engine=optional(text),
    )
    def index(
        self,
        *roots: str | os.PathLike[str],
        settings: IndexSettings | None = None,
        progress: Progress | None = None,
        index_type: IndexType | None = None,
        recall: float | None = None,
        reencode: bool = False,
        verify: bool = False,
        engine: str | None = None,
    ) -> Report:
        """Bring the store up to date with folders (or single files, tars, tables of names, URLs such as
        "s3://bucket/photos", and patterns of them); none means all that it knows.

        `index_type`: "flat", "hnsw", "ivf-flat", "ivf-sq8" or "ivf-pq"; None keeps the store's choice, or chooses by
        size. `recall`: the share of the true first ten that an approximate index has to find, measured on the store's
        own vectors; None keeps the store's choice, or takes 0.95. `reencode`: let the encoder that this library was
        opened with take the place of the store's, which answers until all is encoded; what it encoded is kept until
        `compact()`, so that `open(..., encoder="previous").index(reencode=True)` brings it back at once, and the
        report's `comparison` has the recall of both on the store's captions. `verify`: read every file, and compare
        its content with what was indexed, whatever its size and times say; the report's `altered` names those that
        differ. `engine`: who reads and encodes photographs: None this process, "ray" a process a core of this machine,
        "ray://HOST:PORT" the machines of a Ray cluster, which see the same files at the same paths (needs the extra
        `ray`). Files that cannot be read are in the report's `failures`; they never stop a run.

        Raises PathNotFoundError, UsageError, StoreBusyError, EncoderError, StoreError.
        """
        from indexer.files.ignores import check_patterns
        from indexer.pipeline import run as pipeline  # queries do without all that indexes
        from indexer.pipeline.choose import named_paths
        from indexer.pipeline.engines import check_engine, open_engine
        from indexer.pipeline.sample import sample_photographs

        began = time.monotonic()
        named = named_paths(roots)  # what can fail fails before a store is made for nothing
        settings = settings or IndexSettings()
        check_patterns(settings.ignores)
        thread_count()
        check_engine(engine)
        if not Store.is_there(self.folder):
            if not named:
                raise UsageError(f"Name a folder to index; there is no index at {shown_store(self.folder)} yet.")
            self._models.encoder(None)
        store = Store.create(self.folder)
        try:
            with side_by_side(store, alone=reencode or verify) as beside:  # who reads everything again does so once
                with store.catalog.snapshot() as snapshot:
                    store.follow(snapshot)
                    former = Encoders(snapshot).former()
                previous = None if former is None else former[1]
                self._models.encoder(ActiveEncoder(store).now(), reencode=reencode, previous=previous)
                encoder, notes = self._models.encoder_for_indexing(
                    progress or Silent(), lambda wanted: sample_photographs(store, named, settings, wanted)
                )
                preparing = time.monotonic() - began
                report = pipeline.run(
                    store,
                    encoder,
                    named,
                    settings,
                    progress=progress,
                    index_type=index_type,
                    recall=recall,
                    reencode=reencode,
                    verify=verify,
                    engine=None if engine is None else open_engine(engine),
                    beside=beside,
                )
                report.preparing = preparing
                report.warnings[:0] = (*notes, *getattr(encoder, "troubles", ()))
                if report.replaced is not None:
                    report.comparison = compare_encoders(store)
                active = ActiveEncoder(store).now()
                if active is not None:
                    write_encoder_hint(self.folder, active)
                store.publish()  # what no machine was told when it was fitted, or was put into the folder by hand
                return report
        finally:
            store.close()

    @checked(paths=each(arguments.path), vanished=flag)
    def forget(self, *paths: str | os.PathLike[str], vanished: bool = False) -> Forgotten:
        """Take files, or everything below folders, out of the store; the files themselves are not touched.

        `vanished`: also every file that is marked as no longer there. What is forgotten below a folder of the store,
        and is still there, stays out of it until `index` is given its very path. Raises PathNotFoundError for a path of
        which nothing is indexed, StoreMissingError, StoreBusyError.
        """
        from indexer.files.names import as_named
        from indexer.pipeline.forget import Forgotten, forget, forget_vanished
        from indexer.thumbnails.removal import remove_stale
        from indexer.vectors.refresh import build_indexes

        store = Store.open(self.folder)
        try:
            with store.writing():
                named = [as_named(path) for path in paths]
                found = [forget(store.catalog, *named)] if named else []
                if vanished:
                    found.append(forget_vanished(store.catalog))
                files = sum(each.files for each in found)
                remove_stale(self.folder, store.catalog)
                build_indexes(store.catalog, store.vectors, None, Silent())
                roots = tuple(root for each in found for root in each.roots)
                return Forgotten(files, roots, tuple(path for each in found for path in each.excluded))
        finally:
            store.close()

    @checked(trainings=flag, progress=optional(progress_given))
    def compact(self, *, trainings: bool = False, progress: Progress | None = None) -> Compacted:
        """Make the store small again: delete what nothing leads to (of photographs that were edited or forgotten, of a
        change of encoder that was not finished, of the encoder before the present one), and give the room back to the
        disk.

        Nothing that can be found is touched. Of what was forgotten nothing is left in any file of the store afterwards.
        What interrupted trainings have computed (`Status.trainings`) stays, but with `trainings`.
        The disk needs room for a second catalog meanwhile. Raises StoreMissingError, StoreBusyError,
        StoreUnwritableError, and what `progress` raises.
        """
        from indexer.compact import compact

        self.close()
        store = Store.open(self.folder)
        try:
            with store.writing():
                return compact(store, progress, trainings=trainings)
        finally:
            store.close()
