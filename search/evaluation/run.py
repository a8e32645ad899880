"""From a source of pairs to an `Evaluation`: read, join with the store, rank, estimate, probe."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace

import numpy as np

from indexer.encoders.base import Encoder
from indexer.errors import StoreMissingError, UsageError
from indexer.progress import Progress
from indexer.ranking import (
    InnerProducts,
    Ranks,
    Relevance,
    Scorer,
    average_precisions,
    chance,
    hits,
    ndcg,
    rank_all,
    reciprocal_ranks,
)
from indexer.store import Store
from indexer.types import Float32, Int64
from search.engine import Engine
from search.evaluation.bootstrap import ClusterBootstrap
from search.evaluation.gold import Gold, resolve, text_vectors
from search.evaluation.pairs import read_captions, read_labels
from search.evaluation.probe import probe
from search.evaluation.results import (
    CurvePoint,
    Direction,
    DirectionResult,
    Estimate,
    Evaluation,
    Miss,
    Shown,
    StageResult,
)
from search.indexes import IndexCache

FIRST_STAGE = "first stage"

#: Failures that are shown: a page of pictures.
MISSES = 12
FOUND_INSTEAD = 3

MAX_CUTOFF = 1_000
MAX_CUTOFFS = 20
MAX_SAMPLES = 100_000
#: The curve of R@k ends here at the latest; nobody looks at hits beyond.
CURVE_END = 100


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What to evaluate, and how. Raises UsageError on values out of range.

    `labels`: the source is a folder, its subfolders' names are the texts. `split`: only rows of this split.
    `cutoffs`: the k of R@k. `bootstrap`: resamples behind an interval, 0 for none; 1,000 settle its ends to about a
    tenth of its width. `seed`: of resamples and of the sample of queries that are timed.
    """

    labels: bool = False
    split: str | None = None
    cutoffs: tuple[int, ...] = (1, 5, 10)
    bootstrap: int = 1_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.labels and self.split is not None:
            raise UsageError("--labels and --split exclude each other: folders have no splits.")
        if not self.cutoffs or len(self.cutoffs) > MAX_CUTOFFS or not all(1 <= k <= MAX_CUTOFF for k in self.cutoffs):
            raise UsageError(f"-k takes up to {MAX_CUTOFFS} numbers from 1 to {MAX_CUTOFF:,}, such as 1,5,10.")
        if not 0 <= self.bootstrap <= MAX_SAMPLES:
            raise UsageError(f"--bootstrap takes 0 to {MAX_SAMPLES:,} samples, not {self.bootstrap}.")
        if self.seed < 0:
            raise UsageError(f"--seed takes a whole number from 0 on, not {self.seed}.")


def evaluate(
    source: str, store: Store, encoder: Encoder, engine: Engine, settings: EvaluationSettings, progress: Progress
) -> Evaluation:
    """Measure the store on the pairs of `source`. See `search.library.Library.evaluate` for what is raised."""
    started = time.perf_counter()
    progress.phase(f"Reading {source}")
    pairs = read_labels(source) if settings.labels else read_captions(source, settings.split)
    folder = os.path.abspath(os.path.expanduser(source))
    with store.catalog.snapshot() as snapshot:
        active = snapshot.active_encoder()
        if active is None:
            raise StoreMissingError("This index is empty; fill it with `search index FOLDER`.")
        row, identity = active
        gold = resolve(pairs, snapshot, row, identity.dimension, folder if settings.labels else os.path.dirname(folder))
        read = time.perf_counter()
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
            seconds={"read": read - started},
        )
        if not gold.images:
            return found
        progress.phase(f"Encoding {len(gold.texts):,} texts")
        texts = text_vectors(gold.texts, encoder, snapshot, row)  # (t, d) float32, unit norm
    encoded = time.perf_counter()
    progress.phase(f"Ranking {len(gold.images):,} images and {len(gold.texts):,} texts")
    to_images, to_texts = InnerProducts(texts, gold.vectors), InnerProducts(gold.vectors, texts)
    stage = evaluate_stage(FIRST_STAGE, gold, to_images, to_texts, settings)
    ranked = time.perf_counter()
    progress.phase("Timing queries, and comparing the index with exact search")
    index, latency = probe(gold.texts, engine, IndexCache(store), encoder, seed=settings.seed)
    seconds = {
        "read": read - started,
        "encode": encoded - read,
        "rank": ranked - encoded,
        "probe": time.perf_counter() - ranked,
    }
    notes = (*gold.notes, *_remarks(gold, encoder))
    return replace(found, stages=(stage,), index=index, latency=latency, notes=notes, seconds=seconds)


