"""The library: one store, its encoder, and everything that can be done with them."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from indexer.catalog.snapshot import RootRow, Snapshot
from indexer.encoder_hint import note_encoder
from indexer.encoders.base import Encoder, EncoderId
from indexer.encoders.registry import load_encoder, prepare_for_indexing
from indexer.errors import (
    EncoderError,
    EncoderMismatchError,
    EncoderUnavailableError,
    PathNotFoundError,
    StoreDamagedError,
)
from indexer.progress import Progress, Silent
from indexer.settings import CATALOG_NAME, IndexSettings, default_store
from indexer.store import Store
from indexer.types import KINDS, Failure, Report
from indexer.vectors.base import IndexType, SearchParameters, Tuned
from search.calibration.calibration_file import NAME as CALIBRATION_NAME
from search.calibration.calibration_file import Calibration, find_calibration
from search.calibration.calibration_file import write as write_calibration
from search.engine.engine import Engine
from search.engine.index_cache import IndexCache
from search.query.query import Query, Target, image_query, parse
from search.rerank.base import Reranker
from search.rerank.stage import DEFAULT_COUNT, Reranking
from search.results import Results

if TYPE_CHECKING:
    from indexer.doctor import Finding
    from search.calibration.calibrate import Calibrated, CalibrationSettings
    from search.evaluation.results import Evaluation
    from search.evaluation.settings import EvaluationSettings
    from search.fast_start.prefetch import EarlyEncoder
    from search.rerank.train import TrainReport

#: The encoder of a new store: it ships with the product and needs no download.
DEFAULT_ENCODER = "bundled"


@dataclass(frozen=True, slots=True)
class IndexState:
    """A vector index as `status` shows it. `behind`: items that changed since it was built (still found).

    `asked`: the type that was wanted, another where that missed the recall that was wanted. `tuned`: how it is
    searched, and the recall that was measured with that.
    """

    index_type: str
    asked: str
    count: int
    bytes: int
    behind: int
    tuned: Tuned | None


@dataclass(frozen=True, slots=True)
class TokenState:
    """Tokens for reranking, as `status` shows them: the images and texts that have them, and bytes an image."""

    wanted: bool
    images: int
    texts: int
    image_bytes: int


@dataclass(frozen=True, slots=True)
class Status:
    """What a store holds. Counts: visible images and texts; files that failed, vanished, or are something else."""

    folder: str
    encoder: EncoderId | None
    images: int
    texts: int
    failed: int
    vanished: int
    other: int
    roots: tuple[RootRow, ...]
    indexes: dict[str, IndexState | None]
    tokens: TokenState | None
    bytes: int
    failures: tuple[Failure, ...]


def open(
    store: str | os.PathLike[str] | None = None, *, encoder: str | Encoder | None = None, device: str | None = None
) -> Library:
    """Open the store at a folder, which need not exist yet; None is the default place (SEARCH_STORE).

    `encoder`: the name of an encoder (`search models` lists them) or an object that follows
    `indexer.encoders.base.Encoder`; None takes the store's own, or the bundled one for a new store. `device`: "cpu",
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
        early: EarlyEncoder | None = None,
        once: bool = False,
    ) -> None:
        """See `open`. `early`: what may turn out to be the store's encoder, on its way already. `once`: it is made for
        one query, and need not load what pays only for more."""
        self._early = early
        self._once = once
        self.folder = Path(os.path.abspath(folder.expanduser()))
        self._asked = encoder
        self._device = device
        self._lock = threading.RLock()
        self._encoder: Encoder | None = None if encoder is None or isinstance(encoder, str) else encoder
        self._engine: Engine | None = None
        self._store: Store | None = None
        self._rerankers: dict[str | None, tuple[object, Reranker | None, tuple[str, ...]]] = {}
        self._calibration: tuple[object, Calibration] | None = None

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of files and connections. The library may be used again afterwards."""
        with self._lock:
            if self._store is not None:
                self._store.close()
            self._store = self._engine = None
            self._rerankers.clear()

    # -- writing --------------------------------------------------------------------------------------------

    def index(
        self,
        *roots: str | os.PathLike[str],
        settings: IndexSettings | None = None,
        progress: Progress | None = None,
        index_type: IndexType | None = None,
        recall: float | None = None,
        reencode: bool = False,
    ) -> Report:
        """Bring the store up to date with folders (or single files); none means all that it knows.

        `index_type`: "flat", "hnsw", "ivf-flat", "ivf-sq8" or "ivf-pq"; None keeps the store's choice, or chooses by
        size. `recall`: the share of the true first ten that an approximate index has to find, measured on the store's
        own vectors; None keeps the store's choice, or takes 0.95. `reencode`: let the encoder that this library was
        opened with take the place of the store's. Files that cannot be read are in the report's `failures`; they never
        stop a run.

        Raises PathNotFoundError, UsageError, StoreBusyError, EncoderError, StoreError.
        """
        from indexer.pipeline import run as pipeline  # queries do without all that indexes
        from indexer.vectors.refresh import check_recall

        check_recall(recall)
        for root in roots:  # what can fail fails before a store is made for nothing
            if not os.path.exists(os.path.expanduser(root)):
                raise PathNotFoundError(
                    f"{os.path.abspath(root)} is not there; check the spelling, or whether its drive is mounted."
                )
        if not (self.folder / CATALOG_NAME).exists():
            self._load_encoder(None)
        store = Store.create(self.folder)
        try:
            with store.writing():
                self._load_encoder(self._stored_encoder(store), reencode=reencode)
                encoder, notes = self._prepare_encoder(progress or Silent())
                report = pipeline.run(
                    store,
                    encoder,
                    [os.fspath(root) for root in roots],
                    settings,
                    progress=progress,
                    index_type=index_type,
                    recall=recall,
                    reencode=reencode,
                )
                report.warnings[:0] = (*notes, *getattr(encoder, "troubles", ()))
                active = self._stored_encoder(store)
                if active is not None:
                    note_encoder(self.folder, active)
                return report
        finally:
            store.close()

    def forget(self, *paths: str | os.PathLike[str], vanished: bool = False) -> int:
        """Take files, or everything below folders, out of the store; the files themselves are not touched.

        `vanished`: also every file that is marked as no longer there. Returns how many files went. The next
        `index` of a folder adds what is still there again, unless it is ignored. Raises PathNotFoundError for a
        path of which nothing is indexed, StoreMissingError, StoreBusyError.
        """
        from indexer.vectors.refresh import build_indexes

        store = Store.open(self.folder)
        try:
            with store.writing():
                count = 0
                for path in paths:
                    absolute = os.path.abspath(os.path.expanduser(path))
                    with store.catalog.batch() as batch:
                        gone = batch.forget(absolute)
                    if not gone:
                        raise PathNotFoundError(f"Nothing of {absolute} is indexed; `search status` lists the folders.")
                    count += gone
                if vanished:
                    with store.catalog.batch() as batch:
                        count += batch.forget_vanished()
                build_indexes(store, None, Silent())
                return count
        finally:
            store.close()

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
        try:
            from search.rerank.train import TrainingSettings, train_reranker
        except ImportError as error:
            raise EncoderUnavailableError(
                f"Training needs torch, which cannot be imported ({error}); install it: pip install torch"
            ) from error

        self._open_engine()
        assert self._store is not None
        report = train_reranker(
            os.fspath(table),
            self._store,
            self._load_encoder(self._stored_encoder(self._store)),
            images=None if images is None else os.fspath(images),
            out=None if out is None else Path(out),
            settings=TrainingSettings(epochs=epochs, seed=seed),
            restart=restart,
            device=self._device,
            progress=progress,
        )
        with self._lock:
            self._rerankers.clear()
        return report

    # -- reading --------------------------------------------------------------------------------------------

    def query(
        self,
        query: str | os.PathLike[str] | Query,
        *,
        k: int = 10,
        to: Target = "image",
        parameters: SearchParameters | None = None,
        rerank: int | None = None,
        reranker: str | Reranker | None = None,
        explain: bool = False,
        min_probability: float = 0.0,
    ) -> Results:
        """The `k` best matches for words, or for an image.

        A `str` that is the path of an image file is an image query; a `Path` always is; `search.query.query.text_query`
        makes words of anything. `to`: "image", "text" (captions) or "any".

        Between words and images, a second stage scores the first `rerank` candidates anew (None: 100, 0: none).
        `reranker`: the folder of one, "blip:PATH_OR_ID", or an object that follows `search.rerank.base.Reranker`; None
        takes the store's own or the one that ships, if it was trained for the store's encoder. `explain`: say of each
        image that words found which of them met which of its regions (`Hit.explanation`). `min_probability`: leave out
        hits of the `k` that are less probable; the result may be empty.

        Raises EmptyQueryError, PathNotFoundError, UsageError, FileError for a query image that does not decode,
        StoreMissingError, EncoderError, StoreError.
        """
        if isinstance(query, os.PathLike):
            asked = image_query(os.fspath(query))
        else:
            asked = parse(query) if isinstance(query, str) else query
        reranking = Reranking(DEFAULT_COUNT if rerank is None else rerank, explain, insist=reranker is not None)
        engine = self._open_engine()
        assert self._store is not None
        encoder = self._load_encoder(self._stored_encoder(self._store))
        second: Reranker | None = None
        notes: tuple[str, ...] = ()
        if (reranking.count or explain) and to != asked.kind:
            second, notes = self._load_reranker(reranker, encoder)
        calibration = self._load_calibration(encoder)
        results = engine.search(
            asked,
            encoder,
            k=k,
            to=to,
            parameters=parameters,
            reranker=second,
            reranking=reranking,
            calibration=calibration,
        )
        results = replace(results, notes=(*notes, *calibration.notes, *results.notes))
        return results.likely(min_probability) if min_probability else results

    def evaluate(
        self,
        source: str | os.PathLike[str],
        *,
        settings: EvaluationSettings | None = None,
        progress: Progress | None = None,
        reranker: str | Reranker | None = None,
    ) -> Evaluation:
        """Measure this store on pairs of images and texts that are right for each other.

        `source`: a table of captions (`captions.jsonl`, `.csv`), or with `settings.labels` a folder whose subfolders'
        names are labels. Images that are not indexed are left out and counted in the result's notes; the result is
        False when nothing is left to evaluate. `reranker` as for `query`: the second stage stands beside the first.

        Raises PathNotFoundError, UsageError for a source that is neither, StoreMissingError, EncoderError, StoreError.
        """
        from indexer.progress import Silent
        from search.evaluation.run import evaluate
        from search.evaluation.settings import EvaluationSettings

        settings = settings or EvaluationSettings()
        engine = self._open_engine()
        assert self._store is not None
        encoder = self._load_encoder(self._stored_encoder(self._store))
        second, notes = self._load_reranker(reranker, encoder) if settings.rerank else (None, ())
        calibration = self._load_calibration(encoder)
        found = evaluate(
            os.fspath(source),
            self._store,
            encoder,
            engine,
            settings,
            progress or Silent(),
            reranker=second,
            calibration=calibration,
        )
        return replace(found, notes=(*notes, *calibration.notes, *found.notes))

    def calibrate(
        self,
        source: str | os.PathLike[str],
        *,
        out: str | os.PathLike[str] | None = None,
        settings: CalibrationSettings | None = None,
        progress: Progress | None = None,
        reranker: str | Reranker | None = None,
    ) -> Calibrated:
        """Fit the hits' probabilities to pairs of indexed photographs and captions, and keep them in the store.

        `source`: a table as for `evaluate`. `out`: write this file instead of the store's own. `reranker` as for
        `query`: both stages are fitted.

        Raises PathNotFoundError, UsageError for a source that is no table or has too few pairs, StoreMissingError,
        EncoderError, StoreError.
        """
        from indexer.progress import Silent
        from search.calibration.calibrate import CalibrationSettings, calibrate

        settings = settings or CalibrationSettings()
        self._open_engine()
        assert self._store is not None
        encoder = self._load_encoder(self._stored_encoder(self._store))
        second, notes = self._load_reranker(reranker, encoder) if settings.rerank else (None, ())
        found = calibrate(os.fspath(source), self._store, encoder, settings, progress or Silent(), second)
        path = self.folder / CALIBRATION_NAME if out is None else Path(out)
        write_calibration(path, found.calibration)
        return replace(found, path=str(path), notes=(*notes, *found.notes))

    def status(self) -> Status:
        """What the store holds. Raises StoreMissingError or StoreError."""
        from indexer.vectors.backends.faiss_files import manifest
        from indexer.vectors.refresh import index_key

        self._open_engine()
        assert self._store is not None
        store = self._store
        with store.catalog.snapshot() as snapshot:
            active = snapshot.active_encoder()
            counts = snapshot.counts()
            indexes: dict[str, IndexState | None] = dict.fromkeys(KINDS)
            for kind in KINDS:
                if active is None:
                    break
                try:
                    stamp = manifest.read_stamp(store.vectors_folder, kind)
                except StoreDamagedError:
                    continue
                if stamp is not None and stamp.encoder == index_key(snapshot, active[1]):
                    behind = snapshot.changed_count(kind, stamp.generation)
                    indexes[kind] = IndexState(
                        stamp.index_type, stamp.asked, stamp.count, stamp.size, behind, stamp.tuned
                    )
            return Status(
                str(self.folder),
                None if active is None else active[1],
                counts["image"],
                counts["text"],
                counts["failed"],
                counts["vanished"],
                counts["other"],
                tuple(snapshot.roots()),
                indexes,
                None if active is None else _token_state(snapshot, active[0]),
                _size(self.folder),
                tuple(Failure(path, reason) for path, reason in snapshot.failures()),
            )

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

    def _open_engine(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._store = Store.open(self.folder)
                self._engine = Engine(IndexCache(self._store, once=self._once))
            return self._engine

    def _stored_encoder(self, store: Store) -> EncoderId | None:
        with store.catalog.snapshot() as snapshot:
            active = snapshot.active_encoder()
        return None if active is None else active[1]

    def _load_encoder(self, stored: EncoderId | None, *, reencode: bool = False) -> Encoder:
        """The encoder to work with, loaded once. Raises EncoderMismatchError when it is not the store's."""
        with self._lock:
            name = self._asked if isinstance(self._asked, str) else None
            if name is None:
                name = DEFAULT_ENCODER if stored is None else stored.name
            if self._encoder is None:
                if self._early is not None and (stored is None or name == stored.name):
                    self._encoder = self._early.get(stored)
                self._early = None
            if self._encoder is None:
                own = stored is not None and (self._asked is None or name == stored.name)
                self._encoder = load_encoder(name, self._device, stored=stored if own else None)
            identity = self._encoder.identity
        if stored is not None and not identity.matches(stored) and not reencode:
            if identity.name == stored.name:
                reason = f"with an earlier {stored.name} ({stored.weights[:12]}, now {identity.weights[:12]})"
            else:
                reason = f"with the encoder {stored.name}, not {identity.name}"
            raise EncoderMismatchError(
                f"{self.folder} was made {reason}; `search index --reencode --encoder {identity.name}` encodes it anew."
            )
        return self._encoder

    def _prepare_encoder(self, progress: Progress) -> tuple[Encoder, tuple[str, ...]]:
        """The loaded encoder in its fastest form, and what a person should know of it."""
        with self._lock:
            assert self._encoder is not None
            self._encoder, notes = prepare_for_indexing(self._encoder, self._device, progress)
            return self._encoder, notes

    def _load_calibration(self, encoder: Encoder) -> Calibration:
        """What probabilities are made with; read again when the store's own file has changed."""
        path = self.folder / CALIBRATION_NAME
        try:
            status = path.stat()
            state: object = (status.st_mtime_ns, status.st_ino, status.st_size)
        except OSError:
            state = None
        with self._lock:
            key = (state, encoder.identity.weights)
            if self._calibration is None or self._calibration[0] != key:
                self._calibration = key, find_calibration(self.folder, encoder.identity)
            return self._calibration[1]

    def _load_reranker(self, asked: str | Reranker | None, encoder: Encoder) -> tuple[Reranker | None, tuple[str, ...]]:
        """The reranker to work with, and what a person should know: a default one that is damaged must not keep a
        search from its answers. Loaded once, and again when its files have changed. Raises EncoderError for one that
        was asked for and cannot be used."""
        if asked is not None and not isinstance(asked, str):
            return asked, ()
        from search.rerank.registry import load_reranker, version

        with self._lock:
            state = version(asked, self.folder)
            held = self._rerankers.get(asked)
            if held is None or held[0] != state:
                try:
                    held = (state, load_reranker(asked, self.folder, encoder, self._device), ())
                except EncoderError as error:
                    if asked is not None:
                        raise
                    held = (state, None, (str(error),))
                self._rerankers[asked] = held
            return held[1:]


def _token_state(snapshot: Snapshot, encoder_row: int) -> TokenState | None:
    """None where the encoder yields none, as far as this store has met."""
    shape = snapshot.token_shape(encoder_row)
    if shape is None:
        return None
    counts = snapshot.count_with_tokens(encoder_row)
    return TokenState(snapshot.tokens_wanted, counts["image"], counts["text"], shape.regions * shape.width)


def _size(folder: Path) -> int:
    sizes: Sequence[int] = [entry.stat().st_size for entry in folder.rglob("*") if entry.is_file()]
    return sum(sizes)
