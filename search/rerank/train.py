"""Training a reranker for a store's encoder, from a table of captions to a folder: `search train reranker`."""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from indexer.encoders.base import Encoder, TokenShape
from indexer.errors import EncoderUnavailableError, UsageError
from indexer.paths import absolute
from indexer.progress import Progress, Silent
from indexer.store import Store
from indexer.training.checkpoints import Checkpoints
from indexer.training.work_folder import working
from search.rerank import reranker_files
from search.rerank.description import RerankerDescription
from search.rerank.fitting import Trained, train
from search.rerank.token_pairs import TokenPairs
from search.rerank.training_data import prepare, required_shape
from search.rerank.training_settings import TrainingSettings
from search.rerank.validation import Gains, Weights

#: The form of the state that an unfinished training leaves; another one is not gone on from.
_STATE: Final = 3


@dataclass(frozen=True, slots=True)
class TrainReport:
    """How a training ended. `kept_earlier`: an enabled reranker was there and this one does not help, so that one
    stayed."""

    folder: str
    enabled: bool
    weights: Weights
    gains: Gains
    images: int
    texts: int
    kept_earlier: bool
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "folder": self.folder,
            "enabled": self.enabled,
            "weights": {"text": self.weights.texts, "image": self.weights.images},
            "trained on": {"images": self.images, "texts": self.texts},
            "validation": self.gains.to_json(),
            "kept earlier": self.kept_earlier,
            "notes": list(self.notes),
        }


def train_reranker(
    table: str,
    store: Store,
    encoder: Encoder,
    *,
    images: str | None = None,
    out: Path | None = None,
    settings: TrainingSettings | None = None,
    restart: bool = False,
    device: str | None = None,
    progress: Progress | None = None,
) -> TrainReport:
    """Train a reranker for the store's encoder on a table of captions, and put it into `out` (the store's own place).

    It goes on from an unfinished run of the same training, unless `restart`. What does not beat the first stage on
    held-out images is written with `enabled` false, and never over one that is enabled. Raises PathNotFoundError,
    UsageError (among others for too few pairs), EncoderError, StoreError.
    """
    from indexer.encoders.devices import choose_devices

    progress, settings = progress or Silent(), settings or TrainingSettings()
    shape = required_shape(encoder)
    settings = replace(settings, network=replace(settings.network, width=shape.width))
    where = choose_devices(device)[0]
    out = store.folder / reranker_files.FOLDER if out is None else Path(absolute(out))
    if reranker_files.is_foreign(out):
        raise UsageError(f"{out} holds something else than a reranker; name an empty or a new folder with `out`.")
    work = out.with_name(out.name + ".work")
    with working(work):
        if restart:
            Checkpoints(work, "").clear()
        pairs = prepare(table, images, store, encoder, work, progress, clozes=settings.masked > 0)
        recipe = [_STATE, asdict(settings), encoder.identity.to_json(), asdict(shape), pairs.digest()]
        checkpoints = Checkpoints(work, hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest())
        trained = train(pairs, settings, where, checkpoints, progress)
        report = _finish(out, encoder, shape, settings, pairs, trained)
        shutil.rmtree(work, ignore_errors=True)
    return report


def _finish(
    out: Path,
    encoder: Encoder,
    shape: TokenShape,
    settings: TrainingSettings,
    pairs: TokenPairs,
    trained: Trained,
) -> TrainReport:
    """Write the files, unless that would put what does not help in the place of what does."""
    images = int((~pairs.validation).sum())
    description = RerankerDescription(
        encoder.identity.name,
        encoder.identity.weights,
        shape,
        asdict(settings.network),
        trained.weights.texts,
        trained.weights.images,
        trained.trust,
        {
            "images": images,
            "texts": len(trained.texts),
            "validation": trained.gains.to_json(),
            "settings": {name: value for name, value in asdict(settings).items() if name != "network"},
            "log": trained.log,
        },
        trained.gains.helps,
    )
    kept_earlier = not description.enabled and _is_enabled(out, description)
    if not kept_earlier:
        reranker_files.save(out, description, trained.arrays)
    return TrainReport(
        str(out),
        description.enabled,
        trained.weights,
        trained.gains,
        images,
        len(trained.texts),
        kept_earlier,
        (*pairs.notes, *trained.notes),
    )


def _is_enabled(folder: Path, other: RerankerDescription) -> bool:
    """Whether an enabled reranker for the same tokens is there."""
    with suppress(EncoderUnavailableError):
        there = reranker_files.describe(folder)
        return there.enabled and (there.weights, there.tokens) == (other.weights, other.tokens)
    return False
