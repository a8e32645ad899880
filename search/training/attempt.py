"""One method tried on an encoder: trained from its last checkpoint, then measured on held-out pairs beside the base."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.atomic import write_atomically
from indexer.encoders.base import Encoder
from indexer.encoders.batches import encode_images, encode_texts
from indexer.encoders.mapped_encoder import METHOD as HEADS
from indexer.errors import StoreUnwritableError
from indexer.images.preprocess import to_pixels
from indexer.private import make_folder
from indexer.progress import Progress
from indexer.training.checkpoints import Checkpoints
from indexer.training.fitting import Fitted, fit
from indexer.training.heads_trainable import HeadsTrainable
from indexer.training.inputs import Inputs, PhotographInputs, VectorInputs, photograph
from indexer.training.measuring import measured, vectors_of
from indexer.training.retrieval import Retrieval, retrieval
from indexer.training.settings import AdaptationSettings
from indexer.training.trainable import Trainable, WritesGraphs
from indexer.training.trainables import load_trainable, settings_of
from indexer.training.training_pairs import CHOOSE, JUDGE, TRAIN, HeldOut, TrainingPairs
from indexer.types import Float32
from search.training.gains import gains_of
from search.training.report import Attacked, Tried

#: The form of the state that an unfinished training leaves; another one is not gone on from.
_STATE: Final = 1
_VECTORS: Final = "vectors.npz"
#: Images under attack, each some passes with gradients.
_ATTACKED: Final = 200
#: Photographs, and a caption of each, that written graphs are compared on with what was trained.
_PROBES: Final = 8


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of a method. `kept`: its delta as it is kept on disk, or the folder with its graphs; `choosing`: on the
    held-out images that choose, where `base` is what they were before."""

    tried: Tried
    kept: dict[str, Float32] | Path
    choosing: Retrieval
    base: Retrieval
    notes: tuple[str, ...]


def attempt(
    method: str,
    encoder: Encoder,
    pairs: TrainingPairs,
    settings: AdaptationSettings,
    work: Path,
    device: str | None,
    progress: Progress,
    budget: float,
    label: str,
) -> Attempt:
    """Train `encoder` by `method`. Its checkpoints lie in a folder of its own in `work`. `label`: what the progress
    calls it.

    Raises what `fit` raises, UsageError where the method does not fit the encoder, EncoderUnavailableError.
    """
    settings = settings_of(encoder.identity, method, settings)
    recipe = [_STATE, method, asdict(settings), encoder.identity.weights, pairs.digest()]
    fingerprint = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
    checkpoints = Checkpoints(work / method, fingerprint)
    checkpoints.load()  # what belongs to another run is said before anything is computed
    with _ready(method, encoder, pairs, settings, work, device, progress, label) as (trainable, inputs):
        judging, choosing = pairs.held_out(JUDGE), pairs.held_out(CHOOSE)
        progress.phase(f"{label}, measuring; the base on {len(judging.images):,} held-out images")
        base, before = measured(trainable, inputs, choosing), measured(trainable, inputs, judging)
        first = _under_attack(trainable, inputs, judging, settings)
        trainable.begin(method, settings.of_method(method), settings.seed)
        fitted = fit(trainable, inputs, pairs, method, settings, checkpoints, progress, budget, label)
        _take(trainable, fitted)
        progress.phase(f"{label}, judging; on {len(judging.images):,} held-out images")
        after = measured(trainable, inputs, judging)
        last = _under_attack(trainable, inputs, judging, settings)
        attack = None
        if settings.adversarial is not None and first is not None and last is not None:
            count = min(_ATTACKED, len(judging.images))
            attack = Attacked(settings.adversarial, settings.epsilon, count, first, last)
        tried = Tried(
            method, gains_of(before, after, settings.seed), tuple(fitted.log), fitted.best, fitted.ended, attack
        )
        chosen = measured(trainable, inputs, choosing)
        kept = _kept(trainable, inputs, pairs, tried, fitted, work / f"{method}.graphs")
        return Attempt(tried, kept, chosen, base, fitted.notes)


