"""`search calibrate`: from pairs of indexed photographs and captions to the curves of `calibration.json`.

The pairs are a part of the store, often a small one. What they say is true of it all only where nothing is learned from
how they were chosen: backgrounds are the store's, short queries are asked because one photograph is that, and the
curves are held near those that are known (`held`), with the slope on the number of items from these. A curve that is
not shown to be better than the one in place is not taken.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

from indexer.arguments import check_fields, optional, text, whole
from indexer.catalog.encoders import Encoders
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import Encoder
from indexer.errors import UsageError
from indexer.progress import Progress
from indexer.store import Store
from search.calibration.background import SAMPLE_SIZE
from search.calibration.calibration_file import Calibration, Entry, shipped_calibration
from search.calibration.curve import STANDING
from search.calibration.evidence import MIN_SHORT_QUERIES, Key, as_asked, evidence_of_pairs, short_truth
from search.calibration.fit import Fitted, Known, fit
from search.ground_truth.ground_truth import GroundTruth, read_ground_truth
from search.rerank.base import Reranker
from search.rerank.encoded_ground_truth import encode_ground_truth
from search.rerank.stage import DEFAULT_COUNT, MAX_COUNT

#: Fewer would not carry four coefficients and say how good they are: each of the five parts of cross-fitting should
#: hold ten photographs.
MIN_PHOTOGRAPHS: Final = 50
MIN_TEXTS: Final = 100

#: How strongly curves are held near those that ship with the encoder (`Prior`): as near those as 3,000 does where they
#: are right, and sooner away from them where they are wrong (50 to 250 pairs of 1,500 photographs: docs/decisions.md).
NEAR_SHIPPED: Final = 1_000.0
#: The same of what standing out means in general, where nothing ships.
NEAR_STANDING: Final = 10.0


@dataclass(frozen=True, slots=True)
class CalibrationSettings:
    """`split`: only rows with this split. `images`: the folder that names of images in the table are relative to, by
    default its own. `rerank`: candidates of the second stage, 0 for none; `seed`: of the parts of
    cross-fitting and of the collections' cuts. Raises UsageError on values out of range."""

    split: str | None = None
    rerank: int = DEFAULT_COUNT
    seed: int = 0
    images: str | None = None

    def __post_init__(self) -> None:
        check_fields(self, split=optional(text), rerank=whole(0, MAX_COUNT), seed=whole(0))


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What a calibration found; `path` is where it was written, None where nothing was: no curve of `fits` was shown to
    be better than what is in place. `calibration`: those that were, and what the store had of its own of the rest."""

    path: str | None
    calibration: Calibration
    fits: tuple[Fitted, ...]
    images: int
    texts: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object of `search calibrate --json`."""
        return {
            "path": self.path,
            "encoder": self.calibration.encoder,
            "images": self.images,
            "texts": self.texts,
            "models": [
                {
                    "asks": fit.entry.asks,
                    "finds": fit.entry.finds,
                    **({} if fit.entry.form is None else {"form": fit.entry.form}),
                    "reranker": fit.entry.reranker,
                    "better": fit.better,
                    "hits": fit.hits.to_json(),
                    "first": fit.first.to_json(),
                }
                for fit in self.fits
            ],
            "notes": list(self.notes),
        }


def calibrate(
    source: str,
    store: Store,
    encoder: Encoder,
    settings: CalibrationSettings,
    progress: Progress,
    reranker: Reranker | None = None,
    *,
    in_place: Calibration,
    own: tuple[Entry, ...] = (),
) -> Calibrated:
    """Fit every direction, the two between kinds with the second stage too (when there is a reranker and tokens).
    `in_place`: what gives probabilities now, `own`: what of it is the store's own.

    Raises UsageError for pairs that are no table or too few, and what reading the store raises.
    """
    progress.phase(f"Reading {source}")
    reranker = reranker if settings.rerank else None
    with store.catalog.snapshot() as snapshot:
        row, identity = Encoders(snapshot).required()
        truth = read_ground_truth(
            source, snapshot, row, identity.dimension, split=settings.split, images=settings.images
        )
        _check(truth, source)
        encoded = encode_ground_truth(truth, encoder, snapshot, row, reranker, progress)
        items, photographs = Vectors(snapshot).sample("image", row, identity.dimension, SAMPLE_SIZE)
        short = short_truth(truth, settings.seed, photographs=items)
        shortly = None
        if short is not None:
            shortly = encode_ground_truth(short.truth, encoder, snapshot, row, None, progress)
            shortly = as_asked(shortly, encoder)
    notes = list(truth.notes)
    if short is None:
        notes.append(
            f"Fewer than {MIN_SHORT_QUERIES} short queries can be made of these captions, so only sentences are "
            "fitted; give more pairs for probabilities of short queries."
        )
    if reranker is not None and reranker.needs_tokens and not encoded.images_with_tokens:
        notes.append("This index has no region tokens, so only the first stage is fitted; `index()` adds them.")
    evidence = evidence_of_pairs(
        encoded, short, shortly, reranker, settings.rerank, settings.seed, progress, photographs
    )
    progress.phase("Fitting probabilities")
    ships = shipped_calibration(identity)
    fits = []
    for one in evidence:
        try:
            fits.append(fit([one], settings.seed, held(one.key, ships, in_place)))
        except UsageError:
            if one.key.finds == one.key.asks or one.key.form == "short":  # too few: the rest is worth having
                continue
            raise
    better = tuple(fit.entry for fit in fits if fit.better)
    replaced = {_key_of(entry) for entry in better}
    calibration = Calibration(identity.weights, (*better, *(one for one in own if _key_of(one) not in replaced)))
    if not better:
        notes.append("No curve is shown to be better than the one in place; they are kept. Give more pairs.")
    return Calibrated(None, calibration, tuple(fits), len(truth.images), len(truth.texts), tuple(notes))


def held(key: Key, ships: Calibration, in_place: Calibration) -> Known:
    """What is there before a curve for `key` is fitted."""
    near = ships.curve(key.asks, key.finds, key.reranker, key.form)
    now = in_place.curve(key.asks, key.finds, key.reranker, key.form)
    similarities = key.reranker is not None and not now.fitted
    if similarities:
        now = in_place.curve(key.asks, key.finds, None, key.form)
    return Known(
        near if near.fitted else STANDING,
        NEAR_SHIPPED if near.fitted else NEAR_STANDING,
        now if now.fitted else STANDING,
        similarities,
    )


def _key_of(entry: Entry) -> Key:
    return Key(entry.asks, entry.finds, entry.form, entry.reranker)


def _check(truth: GroundTruth, source: str) -> None:
    if len(truth.images) >= MIN_PHOTOGRAPHS and len(truth.texts) >= MIN_TEXTS:
        return
    said = f" ({truth.notes[0]})" if truth.notes else ""
    raise UsageError(
        f"Probabilities need at least {MIN_PHOTOGRAPHS} indexed photographs with {MIN_TEXTS} different captions, and "
        f"{os.path.basename(source)} has {len(truth.images):,} with {len(truth.texts):,}; give more pairs{said}."
    )
