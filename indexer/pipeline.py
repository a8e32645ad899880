"""A run of the indexer: scan -> diff -> read and decode -> encode -> commit -> build.

    scan, catalog --merge join--> files to read --threads--> prepared, in order --batches--> encoder --> catalog

Two passes over each root: the first counts the files to read (and ends the run when there are none), the second
reads them, so that a bar can show the time left while memory stays the same for any size of collection. Prepared
files keep the order of the scan: item ids, and with them every result, do not depend on timing or interruptions.
Between the threads and the encoder at most `workers + queued_batches x batch` prepared files exist.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from indexer.building import build_indexes
from indexer.diff import Difference, Gone, Returned, Unchanged, Work, compare
from indexer.encoders.base import Encoder, TokenEncoder, token_encoder
from indexer.errors import EncoderMismatchError, PathNotFoundError, UsageError
from indexer.ingest import Ingest
from indexer.prepare import Failed, KnownImage, NewImage, Prepared, Preparer
from indexer.progress import Progress, Silent
from indexer.scan import scan
from indexer.settings import IndexSettings
from indexer.store import Store
from indexer.types import Candidate, Failure, Report
from indexer.vectors.base import IndexType

#: Files of one transaction where nothing needs the encoder.
FILES_A_BATCH = 500
#: Rows of one transaction that marks files as vanished or returned.
MARKS_A_BATCH = 5_000


def run(
    store: Store,
    encoder: Encoder,
    roots: Sequence[str] = (),
    settings: IndexSettings | None = None,
    *,
    progress: Progress | None = None,
    index_type: IndexType | None = None,
    recall: float | None = None,
    reencode: bool = False,
) -> Report:
    """Bring a store up to date with its folders.

    `roots`: folders or files; none means every root that the store knows. `index_type`: None chooses by size.
    `recall`: see `build_indexes`. `reencode`: let `encoder` take the place of the one that the store was made with;
    until the run is complete the store answers with the old one. Needs the store's write lock (`store.writing()`).

    Raises PathNotFoundError for a root that is not there, UsageError when there is nothing to index,
    EncoderMismatchError for another encoder than the store's, StoreError, EncoderError.
    """
    return _Run(store, encoder, settings or IndexSettings(), progress or Silent(), reencode).run(
        roots, index_type, recall
    )


class _Run:
    def __init__(
        self, store: Store, encoder: Encoder, settings: IndexSettings, progress: Progress, reencode: bool
    ) -> None:
        self._store = store
        self._catalog = store.catalog
        self._encoder = encoder
        self._settings = settings
        self._progress = progress
        self._reencode = reencode
        self._report = Report()

    def run(self, roots: Sequence[str], index_type: IndexType | None, recall: float | None) -> Report:
        started = time.monotonic()
        self._encoder_row = self._register()
        self._tokens = self._choose_tokens()
        folders = self._roots(roots)
        for folder, ignores in folders:
            self._index_root(folder, ignores)
        self._encode_texts_of_unchanged_files()
        with self._catalog.snapshot() as snapshot:
            active = snapshot.active_encoder()
        if active is not None and active[0] != self._encoder_row:
            self._switch()
        build_indexes(self._store, index_type, self._progress, recall=recall)
        self._report.seconds = time.monotonic() - started
        return self._report

    def _roots(self, roots: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
        with self._catalog.snapshot() as snapshot:
            known = {row.path: row.ignores for row in snapshot.roots()}
        if not roots and not known:
            raise UsageError("Name a folder to index; this store has none yet.")
        named = [os.path.abspath(os.path.expanduser(root)) for root in roots]
        everything = self._reencode or not named
        paths = list(dict.fromkeys([*named, *(known if everything else ())]))
        present = []
        for path in paths:
            if os.path.exists(path):
                present.append(path)
            elif path in named:
                raise PathNotFoundError(f"{path} is not there; check the spelling, or whether its drive is mounted.")
            else:
                self._report.warnings.append(f"{path} is not there (an unmounted drive?); what is indexed is kept.")
        given = self._settings.ignores
        with self._catalog.batch() as batch:
            for path in present:
                batch.add_root(path, given if path not in known or given != IndexSettings().ignores else None)
        with self._catalog.snapshot() as snapshot:
            ignores = {row.path: row.ignores for row in snapshot.roots()}
        return [(path, ignores[path]) for path in present]

    def _register(self) -> int:
        """Row id of the encoder; the store's first encoder is the one that answers from now on."""
        identity = self._encoder.identity
        with self._catalog.snapshot() as snapshot:
            active = snapshot.active_encoder()
        if active is not None and active[1].matches(identity):
            return active[0]
        if active is not None and not self._reencode:
            raise EncoderMismatchError(
                f"{self._store.folder} was made with the encoder {active[1].name} ({active[1].weights[:12]}), not "
                f"{identity.name} ({identity.weights[:12]}); run `search index --reencode --encoder {identity.name}` "
                "to encode it anew."
            )
        with self._catalog.batch() as batch:
            row = batch.add_encoder(identity)
            if active is None:
                batch.activate(row)
        return row

    def _choose_tokens(self) -> TokenEncoder | None:
        """The encoder as one that yields tokens; None when it does not, or the store is to do without."""
        encoder = token_encoder(self._encoder)
        asked = self._settings.tokens
        with self._catalog.snapshot() as snapshot:
            wanted = snapshot.tokens_wanted
            recorded = snapshot.token_shape(self._encoder_row)
        if asked is not None and asked != wanted:
            with self._catalog.batch() as batch:
                batch.want_tokens(asked)
            wanted = asked
        if encoder is None or encoder.token_shape is None or not wanted:
            if asked:
                self._report.warnings.append(
                    f"The encoder {self._encoder.identity.name} has no tokens to give; nothing is kept for reranking."
                )
            return None
        if recorded != encoder.token_shape:
            with self._catalog.batch() as batch:
                batch.set_token_shape(self._encoder_row, encoder.token_shape)
        return encoder

    def _ingest(self) -> Ingest:
        return Ingest(self._catalog, self._encoder, self._encoder_row, self._report, self._tokens)

    def _encode_texts_of_unchanged_files(self) -> None:
        """Under another encoder, after damage, or in a store older than tokens, they lack something."""
        ingest = self._ingest()
        last = -1
        while True:
            with self._catalog.snapshot() as snapshot:
                missing = snapshot.texts_to_encode(
                    self._encoder_row, last, FILES_A_BATCH, tokens=self._tokens is not None
                )
            if not missing:
                return
            ingest.store_texts(text for _, text in missing)
            last = missing[-1][0]

    def _switch(self) -> None:
        """Everything has a vector of the new encoder: let it answer."""
        with self._catalog.snapshot() as snapshot:
            left = snapshot.count_without_vector(self._encoder_row)
        if left:
            self._report.warnings.append(
                f"{left} items could not be encoded anew (their files are not there or do not read), so the store "
                "still answers with its former encoder; bring them back or `search forget` them, then run it again."
            )
            return
        with self._catalog.batch() as batch:
            batch.activate(self._encoder_row)

    # -- one root -------------------------------------------------------------------------------------------

    def _differences(self, folder: str, ignores: Sequence[str], failures: list[Failure]) -> Iterator[Difference]:
        own = os.fspath(self._store.folder) + os.sep
        found = (
            candidate
            for candidate in scan(folder, ignores, failures.append)
            if not candidate.path.startswith(own)  # the store may lie among the photographs
        )
        known = self._catalog.files_below(folder, self._encoder_row, tokens=self._tokens is not None)
        return compare(found, known)

    def _index_root(self, folder: str, ignores: Sequence[str]) -> None:
        self._progress.phase(f"Looking through {folder}")
        unreadable: list[Failure] = []
        work = unchanged = 0
        gone: list[tuple[int, str]] = []
        returned: list[int] = []
        for difference in self._differences(folder, ignores, unreadable):
            match difference:
                case Unchanged():
                    unchanged += 1
                case Work():
                    work += 1
                case Returned(row):
                    returned.append(row.id)
                case Gone(row):
                    gone.append((row.id, row.path))
        self._report.unchanged += unchanged + len(returned)
        self._report.failures += unreadable
        self._mark_returned(returned)
        if work:
            self._progress.total(work)
            self._progress.phase(f"Indexing {folder}")
            candidates = (
                difference.candidate
                for difference in self._differences(folder, ignores, [])
                if isinstance(difference, Work)
            )
            self._read(candidates)
        found_any = bool(work or unchanged or returned)
        self._mark_gone(folder, gone, unreadable, found_any)
        if not unreadable:
            with self._catalog.batch() as batch:
                batch.finish_root(folder)

    def _mark_returned(self, returned: Sequence[int]) -> None:
        for start in range(0, len(returned), MARKS_A_BATCH):
            with self._catalog.batch() as batch:
                batch.set_present(returned[start : start + MARKS_A_BATCH])

    def _mark_gone(
        self, folder: str, gone: Sequence[tuple[int, str]], unreadable: Sequence[Failure], found_any: bool
    ) -> None:
        if gone and not found_any and not unreadable:
            self._report.warnings.append(
                f"{folder} is empty, and {len(gone)} files of it are indexed: taken for a drive that is not mounted, "
                f"and kept. If they are really gone: `search forget {folder}`."
            )
            return
        hidden = tuple(failure.path.rstrip(os.sep) + os.sep for failure in unreadable)
        unknown = {failure.path for failure in unreadable}
        ids = [number for number, path in gone if path not in unknown and not path.startswith(hidden)]
        for start in range(0, len(ids), MARKS_A_BATCH):
            with self._catalog.batch() as batch:
                batch.set_vanished(ids[start : start + MARKS_A_BATCH])
        self._report.vanished += len(ids)

    def _read(self, candidates: Iterable[Candidate]) -> None:
        """Prepare files in threads, and commit them in the order of `candidates`."""
        prepare = Preparer(
            self._catalog,
            self._encoder_row,
            self._encoder.identity.preprocessing,
            self._settings.limits,
            tokens=self._tokens is not None,
        )
        ingest = self._ingest()
        batch: list[Prepared] = []
        images = 0
        for prepared in self._prepared(prepare, candidates):
            batch.append(prepared)
            images += isinstance(prepared, NewImage | KnownImage) and prepared.pixels is not None
            if images == self._encoder.batch_size or len(batch) >= FILES_A_BATCH:
                ingest.commit(batch)
                self._progress.advance(len(batch))
                batch, images = [], 0
        if batch:
            ingest.commit(batch)
            self._progress.advance(len(batch))

    def _prepared(self, prepare: Preparer, candidates: Iterable[Candidate]) -> Iterator[Prepared]:
        ahead = self._settings.workers + self._settings.queued_batches * self._encoder.batch_size
        waiting: deque[tuple[Candidate, Future[Prepared]]] = deque()
        pool = ThreadPoolExecutor(self._settings.workers, thread_name_prefix="decode")
        try:
            for candidate in candidates:
                waiting.append((candidate, pool.submit(prepare, candidate)))
                if len(waiting) >= ahead:
                    yield _result(*waiting.popleft())
            while waiting:
                yield _result(*waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _result(candidate: Candidate, future: Future[Prepared]) -> Prepared:
    try:
        return future.result()
    except MemoryError:
        return Failed(candidate, "it needs more memory than there is", passing=True)
