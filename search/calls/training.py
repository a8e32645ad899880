"""Calls that train parts of the search on pairs of images and texts: a reranker, the encoder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer import arguments
from indexer.arguments import checked, flag, instance, number, optional, whole
from indexer.distribution import how_to_get
from indexer.errors import EncoderUnavailableError
from indexer.paths import new_place, require_working_folder
from indexer.progress import Progress
from search.arguments import progress_given
from search.calls.opened import Opened

if TYPE_CHECKING:
    from indexer.training.settings import AdaptationSettings
    from search.rerank.train import TrainReport
    from search.training.report import EncoderReport


@contextmanager
def _torch_needed() -> Iterator[None]:
    """Around the imports of a training. Raises EncoderUnavailableError, with the way to come by what is missing."""
    require_working_folder("torch")
    try:
        yield
    except ImportError as error:
        if not isinstance(error, ModuleNotFoundError):  # it is there: memory is short, or it does not fit this machine
            raise EncoderUnavailableError(
                f"Training needs torch, which is installed and cannot be loaded ({error}); give this process more "
                "memory (`ulimit -v` bounds it), or install torch anew."
            ) from error
        raise EncoderUnavailableError(
            f"Training needs torch, which cannot be imported ({error}); {how_to_get('torch')}."
        ) from error


class Training(Opened):
    """See `search.Library`."""

    @checked(
        table=arguments.path,
        images=optional(arguments.path),
        out=optional(arguments.path),
        epochs=whole(1),
        matching=number(0, 100),
        masked=number(0, 100),
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
        matching: float = 0.0,
        masked: float = 0.0,
        seed: int = 0,
        restart: bool = False,
        progress: Progress | None = None,
    ) -> TrainReport:
        """Train a second stage for this store's encoder on a table of captions of photographs that are indexed.

        `images`: the folder that names in the table are relative to, by default the table's own. `out`: where the
        reranker is put, by default into the store, where searches find it. `epochs`: passes over the images in each of
        two steps, at most. `matching`, `masked`: weights of auxiliary losses of the second, image-text matching and
        masked language modelling, 0 for none. It goes on from an interrupted run, unless `restart`. Needs torch, and
        runs on the device that the library was opened with.

        Raises PathNotFoundError, UsageError (too few pairs, too few of them indexed), StoreMissingError,
        StoreBusyError, EncoderError, StoreError.
        """
        with _torch_needed():
            from search.rerank.train import train_reranker
            from search.rerank.training_settings import TrainingSettings

        place = None if out is None else Path(new_place(out))
        with self._reading() as opened:
            if place is None:
                opened.store.check_fittable()
            session = self._session(opened, with_reranker=False)
            report = train_reranker(
                os.fspath(table),
                session.store,
                session.encoder,
                images=None if images is None else os.fspath(images),
                out=place,
                settings=TrainingSettings(epochs=epochs, matching=matching, masked=masked, seed=seed),
                restart=restart,
                device=self._device,
                progress=progress,
            )
            if place is None:
                opened.store.publish()
        self._models.forget_rerankers()
        return report

    @checked(
        table=arguments.path,
        images=optional(arguments.path),
        out=optional(arguments.path),
        method=arguments.text,
        settings=optional(instance("indexer.training.settings", "AdaptationSettings")),
        budget=optional(number(0, 1e9, open_below=True)),
        restart=flag,
        progress=optional(progress_given),
    )
    def train_encoder(
        self,
        table: str | os.PathLike[str],
        *,
        images: str | os.PathLike[str] | None = None,
        out: str | os.PathLike[str] | None = None,
        method: str = "auto",
        settings: AdaptationSettings | None = None,
        budget: float | None = None,
        restart: bool = False,
        progress: Progress | None = None,
    ) -> EncoderReport:
        """Adapt this store's encoder to a table of captions of photographs, which need not be indexed.

        `images`: the folder that names in the table are relative to, by default the table's own. `out`: where the
        adapted encoder is put, by default into the store. `method`: "full", "lora", "adapters", "bitfit", "prompt",
        "heads", or "auto", the cheapest that wins on held-out pairs. `settings`: passes, batch, rate and what each
        method takes. `budget`: minutes after which no further pass begins. It goes on from an interrupted run, unless
        `restart`. Needs torch, and runs on the device that the library was opened with.

        The store stays as it is: `index(reencode=True)` of a library that was opened with the result's `encoder`
        encodes it anew. Raises PathNotFoundError, UsageError (too few pairs, a method that the encoder does not have),
        StoreMissingError, StoreBusyError, EncoderError, StoreError.
        """
        with _torch_needed():
            from search.training.train_encoder import train_encoder
        from search.calls.left_behind import left_behind

        place = None if out is None else Path(new_place(out))
        with self._reading() as opened:
            if place is None:
                opened.store.check_fittable()
            session = self._session(opened, with_reranker=False)
            report = train_encoder(
                os.fspath(table),
                session.store,
                session.encoder,
                images=None if images is None else os.fspath(images),
                out=place,
                method=method,
                settings=settings,
                budget=float("inf") if budget is None else 60.0 * budget,
                restart=restart,
                device=self._device,
                progress=progress,
            )
            if place is None:
                opened.store.publish()
            lost = left_behind(session.store.folder, session.encoder) if report.helps else ()
            return replace(report, notes=(*self._models.notes(session.encoder), *report.notes, *lost))
