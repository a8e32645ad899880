"""Calls that measure a store on pairs of images and texts, and that learn from them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer import arguments
from indexer.arguments import checked, flag, instance, optional, whole
from indexer.distribution import how_to_get
from indexer.errors import EncoderUnavailableError
from indexer.paths import require_working_folder
from indexer.progress import Progress, Silent
from search.arguments import progress_given, reranker_or_name
from search.calibration.calibration_file import NAME as CALIBRATION_NAME
from search.calibration.calibration_file import own_entries
from search.calibration.calibration_file import remove as remove_calibration
from search.calibration.calibration_file import write as write_calibration
from search.calls.opened import Opened
from search.rerank.base import Reranker

if TYPE_CHECKING:
    from search.calibration.calibrate import Calibrated, CalibrationSettings
    from search.evaluation.results import Evaluation
    from search.evaluation.settings import EvaluationSettings
    from search.rerank.train import TrainReport


class Measuring(Opened):
    """See `search.Library`."""

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
        with self._reading() as opened:
            session = self._session(opened, reranker, with_reranker=bool(settings.rerank))
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
        `query`: both stages are fitted. Only curves that are shown to be better than those in place are written, and
        nothing where none is; `reset_calibration` goes back to those that ship.

        Raises PathNotFoundError, UsageError for a source that is no table or has too few pairs, StoreMissingError,
        EncoderError, StoreError.
        """
        from search.calibration.calibrate import CalibrationSettings, calibrate

        settings = settings or CalibrationSettings()
        with self._reading() as opened:
            session = self._session(opened, reranker, with_reranker=bool(settings.rerank))
            found = calibrate(
                os.fspath(source),
                session.store,
                session.encoder,
                settings,
                progress or Silent(),
                session.reranker,
                in_place=self._models.calibration(session.encoder),
                own=own_entries(self.folder, session.encoder.identity),
            )
        found = replace(found, notes=(*session.notes, *found.notes))
        if not any(fit.better for fit in found.fits):
            return found
        path = self.folder / CALIBRATION_NAME if out is None else Path(out)
        write_calibration(path, found.calibration)
        return replace(found, path=str(path))

    def reset_calibration(self) -> bool:
        """Forget the probabilities that were fitted for this store, and go back to those that ship with its encoder, or
        to estimates where none do. Whether there were any.

        Raises StoreMissingError, StoreError.
        """
        with self._reading():
            return remove_calibration(self.folder / CALIBRATION_NAME)

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

        with self._reading() as opened:
            session = self._session(opened, with_reranker=False)
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