def evaluate_stage(
    name: str, gold: Gold, to_images: Scorer, to_texts: Scorer, settings: EvaluationSettings
) -> StageResult:
    """One stage in both directions. `to_images` scores each text against all photographs, `to_texts` the reverse.

    A reranker is evaluated by another call with scorers of its own, and its result stands beside the first stage's.
    """
    image_ranks = rank_all(to_images, gold.images_of_texts())
    text_ranks = rank_all(to_texts, gold.texts_of_images())
    if gold.kind == "captions":  # each caption is a query; those of one photograph belong together
        asked, clusters = gold.pair_texts, gold.pair_images
    else:  # each label is a query, on its own
        asked = clusters = np.arange(len(gold.texts))
    _, clusters = np.unique(clusters, return_inverse=True)
    photographs = np.arange(len(gold.images))
    with_map = gold.kind == "labels"
    directions = (
        _direction("text-to-image", image_ranks, asked, clusters, to_images.candidates, settings, with_map=with_map),
        _direction("image-to-text", text_ranks, photographs, photographs, to_texts.candidates, settings),
    )
    return StageResult(name, directions, _misses(gold, image_ranks, to_images))


def _direction(
    direction: Direction,
    ranks: Ranks,
    asked: Int64,
    clusters: Int64,
    candidates: int,
    settings: EvaluationSettings,
    *,
    with_map: bool = False,
) -> DirectionResult:
    """`asked` (q,) int64: which of the ranked queries each query is (a text may be asked for several photographs);
    `clusters` (q,) int64: which queries are drawn together."""
    named = {f"R@{k}": hits(ranks, k) for k in sorted(set(settings.cutoffs))}
    named |= {"MRR": reciprocal_ranks(ranks), "nDCG@10": ndcg(ranks, 10)}
    if with_map:
        named["mAP"] = average_precisions(ranks)
    curve = [k for k in curve_cutoffs(CURVE_END) if k <= candidates]
    columns = np.stack([*named.values(), *(hits(ranks, k) for k in curve)], axis=1)[asked]  # (q, metrics + curve)
    first = ranks.first[asked]  # (q,)
    means = columns.mean(axis=0)
    if settings.bootstrap:
        bootstrap = ClusterBootstrap(clusters, samples=settings.bootstrap, seed=settings.seed)
        estimates = [
            Estimate(float(m), float(e[0]), float(e[1])) for m, e in zip(means, bootstrap.means(columns), strict=True)
        ]
        low, high = bootstrap.median(first)
        middle = Estimate(float(np.median(first)), float(low), float(high))
    else:
        estimates = [Estimate(float(mean)) for mean in means]
        middle = Estimate(float(np.median(first)))
    metrics = dict(zip(named, estimates, strict=False))
    recalls = {name: metrics.pop(name) for name in named if name.startswith("R@")}
    points = tuple(
        CurvePoint(k, estimate, chance(ranks.sizes[asked], candidates, k))
        for k, estimate in zip(curve, estimates[len(named) :], strict=True)
    )
    return DirectionResult(
        direction, len(asked), candidates, recalls | {"median rank": middle} | metrics, points, first
    )


def curve_cutoffs(end: int) -> list[int]:
    """Every k up to 10, then about twelve for each factor of ten, up to `end`."""
    steps = np.unique(np.round(np.geomspace(1, end, 1 + round(12 * np.log10(end)))).astype(int)).tolist()
    return sorted({*range(1, min(10, end) + 1), *steps})


def _misses(gold: Gold, ranks: Ranks, scorer: Scorer) -> tuple[Miss, ...]:
    """The texts whose best photograph came latest, at most one for a photograph, and what came instead."""
    relevance: Relevance = gold.images_of_texts()
    first = ranks.first
    misses: list[Miss] = []
    seen: set[int] = set()
    for text in np.lexsort((np.arange(len(first)), -first)):
        if first[text] <= 1 or len(misses) >= MISSES:
            break
        scores: Float32 = scorer.scores(int(text), int(text) + 1)[0]  # (n,)
        right = relevance.of(int(text))
        wanted = int(right[np.argmax(scores[right])])
        if wanted in seen:
            continue
        seen.add(wanted)
        order = np.lexsort((np.arange(len(scores)), np.isin(np.arange(len(scores)), right), -scores))
        before = order[: min(FOUND_INSTEAD, int(first[text]) - 1)]  # all wrong: the best right one comes after them
        found = tuple(Shown(gold.images[i], float(scores[i])) for i in before)
        misses.append(
            Miss(gold.texts[text], Shown(gold.images[wanted], float(scores[wanted])), int(first[text]), found)
        )
    return tuple(misses)


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
