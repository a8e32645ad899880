"""The library: one store, its encoder, and everything that can be done with them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from indexer import arguments, forking
from indexer.arguments import checked, each, flag, instance, optional, whole
from indexer.catalog.encoders import Encoders
from indexer.distribution import how_to_get
from indexer.encoder_hint import write_encoder_hint
from indexer.encoders.base import Encoder, EncoderId
from indexer.errors import EncoderUnavailableError, StoreDamagedError, UsageError
from indexer.images.sniff import IMAGE_SUFFIXES
from indexer.paths import absolute, require_working_folder
from indexer.progress import Progress, Silent
from indexer.reach import check_store_place
from indexer.settings import IndexSettings, default_store, thread_count
from indexer.store import Store
from indexer.swap import is_store
from indexer.types import Report
from indexer.vectors.base import INDEX_TYPES, IndexType, SearchParameters
from search.arguments import asked, encoder_or_name, kind_of_answer, progress_given, reranker_or_name
from search.calibration.calibration_file import NAME as CALIBRATION_NAME
from search.calibration.calibration_file import write as write_calibration
from search.engine.engine import MAX_HITS, Engine
from search.engine.index_cache import IndexCache
from search.loaded_models import LoadedModels
from search.query.query import Query, image_query, is_address
from search.query.settings import Target
from search.rerank.base import Reranker
from search.rerank.stage import DEFAULT_COUNT, MAX_COUNT, Reranking
from search.results import Results
from search.status import Status, read_status

if TYPE_CHECKING:
    from indexer.compact import Compacted
    from indexer.doctor import Finding
    from indexer.pipeline.forget import Forgotten
    from search.calibration.calibrate import Calibrated, CalibrationSettings
    from search.engine.indexed import Indexed
    from search.evaluation.results import Evaluation
    from search.evaluation.settings import EvaluationSettings
    from search.fast_start.prefetch import Prefetch
    from search.rerank.train import TrainReport


@checked(store=optional(arguments.path), encoder=optional(encoder_or_name), device=optional(arguments.text))
def open(
    store: str | os.PathLike[str] | None = None, *, encoder: str | Encoder | None = None, device: str | None = None
) -> Library:
    """Open the store at a folder, which need not exist yet; None is the default place (SEARCH_STORE).

    `encoder`: the name of an encoder (`search models` lists them) or an object that follows
    `search.Encoder`; None takes the store's own, or the bundled one for a new store. `device`: "cpu",
    "cuda", "mps", for encoders that run on torch. Nothing is read or loaded before it is needed.
    """
    return Library(default_store() if store is None else Path(store), encoder=encoder, device=device)


class Library:
    """One store. Queries may come from several threads, and while another process indexes into the same store."""

    def __init__(
        self,
        folder: Path,
        *,
        encoder: str | Encoder | None = None,
        device: str | None = None,
        prefetch: Prefetch | None = None,
        once: bool = False,
    ) -> None:
        """See `open`. `prefetch`: what may turn out to be the store's encoder, on its way already. `once`: it is made
        for one query, and need not load what pays only for more."""
        self._once = once
        self.folder = Path(absolute(folder))
        self._device = device
        self._lock = forking.rlock()
        self._models = LoadedModels(self.folder, encoder, device, prefetch)
        self._opened: tuple[Store, Engine] | None = None

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of files and connections. The library may be used again afterwards."""
        with self._lock:
            if self._opened is not None:
                self._opened[0].close()
            self._opened = None
            self._models.forget_rerankers()

    # -- writing --------------------------------------------------------------------------------------------

    @checked(
        roots=each(arguments.path),
        settings=optional(instance("indexer.settings", "IndexSettings")),
        progress=optional(progress_given),
        index_type=optional(arguments.one_of(INDEX_TYPES)),
        recall=optional(arguments.number(0, 1, open_below=True)),
        reencode=flag,
        verify=flag,
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
    ) -> Report:
        """Bring the store up to date with folders (or single files); none means all that it knows.

        `index_type`: "flat", "hnsw", "ivf-flat", "ivf-sq8" or "ivf-pq"; None keeps the store's choice, or chooses by
        size. `recall`: the share of the true first ten that an approximate index has to find, measured on the store's
        own vectors; None keeps the store's choice, or takes 0.95. `reencode`: let the encoder that this library was
        opened with take the place of the store's. `verify`: read every file, and compare its content with what was
        indexed, whatever its size and times say; the report's `altered` names those that differ. Files that cannot be
        read are in the report's `failures`; they never stop a run.

        Raises PathNotFoundError, UsageError, StoreBusyError, EncoderError, StoreError.
        """
        from indexer.files.ignores import check_patterns
        from indexer.pipeline import run as pipeline  # queries do without all that indexes
        from indexer.pipeline.choose import named_paths

        named = named_paths(roots)  # what can fail fails before a store is made for nothing
        settings = settings or IndexSettings()
        check_patterns(settings.ignores)
        thread_count()
        if not (check_store_place(self.folder) and is_store(self.folder)):
            if not named:
                raise UsageError(f"Name a folder to index; there is no index at {self.folder} yet.")
            self._models.encoder(None)
        store = Store.create(self.folder)
        try:
            with store.writing():
                self._models.encoder(_encoder_of(store), reencode=reencode)
                encoder, notes = self._models.encoder_for_indexing(progress or Silent())
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
                )
                report.warnings[:0] = (*notes, *getattr(encoder, "troubles", ()))
                active = _encoder_of(store)
                if active is not None:
                    write_encoder_hint(self.folder, active)
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
        from indexer.vectors.refresh import build_indexes

        store = Store.open(self.folder)
        try:
            with store.writing():
                named = [as_named(path) for path in paths]
                found = [forget(store.catalog, *named)] if named else []
                if vanished:
                    found.append(forget_vanished(store.catalog))
                files = sum(each.files for each in found)
                build_indexes(store.catalog, store.vectors, None, Silent())
                roots = tuple(root for each in found for root in each.roots)
                return Forgotten(files, roots, tuple(path for each in found for path in each.excluded))
        finally:
            store.close()

    def compact(self) -> Compacted:
        """Make the store small again: delete what nothing leads to (of photographs that were edited or forgotten, of a
        change of encoder that was not finished), and give the room back to the disk.

        Nothing that can be found is touched. Of what was forgotten nothing is left in any file of the store afterwards.
        The disk needs room for a second catalog meanwhile. Raises StoreMissingError, StoreBusyError,
        StoreUnwritableError.
        """
        from indexer.compact import compact

        self.close()
        store = Store.open(self.folder)
        try:
            with store.writing():
                return compact(store)
        finally:
            store.close()

    @checked(
        table=arguments.path,
        images=optional(arguments.path),
        out=optional(arguments.path),
        epochs=whole(1),
        seed=whole(0),
        restart=flag,
        progress=optional(progress_given),
    )
    def train_reranker(
        self,
        table: str | os.PathLike[str],
        *,
        images: str | os.PathLike[str] | None = None,
        out: str | os.PathLike[str] | None = None,
        epochs: int = 12,
        seed: int = 0,
        restart: bool = False,
        progress: Progress | None = None,
    ) -> TrainReport:
        """Train a second stage for this store's encoder on a table of captions of photographs that are indexed.

        `images`: the folder that names in the table are relative to, by default the table's own. `out`: where the
        reranker is put, by default into the store, where searches find it. `epochs`: passes over the images in each of
        two steps, at most. It goes on from an interrupted run, unless `restart`. Needs torch, and runs on the device
        that the library was opened with.

        Raises PathNotFoundError, UsageError (too few pairs, too few of them indexed), StoreMissingError,
        StoreBusyError, EncoderError, StoreError.
        """
        require_working_folder("torch")
        try:
            from search.rerank.train import train_reranker
            from search.rerank.training_settings import TrainingSettings
        except ImportError as error:
            raise EncoderUnavailableError(
                f"Training needs torch, which cannot be imported ({error}); {how_to_get('torch')}."
            ) from error

        session = self._session(with_reranker=False)
        report = train_reranker(
            os.fspath(table),
            session.store,
            session.encoder,
            images=None if images is None else os.fspath(images),
            out=None if out is None else Path(out),
            settings=TrainingSettings(epochs=epochs, seed=seed),
            restart=restart,
            device=self._device,
            progress=progress,
        )
        self._models.forget_rerankers()
        return report

    # -- reading --------------------------------------------------------------------------------------------

    @checked(
        query=asked,
        k=whole(1, MAX_HITS),
        to=kind_of_answer,
        parameters=optional(instance("indexer.vectors.base", "SearchParameters")),
        rerank=optional(whole(0, MAX_COUNT)),
        reranker=optional(reranker_or_name),
        explain=flag,
        min_probability=arguments.number(0, 1),
    )
    def query(
        self,
        query: str | os.PathLike[str] | Query,
        *,
        k: int = 10,
        to: Target = "image",
        parameters: SearchParameters | None = None,
        rerank: int | None = None,
        reranker: str | os.PathLike[str] | Reranker | None = None,
        explain: bool = False,
        min_probability: float = 0.0,
    ) -> Results:
        """The `k` best matches for words, or for an image.

        A `str` is words, whatever they look like; a `Path` is an image file; `Query(image_bytes=...)` is an image that
        is no file. `to`: "image", "text" (captions) or "any".

        Between words and images, a second stage scores the first `rerank` candidates anew (None: 100, 0: none).
        `reranker`: the folder of one, "blip:PATH_OR_ID", or an object that follows `search.Reranker`; None
        takes the store's own or the one that ships, if it was trained for the store's encoder. `explain`: say of each
        image that words found which of them met which of its regions (`Hit.explanation`). `min_probability`: leave out
        hits of the `k` that are less probable; the result may be empty.

        Raises EmptyQueryError, PathNotFoundError, UsageError, FileError for a query image that does not decode,
        StoreMissingError, EncoderError, StoreError.
        """
        if isinstance(query, os.PathLike):
            wanted = image_query(os.fspath(query))
        else:
            wanted = Query(text=query) if isinstance(query, str) else query
        reranking = Reranking(DEFAULT_COUNT if rerank is None else rerank, explain, insist=reranker is not None)

        def answer() -> Results:
            session = self._session(reranker, with_reranker=bool(reranking.count or explain) and to != wanted.kind)
            calibration = self._models.calibration(session.encoder)
            results = session.engine.search(
                wanted,
                session.encoder,
                k=k,
                to=to,
                parameters=parameters,
                reranker=session.reranker,
                reranking=reranking,
                calibration=calibration,
            )
            return replace(results, notes=(*session.notes, *calibration.notes, *results.notes))

        try:
            results = answer()
        except StoreDamagedError:
            if not self._open()[0].catalog.was_replaced():
                raise
            results = answer()  # it was written while this reader, who may not write, took it for still
        said = _mistaken(query) if isinstance(query, str) else None
        if said is not None:
            results = replace(results, notes=(said, *results.notes))
        return results.likely(min_probability) if min_probability else results

    @checked(
        source=arguments.path,
        settings=optional(instance("search.evaluation.settings", "EvaluationSettings")),
        progress=optional(progress_given),
        reranker=optional(reranker_or_name),
    )
    def evaluate(
        self,
        source: str | os.PathLike[str],
        *,
        settings: EvaluationSettings | None = None,
        progress: Progress | None = None,
        reranker: str | os.PathLike[str] | Reranker | None = None,
    ) -> Evaluation:
        """Measure this store on pairs of images and texts that are right for each other.

        `source`: a table of captions (`captions.jsonl`, `.csv`), or with `settings.labels` a folder whose subfolders'
        names are labels. Images that are not indexed are left out and counted in the result's notes; the result is
        False when nothing is left to evaluate. `reranker` as for `query`: the second stage stands beside the first.

        Raises PathNotFoundError, UsageError for a source that is neither, StoreMissingError, EncoderError, StoreError.
        """
        from search.evaluation.run import evaluate
        from search.evaluation.settings import EvaluationSettings

        settings = settings or EvaluationSettings()
        session = self._session(reranker, with_reranker=bool(settings.rerank))
        calibration = self._models.calibration(session.encoder)
        found = evaluate(
            os.fspath(source),
            session.store,
            session.encoder,
            session.engine,
            settings,
            progress or Silent(),
            reranker=session.reranker,
            calibration=calibration,
        )
        return replace(found, notes=(*session.notes, *calibration.notes, *found.notes))

    @checked(
        source=arguments.path,
        out=optional(arguments.path),
        settings=optional(instance("search.calibration.calibrate", "CalibrationSettings")),
        progress=optional(progress_given),
        reranker=optional(reranker_or_name),
    )
    def calibrate(
        self,
        source: str | os.PathLike[str],
        *,
        out: str | os.PathLike[str] | None = None,
        settings: CalibrationSettings | None = None,
        progress: Progress | None = None,
        reranker: str | os.PathLike[str] | Reranker | None = None,
    ) -> Calibrated:
        """Fit the hits' probabilities to pairs of indexed photographs and captions, and keep them in the store.

        `source`: a table as for `evaluate`. `out`: write this file instead of the store's own. `reranker` as for
        `query`: both stages are fitted.

        Raises PathNotFoundError, UsageError for a source that is no table or has too few pairs, StoreMissingError,
        EncoderError, StoreError.
        """
        from search.calibration.calibrate import CalibrationSettings, calibrate

        settings = settings or CalibrationSettings()
        session = self._session(reranker, with_reranker=bool(settings.rerank))
        found = calibrate(
            os.fspath(source), session.store, session.encoder, settings, progress or Silent(), session.reranker
        )
        path = self.folder / CALIBRATION_NAME if out is None else Path(out)
        write_calibration(path, found.calibration)
        return replace(found, path=str(path), notes=(*session.notes, *found.notes))

    def status(self) -> Status:
        """What the store holds. Raises StoreMissingError or StoreError."""
        return read_status(self._open()[0])

    @checked(paths=each(arguments.path))
    def indexed(self, *paths: str | os.PathLike[str]) -> dict[str, Indexed]:
        """What was indexed at these paths, as hits name them; those of which nothing is known are left out.

        A hit's path comes from the store, which may be a stranger's, and what lies there now may be something else:
        `Indexed.refusal(content)` says whether it may be shown to others. Raises StoreMissingError or StoreError.
        """
        from search.engine.indexed import indexed_at

        with self._open()[0].catalog.snapshot() as snapshot:
            return indexed_at(snapshot, [os.fspath(path) for path in paths])

    def left_out(self) -> list[str]:
        """The paths of the files that runs looked at and that are neither images nor captions.

        Raises StoreMissingError or StoreError.
        """
        from indexer.catalog.files import Files

        with self._open()[0].catalog.snapshot() as snapshot:
            return sorted(Files(snapshot).others())

    def check(self) -> list[Finding]:
        """What is wrong with the store; empty when all is well. Changes nothing."""
        from indexer import doctor

        return doctor.check(self.folder)

    def repair(self) -> list[Finding]:
        """Mend what can be mended; says what was done and what cannot be."""
        from indexer import doctor

        self.close()
        return doctor.repair(self.folder)

    # -- inside ---------------------------------------------------------------------------------------------

    def _open(self) -> tuple[Store, Engine]:
        with self._lock:
            if self._opened is None:
                store = Store.open(self.folder)
                self._opened = store, Engine(IndexCache(store, once=self._once))
            return self._opened

    def _session(self, reranker: str | os.PathLike[str] | Reranker | None = None, *, with_reranker: bool) -> _Session:
        """What one call works with. Raises StoreMissingError, StoreError, EncoderError."""
        store, engine = self._open()
        encoder = self._models.encoder(_encoder_of(store))
        second, notes = self._models.reranker(reranker, encoder) if with_reranker else (None, ())
        return _Session(store, engine, encoder, second, (*self._models.notes(encoder), *notes))


@dataclass(frozen=True, slots=True)
class _Session:
    """The store as it is open, its encoder, the reranker where one is wanted; `notes`: what a person should know."""

    store: Store
    engine: Engine
    encoder: Encoder
    reranker: Reranker | None
    notes: tuple[str, ...]


def _mistaken(query: str) -> str | None:
    """What to say of words that look like an image."""
    if is_address(query):
        return (
            "A query that is a str is words, an address too, and nothing is fetched from the network; Path(...) asks "
            "with the image in a file, Query(image_bytes=...) with one that a program has fetched."
        )
    if os.path.splitext(query)[1].lower() in IMAGE_SUFFIXES:
        return "A query that is a str is words; Path(...) asks with the image of that name."
    return None


def _encoder_of(store: Store) -> EncoderId | None:
    with store.catalog.snapshot() as snapshot:
        active = Encoders(snapshot).active()
    return None if active is None else active[1]
