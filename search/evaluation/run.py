"""From a source of pairs to an `Evaluation`: read, join with the store, rank, rerank, estimate, probe."""

from __future__ import annotations

import os
from dataclasses import replace

from indexer.catalog.encoders import Encoders
from indexer.catalog.transaction import Transaction
from indexer.encoders.base import Encoder
from indexer.metrics import InnerProducts
from indexer.progress import Progress
from indexer.store import Store
from indexer.types import Float32
from search.calibration.calibration_file import Calibration, reranker_key
from search.engine.clock import Clock
from search.engine.engine import Engine
from search.engine.index_cache import IndexCache
from search.evaluation.calibration_check import Way, judge_stage, ways
from search.evaluation.probe import probe
from search.evaluation.results import Evaluation, RerankingUsed, StageResult
from search.evaluation.second_stage import RerankedScores, Side, reranked, sides
from search.evaluation.settings import EvaluationSettings
from search.evaluation.stages import compare, evaluate_stage
from search.ground_truth.ground_truth import Gold, resolve, text_vectors
from search.ground_truth.pairs import read_captions, read_labels
from search.rerank.base import Reranker
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
    pairs = read_labels(source) if settings.labels else read_captions(source, settings.split)
    folder = os.path.abspath(os.path.expanduser(source))
    reranker = reranker if settings.rerank else None
    with store.catalog.snapshot() as snapshot:
        row, identity = Encoders(snapshot).required()
        gold = resolve(pairs, snapshot, row, identity.dimension, folder if settings.labels else os.path.dirname(folder))
        clock.lap("read")
        found = Evaluation(
            source,
            gold.kind,
            settings.split,
            identity.name,
            len(gold.images),
            len(gold.texts),
            len(gold.pair_texts),
            settings.bootstrap,
            settings.seed,
            notes=gold.notes,
            seconds=clock.seconds,
        )
        if not gold.images:
            return found
        progress.phase(f"Encoding {len(gold.texts):,} texts")
        texts = text_vectors(gold.texts, encoder, snapshot, row)  # (t, d) float32, unit norm
        second, said = _second(gold, texts, encoder, snapshot, row, reranker)
        clock.lap("encode")
    calibration = calibration or Calibration(identity.weights)
    progress.phase(f"Ranking {len(gold.images):,} images and {len(gold.texts):,} texts")
    both = ways(gold, texts)
    to_images, to_texts = InnerProducts(texts, gold.vectors), InnerProducts(gold.vectors, texts)
    stage = evaluate_stage(FIRST_STAGE, gold, to_images, to_texts, settings)
    stages = [replace(stage, judgements=judge_stage(both, (to_images, to_texts), calibration, None))]
    clock.lap("rank")
    if second is not None and reranker is not None:
        progress.phase(f"Reranking the first {settings.rerank:,} candidates of each query")
        scorers = reranked(gold, *second, texts, reranker, settings.rerank, progress)
        stages.append(_rerank(gold, both, scorers, reranker, calibration, settings))
        used = RerankingUsed(reranker.name, settings.rerank)
        found = replace(found, reranking=used, comparisons=compare(gold, stages[0], stages[1], settings))
        clock.lap("rerank")
    progress.phase("Timing queries, and comparing the index with exact search")
    index, latency = probe(
        gold.texts,
        engine,
        IndexCache(store),
        encoder,
        seed=settings.seed,
        reranker=None if second is None else reranker,
        reranking=Reranking(settings.rerank),
    )
    clock.lap("probe")
    notes = (*gold.notes, *_remarks(gold, encoder), *said)
    return replace(found, stages=tuple(stages), index=index, latency=latency, notes=notes, seconds=clock.seconds)


def _second(
    gold: Gold, texts: Float32, encoder: Encoder, snapshot: Transaction, row: int, reranker: Reranker | None
) -> tuple[tuple[Side, Side] | None, list[str]]:
    """Images and texts as the second stage sees them; None, and why, when it has nothing to work with."""
    if reranker is None:
        return None, []
    images, words = sides(gold, texts, encoder, snapshot, row, with_tokens=reranker.needs_tokens)
    missing = len(images.tokens) - images.known
    if not reranker.needs_tokens or not missing:
        return (images, words), []
    if not images.known:
        return None, ["This index has no region tokens, so there is no second stage; `search index` adds them."]
    return (images, words), [
        f"{missing:,} of {len(images.tokens):,} images have no region tokens and keep their first-stage order; "
        "`search index` adds them."
    ]


def _rerank(
    gold: Gold,
    both: tuple[Way, Way],
    scorers: tuple[RerankedScores, RerankedScores],
    reranker: Reranker,
    calibration: Calibration,
    settings: EvaluationSettings,
) -> StageResult:
    stage = evaluate_stage(SECOND_STAGE, gold, *scorers, settings)
    return replace(stage, judgements=judge_stage(both, scorers, calibration, reranker_key(reranker)))


def _remarks(gold: Gold, encoder: Encoder) -> list[str]:
    notes = []
    longer = sum(encoder.count_tokens(text) > encoder.max_text_tokens for text in gold.texts)
    if longer:
        notes.append(
            f"{longer:,} texts are longer than the encoder reads; only their first {encoder.max_text_tokens} word "
            "pieces count."
        )
    if gold.kind == "captions":
        shared = int((gold.images_of_texts().offsets[1:] - gold.images_of_texts().offsets[:-1] > 1).sum())
        if shared:
            notes.append(f"{shared:,} texts are given to several images; each of those images is right for them.")
    return notes