@contextmanager
def _ready(
    method: str,
    encoder: Encoder,
    pairs: TrainingPairs,
    settings: AdaptationSettings,
    work: Path,
    device: str | None,
    progress: Progress,
    label: str,
) -> Iterator[tuple[Trainable, Inputs]]:
    if method == HEADS:
        yield HeadsTrainable(encoder.identity), VectorInputs(*_vectors(encoder, pairs, work, progress))
        return
    progress.phase(f"{label}, loading; {encoder.identity.name}")
    trainable = load_trainable(encoder.identity, device)
    inputs = PhotographInputs(pairs, encoder.identity.preprocessing, trainable.rows, augment=settings.augment)
    try:
        yield trainable, inputs
    finally:
        inputs.close()


def _kept(
    trainable: Trainable, inputs: Inputs, pairs: TrainingPairs, tried: Tried, fitted: Fitted, folder: Path
) -> dict[str, Float32] | Path:
    """What was trained, as it is kept: graphs are written into `folder`."""
    if not isinstance(trainable, WritesGraphs):
        return trainable.delta(fitted.tensors)
    images = pairs.of_use(TRAIN)[:_PROBES]
    captions = pairs.captions()
    texts = [pairs.texts[captions[image][0]] for image in images.tolist()]
    try:
        trainable.write(folder, inputs.images(images), texts, {"method": tried.method, "best pass": fitted.best})
    except OSError as error:
        raise StoreUnwritableError(
            f"The trained graphs cannot be written in {folder} ({error.strerror or error}); free some space, then run "
            "the same command again: it goes on from its last checkpoint."
        ) from error
    return folder


def _take(trainable: Trainable, fitted: Fitted) -> None:
    """Put the best pass into the model."""
    import torch

    with torch.no_grad():
        for name, parameter in trainable.trained().items():
            parameter.copy_(fitted.tensors[name])


def _under_attack(trainable: Trainable, inputs: Inputs, judging: HeldOut, settings: AdaptationSettings) -> float | None:
    """R@1 of attacked images that ask for texts; None where no attack was asked for."""
    if settings.adversarial is None:
        return None
    import torch

    torch.manual_seed(settings.seed)
    some = judging.first(_ATTACKED)
    attack = (settings.adversarial, settings.epsilon, some)
    return retrieval(*vectors_of(trainable, inputs, some.images, some.texts, attack), some).to_texts.recalls[0]


def _vectors(encoder: Encoder, pairs: TrainingPairs, work: Path, progress: Progress) -> tuple[Float32, Float32]:
    """(n, d) and (t, d) float32 of all images and texts, by the encoder as it is; kept in `work`."""
    key = hashlib.sha256(f"{encoder.identity.to_json()} {pairs.digest()}".encode()).hexdigest()
    with suppress(Exception), np.load(work / _VECTORS, allow_pickle=False) as held:  # a damaged one is made again
        if str(held["key"]) == key:
            return held["images"], held["texts"]
    wanted = encoder.identity.preprocessing
    progress.phase(f"Encoding {len(pairs.images):,} images")
    progress.total(len(pairs.images))
    parts: list[Any] = [np.empty((0, encoder.identity.dimension), np.float32)]
    size = encoder.batch_size
    for start in range(0, len(pairs.images), size):
        paths = pairs.images[start : start + size]
        pixels = [to_pixels(photograph(path, (wanted.width, wanted.height)), wanted) for path in paths]
        parts.append(encode_images(encoder, pixels).vectors)
        progress.advance(len(paths))
    images = np.concatenate(parts)
    progress.phase(f"Encoding {len(pairs.texts):,} texts")
    texts = encode_texts(encoder, pairs.texts).vectors
    stream = io.BytesIO()
    np.savez(stream, key=np.array(key), images=images, texts=texts)
    try:
        make_folder(work)
        write_atomically(work / _VECTORS, stream.getvalue())
    except OSError as error:
        raise StoreUnwritableError(
            f"The vectors of the training cannot be written in {work} ({error.strerror or error}); free some space, "
            "then run the same command again."
        ) from error
    return images, texts
