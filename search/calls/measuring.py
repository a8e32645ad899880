"""Calls that measure a store on pairs of images and texts, and fit its probabilities to them."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer import arguments
from indexer.arguments import checked, instance, optional
from indexer.paths import new_place
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
        path = self.folder / CALIBRATION_NAME if out is None else Path(new_place(out))
        with self._reading() as opened:
            if out is None:
                opened.store.check_fittable()
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
            with opened.store.fitting() if out is None else nullcontext():
                write_calibration(path, found.calibration)
            return replace(found, path=str(path))

    def reset_calibration(self) -> bool:
        """Forget the probabilities that were fitted for this store, and go back to those that ship with its encoder, or
        to estimates where none do. Whether there were any.

        Raises StoreMissingError, StoreError.
        """
        with self._following() as opened, opened.store.fitting():
            return remove_calibration(self.folder / CALIBRATION_NAME)
