"""From a source of pairs to an `Evaluation`: read, join with the store, rank, rerank, estimate, probe.

By meaning alone: the captions of a source are often those that the store keeps, and would be found by their own words.
"""

from __future__ import annotations

from dataclasses import replace

from indexer.catalog.encoders import Encoders
from indexer.counted import counted
from indexer.encoders.base import Encoder
from indexer.metrics import Scorer
from indexer.progress import Progress
from indexer.store import Store
from search.calibration.calibration_file import Calibration, reranker_key
from search.engine.clock import Clock
from search.engine.engine import Engine
from search.engine.index_cache import IndexCache
from search.evaluation.calibration_check import check_reliability
from search.evaluation.probe import probe
from search.evaluation.results import Evaluation, RerankingUsed, StageResult
from search.evaluation.settings import EvaluationSettings
from search.evaluation.stages import compare, evaluate_stage
from search.ground_truth.directions import Directions
from search.ground_truth.ground_truth import GroundTruth, read_ground_truth
from search.rerank.base import Reranker
from search.rerank.encoded_ground_truth import EncodedGroundTruth, encode_ground_truth
from search.rerank.stage import Reranking

FIRST_STAGE = "first stage"
SECOND_STAGE = "reranked"


def evaluate(
    source: str,
    store: Store,
    encoder: Encoder,
    engine: Engine,
    settings: EvaluationSettings,
    progress: Progress,
    *,
    reranker: Reranker | None = None,
    calibration: Calibration | None = None,
) -> Evaluation:
    """Measure the store on the pairs of `source`. See `search.library.Library.evaluate` for what is raised."""
    clock = Clock()
    progress.phase(f"Reading {source}")
    reranker = reranker if settings.rerank else None
    with store.catalog.snapshot() as snapshot:
        row, identity = Encoders(snapshot).required()
        truth = read_ground_truth(
            source,
            snapshot,
            row,
            identity.dimension,
            labels=settings.labels,
            split=settings.split,
            images=settings.images,
        )
        clock.lap("read")
        found = Evaluation(
            source,
            truth.kind,
            settings.split,
            identity.name,
            len(truth.images),
            len(truth.texts),
            len(truth.pair_texts),
            settings.bootstrap,
            settings.seed,
            notes=truth.notes,
            seconds=clock.seconds,
        )
        if not truth.images:
            return found
        encoded = encode_ground_truth(truth, encoder, snapshot, row, reranker, progress)
        clock.lap("encode")
    calibration = calibration or Calibration(identity.weights)
    reranker, said = _usable(reranker, encoded)
    progress.phase(f"Ranking {counted(len(truth.images), 'image')} and {counted(len(truth.texts), 'text')}")
    both = encoded.directions()
    firsts = (both[0].first_stage, both[1].first_stage)
    stages = [_stage(FIRST_STAGE, truth, both, firsts, settings, calibration)]
    clock.lap("rank")
    if reranker is not None:
        scorers = encoded.rerank(both, reranker, settings.rerank, progress)
        stages.append(_stage(SECOND_STAGE, truth, both, scorers, settings, calibration, reranker_key(reranker)))
        used = RerankingUsed(reranker.name, settings.rerank)
        found = replace(found, reranking=used, comparisons=compare(truth, stages[0], stages[1], settings))
        clock.lap("rerank")
    progress.phase("Timing queries, and comparing the index with exact search")
    index, latency = probe(
        truth.texts,
        engine,
        IndexCache(store),
        encoder,
        seed=settings.seed,
        reranker=reranker,
        reranking=Reranking(settings.rerank),
    )
    clock.lap("probe")
    notes = (*truth.notes, *_remarks(truth, encoder), *said)
    return replace(found, stages=tuple(stages), index=index, latency=latency, notes=notes, seconds=clock.seconds)


def _usable(reranker: Reranker | None, encoded: EncodedGroundTruth) -> tuple[Reranker | None, list[str]]:
    """The reranker, None when it has nothing to work with; and what is missing."""
    if reranker is None or not reranker.needs_tokens:
        return reranker, []
    count = len(encoded.truth.images)
    missing = count - encoded.images_with_tokens
    if missing == count:
        return None, ["This index has no region tokens, so there is no second stage; `index()` adds them."]
    if not missing:
        return reranker, []
    return reranker, [
        f"{missing:,} of {count:,} images have no region tokens and keep their first-stage order; `index()` adds them."
    ]


def _stage(
    name: str,
    truth: GroundTruth,
    both: Directions,
    scorers: tuple[Scorer, Scorer],
    settings: EvaluationSettings,
    calibration: Calibration,
    reranker: str | None = None,
) -> StageResult:
    stage = evaluate_stage(name, truth, scorers, settings)
    return replace(stage, reliability=check_reliability(truth, both, scorers, calibration, reranker))


def _remarks(truth: GroundTruth, encoder: Encoder) -> list[str]:
    notes = []
    longer = sum(encoder.count_tokens(text) > encoder.max_text_tokens for text in truth.texts)
    if longer:
        notes.append(
            f"{longer:,} texts are longer than the encoder reads; only their first {encoder.max_text_tokens} word "
            "pieces count."
        )
    if truth.kind == "captions":
        shared = int((truth.images_of_texts().offsets[1:] - truth.images_of_texts().offsets[:-1] > 1).sum())
        if shared:
            notes.append(f"{shared:,} texts are given to several images; each of those images is right for them.")
    return notes
