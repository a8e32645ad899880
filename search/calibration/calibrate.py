"""`search calibrate`: from pairs of indexed photographs and captions to the curves of `calibration.json`."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from indexer.arguments import check_fields, optional, text, whole
from indexer.catalog.encoders import Encoders
from indexer.encoders.base import Encoder
from indexer.errors import UsageError
from indexer.metrics import Scorer
from indexer.progress import Progress
from indexer.store import Store
from search.calibration.calibration_file import Calibration, Entry, reranker_key
from search.calibration.curve import ProbabilityCurve, describe
from search.calibration.curve_fitting import FOLDS, cross_fitted, fit_standardised
from search.calibration.examples import PARTS, SHOWN, collect, list_first
from search.calibration.reliability import Reliability, reliability
from search.ground_truth.directions import Direction, among_texts
from search.ground_truth.ground_truth import GroundTruth, read_ground_truth
from search.rerank.base import Reranker
from search.rerank.encoded_ground_truth import encode_ground_truth
from search.rerank.stage import DEFAULT_COUNT, MAX_COUNT

#: Fewer would not carry four coefficients and say how good they are: each of the five parts of cross-fitting should
#: hold ten photographs, and about twenty right hits are wanted for each coefficient (Peduzzi et al. 1996 ask for ten).
MIN_PHOTOGRAPHS: Final = 50
MIN_TEXTS: Final = 100
MIN_RIGHT: Final = 40


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
class Fitted:
    """One curve, and how far its probabilities are off on queries that it has not seen: over the first ten hits, and
    over the first hit alone."""

    entry: Entry
    hits: Reliability
    first: Reliability


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What a calibration found; `path` is where it was written."""

    path: str
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
                    "reranker": fit.entry.reranker,
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
) -> Calibrated:
    """Fit every direction, the two between kinds with the second stage too (when there is a reranker and tokens).

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
    notes = list(truth.notes)
    both = encoded.directions()
    progress.phase("Fitting probabilities")
    deep = SHOWN * max(PARTS)  # so that ten hits are left in the smallest part
    words = among_texts(both[0])
    fits = [_fit(one, one.first_stage, None, deep, settings) for one in both]
    if words is not None:
        with suppress(UsageError):  # too few photographs have several captions
            fits.append(_fit(words, words.first_stage, None, deep, settings))
    if reranker is not None and reranker.needs_tokens and not encoded.images_with_tokens:
        notes.append("This index has no region tokens, so only the first stage is fitted; `index()` adds them.")
    elif reranker is not None:
        scorers = encoded.rerank(both, reranker, settings.rerank, progress)
        key = reranker_key(reranker)
        fits += [
            _fit(direction, scorer, key, settings.rerank, settings)
            for direction, scorer in zip(both, scorers, strict=True)
        ]
    calibration = Calibration(identity.weights, tuple(fit.entry for fit in fits))
    return Calibrated("", calibration, tuple(fits), len(truth.images), len(truth.texts), tuple(notes))


def _fit(
    direction: Direction, scorer: Scorer, reranker: str | None, depth: int, settings: CalibrationSettings
) -> Fitted:
    """One direction of one stage, from the first `depth` candidates of each query."""
    listing = list_first(scorer, len(direction.queries), depth)
    examples = collect(
        listing, direction.queries, direction.candidates, direction.relevance, direction.groups, seed=settings.seed
    )
    right = int(examples.right.sum())
    if right < MIN_RIGHT:
        raise UsageError(
            f"Of the hits of these captions only {right:,} are right, and probabilities need {MIN_RIGHT} to be fitted "
            f"({direction.name}); give more pairs, or check with `evaluate()` that images and captions belong "
            "together."
        )
    typical = examples.typical
    features = describe(examples.scores, examples.backgrounds, typical)  # (m, 3)
    intercept, slopes = fit_standardised(features, examples.right)
    score, standard, items = (float(slope) for slope in slopes)
    unseen = cross_fitted(features, examples.right, direction.clusters[examples.queries], seed=settings.seed)  # (m,)
    first = examples.places == 0
    hits = reliability(unseen, examples.right)
    fitted_on = {
        "queries": len(direction.queries),
        "candidates": len(direction.candidates),
        "hits": len(examples),
        "right": right,
        "folds": FOLDS,
        "seed": settings.seed,
    }
    entry = Entry(
        direction.asks,
        direction.finds,
        reranker,
        ProbabilityCurve(intercept, (score, standard, items), typical),
        fitted_on,
        round(hits.ece, 6),
    )
    return Fitted(entry, hits, reliability(unseen[first], examples.right[first]))


def _check(truth: GroundTruth, source: str) -> None:
    if len(truth.images) >= MIN_PHOTOGRAPHS and len(truth.texts) >= MIN_TEXTS:
        return
    said = f" ({truth.notes[0]})" if truth.notes else ""
    raise UsageError(
        f"Probabilities need at least {MIN_PHOTOGRAPHS} indexed photographs with {MIN_TEXTS} different captions, and "
        f"{os.path.basename(source)} has {len(truth.images):,} with {len(truth.texts):,}; give more pairs{said}."
    )
