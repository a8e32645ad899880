"""Calls that sort photographs into a person's own classes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from indexer import arguments
from indexer.arguments import checked, each, flag, instance, optional, several, whole
from indexer.catalog.encoders import Encoders
from indexer.encoders.base import EncoderId
from indexer.encoders.registry import check_encoder
from indexer.errors import StoreMissingError, UsageError
from indexer.progress import Progress, Silent
from indexer.reach import holds, shown_store
from indexer.settings import ADDRESS_NAME, IndexSettings
from indexer.store import Store
from search.arguments import progress_given
from search.calls.opened import Opened
from search.computing import own_thread
from search.engine.clock import Clock

if TYPE_CHECKING:
    from search.classification.results import Classification, TrainedProbe
    from search.classification.roads import Work
    from search.query.filter import Filter

#: Classes of one photograph.
MOST_CLASSES: Final = 100


class Classifying(Opened):
    """See `search.Library`."""

    @checked(
        folder=arguments.path,
        name=optional(arguments.text),
        out=optional(arguments.path),
        test=optional(arguments.path),
        seed=whole(0, 2**32 - 1),
        progress=optional(progress_given),
    )
    def train_probe(
        self,
        folder: str | os.PathLike[str],
        *,
        name: str | None = None,
        out: str | os.PathLike[str] | None = None,
        test: str | os.PathLike[str] | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> TrainedProbe:
        """Train a probe on photographs by class: logistic regression on this library's encoder's vectors.

        `folder`: the name of each of its subfolders is a class, and the photographs below it are examples. `name`: what
        the probe is called in the store, by default as the folder; `out`: write this file instead, for which no store
        is needed. `test`: a folder of the same classes to measure on; without it a fifth of the examples is held out,
        and the probe then fitted to all. `seed`: all chance is drawn from it. Photographs need not be indexed; those
        that are need no decoding. Files that cannot be read are in `failures`.

        Raises PathNotFoundError, UsageError (too little to learn from, scikit-learn is missing), StoreMissingError
        where there is no store and no `out`, EncoderError, StoreError, and what `progress` raises.
        """
        from indexer.pipeline.sample import sample_photographs
        from search.classification import probe_file
        from search.classification.features import FeatureReader
        from search.classification.results import TrainedProbe
        from search.classification.train import train
        from search.classification.vector_cache import VectorCache

        clock = Clock()
        path = self._place(name, out, Path(folder))
        if out is None:
            with self._following() as opened:
                opened.store.check_fittable()
        with self._working(None, own=out is None) as work, own_thread():
            encoder, notes = self._models.encoder_for_indexing(
                progress or Silent(),
                lambda wanted: sample_photographs(None, [os.fspath(folder)], IndexSettings(), wanted),
            )
            reader = FeatureReader(encoder, work.catalog, VectorCache.of(encoder.identity))
            tested = None if test is None else os.fspath(test)
            found = train(os.fspath(folder), tested, reader, encoder, seed, progress or Silent())
        clock.lap("train")
        if out is None:
            with self._following() as opened, opened.store.fitting():
                probe_file.save(path, found.probe)
        else:
            probe_file.save(path, found.probe)
        counts = reader.counts
        return TrainedProbe(
            path=str(path),
            classes=found.probe.classes,
            encoder=found.probe.encoder.name,
            examples=len(found.examples.labels),
            stored=counts.stored,
            cached=counts.cached,
            encoded=counts.encoded,
            strength=found.chosen.strength,
            cross_validation=found.chosen.accuracy,
            measured_on=found.on,
            report=found.report,
            names=found.names,
            templates=found.templates,
            calibrated=found.chosen.calibrated,
            failures=tuple(counts.failures),
            notes=tuple(dict.fromkeys((*work.notes, *notes, *found.notes))),
            seconds=clock.seconds,
        )

    @checked(
        photographs=each(arguments.path),
        probe=optional(arguments.path),
        classes=optional(several(arguments.text)),
        where=optional(instance("search.query.filter", "Filter")),
        templates=optional(flag),
        top=whole(1, MOST_CLASSES),
        report=flag,
        progress=optional(progress_given),
    )
    def classify(
        self,
        *photographs: str | os.PathLike[str],
        probe: str | os.PathLike[str] | None = None,
        classes: Sequence[str] | None = None,
        where: Filter | None = None,
        templates: bool | None = None,
        top: int = 1,
        report: bool = False,
        progress: Progress | None = None,
    ) -> Classification:
        """Which of some classes each photograph is, by a `probe` that was trained or by the names of the `classes`.

        `photographs`: files and folders; none means all that the store has, from its vectors, or those that fit
        `where`. `probe`: its name in the store, or its file; `classes`: names instead, which need no examples. Neither:
        the store's probe, where it has one alone. `templates`: whether names are asked for in the encoder's templates;
        None is the encoder's own choice. `top`: classes of each photograph. `report`: the one folder that is named is
        sorted by class, and the result says how right the answers are. Each photograph is given one of the classes,
        also one that is none of them.

        Raises PathNotFoundError, UsageError, StoreMissingError, EncoderMismatchError for a probe of another encoder,
        EncoderError, StoreError, and what `progress` raises.
        """
        from search.classification import roads
        from search.classification.probe_file import load

        clock = Clock()
        if photographs and where is not None:
            raise UsageError("A filter chooses among what is indexed, and photographs are named; give one of them.")
        if report and len(photographs) != 1:
            raise UsageError("A report needs one folder whose subfolders are the classes; name it, and nothing else.")
        path = self._probe(probe, classes)
        loaded = None if path is None else load(path)
        names = roads.names_of(classes or ()) if loaded is None else loaded.classes
        with self._working(None if loaded is None else loaded.encoder, own=not photographs) as work, own_thread():
            if loaded is not None:
                loaded.check_fits(work.encoder.identity, own=work.catalog is not None)
            road = roads.Road.of(loaded, names, work.encoder, templates)
            told = progress or Silent()
            clock.lap("load")
            top = min(top, len(names))
            if not photographs:
                found = roads.indexed(road, work, where, top, told)
            elif report:
                found = roads.reported(road, work, photographs[0], top, told)
            else:
                found = roads.named(road, work, photographs, top, told)
        clock.lap("classify")
        return replace(found, notes=(*work.notes, *road.notes, *found.notes), seconds=clock.seconds)

    def probes(self) -> list[str]:
        """The names of the store's probes, in order. Raises StoreError where its catalog lies on a server."""
        from search.classification.probe_file import names_in

        self._fetch_probes()
        return names_in(self.folder)

    def _fetch_probes(self) -> None:
        """Those that other machines have trained."""
        if holds(self.folder, ADDRESS_NAME):
            with suppress(StoreMissingError), self._following():  # an empty database has none
                pass

    def _place(self, name: str | None, out: str | os.PathLike[str] | None, folder: Path) -> Path:
        """Where a new probe is put. Raises UsageError, StoreMissingError."""
        from indexer.paths import absolute, new_place
        from search.classification.probe_file import FOLDER, SUFFIX, check_name, is_name

        if out is not None:
            if name is not None:
                raise UsageError("`out` names the file of the probe, and `name` its name in the store; give one.")
            path = Path(new_place(out))
            if path.is_dir():
                raise UsageError(f"{path} is a folder, and a probe is one file; name it with `out`.")
            return path if path.name.endswith(SUFFIX) else path.with_name(path.name + SUFFIX)
        if not Store.is_there(self.folder):
            raise StoreMissingError(
                f"There is no index at {shown_store(self.folder)} to keep the probe in; name a file with `out`, "
                "or make an index with `index(FOLDER)`."
            )
        if (self.folder / FOLDER).is_symlink():  # in a received store, a way out of it
            raise UsageError(
                f"{self.folder / FOLDER} is a link and may lead anywhere; take it away, or name a file with `out`."
            )
        named = Path(absolute(folder)).name if name is None else name
        if name is None and not is_name(named):
            raise UsageError(f"A probe cannot be called as the folder, {named[:60]!r}; give it a `name`.")
        return self.folder / FOLDER / f"{check_name(named)}{SUFFIX}"

    def _probe(self, probe: str | os.PathLike[str] | None, classes: Sequence[str] | None) -> Path | None:
        """The file of the probe to use; None where classes are given. Raises UsageError."""
        from search.classification.probe_file import place_of

        if probe is not None and classes is not None:
            raise UsageError("A `probe` has its own classes, and `classes` are names without examples; give one.")
        if classes is not None:
            return None
        if probe is None:
            names = self.probes()
            if len(names) != 1:
                has = f"The store has {', '.join(names[:10])}" if names else "The store has no probe"
                raise UsageError(f"{has}; say which classes there are, by a `probe` or by their names, `classes`.")
            return place_of(names[0], self.folder)
        if isinstance(probe, os.PathLike):
            return Path(os.path.abspath(probe))
        self._fetch_probes()
        return place_of(probe, self.folder)

    @contextmanager
    def _working(self, trained: EncoderId | None, *, own: bool) -> Iterator[Work]:
        """The encoder: what was asked for, else the store's, else that of the probe (`trained`), else the bundled one.
        `own`: the work belongs to the store, whose encoder it has to be. Raises StoreMissingError, EncoderError,
        StoreError."""
        from search.classification.roads import Work

        if not own and not Store.is_there(self.folder):
            encoder = self._models.encoder_for_files(trained)
            yield Work(encoder, None, self._models.notes(encoder))
            return
        with self._reading() as opened:
            with opened.store.catalog.snapshot() as snapshot:
                active = Encoders(snapshot).active()
            stored = trained if active is None else active[1]
            encoder = self._models.encoder(stored) if own else self._models.encoder_for_files(stored)
            if own and active is not None:
                check_encoder(self.folder, active[1], encoder.identity)
            usable = active is not None and encoder.identity.matches(active[1])
            catalog = (opened.store.catalog, active[0]) if active is not None and usable else None
            yield Work(encoder, catalog, self._models.notes(encoder))
