"""What a curve is fitted to: the hits of one kind of query, whether each is right, and what captions leave out.

A sentence is right for its photograph, and for those that near-paraphrases describe. A short query is right for all
photographs that their captions say to be that: two of five. One of five alone is true more often than not, and counts
so (`ONCE`). What no caption says may be true all the same; how often is known from looking at pictures (`missed`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from indexer.encoders.base import Encoder
from indexer.metrics import Relevance, Scorer
from indexer.progress import Progress
from indexer.types import Float32, Int64, Kind
from search.calibration.calibration_file import reranker_key
from search.calibration.examples import PARTS, SHOWN, Examples, collect, list_first
from search.calibration.short_queries import agreement, short_queries
from search.ground_truth.directions import Direction, among_texts
from search.ground_truth.ground_truth import GroundTruth
from search.ground_truth.texts import query_vectors
from search.query.query_form import QueryForm
from search.rerank.base import Reranker
from search.rerank.encoded_ground_truth import EncodedGroundTruth

#: Short queries that are asked, at most.
MOST_SHORT_QUERIES: Final = 800
#: Fewer say nothing of short queries.
MIN_SHORT_QUERIES: Final = 40
#: How true it is of a photograph what only one of its five captions says.
ONCE: Final = 0.8
#: How often captions leave out what is true of a first hit: of five captions all, of one alone.
MISSED_BY_FIVE: Final = 0.2
MISSED_BY_ONE: Final = 0.3


@dataclass(frozen=True, slots=True)
class Key:
    """Which curve: `form` of texts that ask for images, `reranker` the key of the one that gave the scores."""

    asks: Kind
    finds: Kind
    form: QueryForm | None
    reranker: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """m hits of `queries` queries over `candidates` candidates. `clusters`, `others` (m,) int64: what a hit's query and
    what the hit is about, which belongs together; `missed`: how often a right one is taken for a wrong one;
    `source`: where it is from, for people."""

    key: Key
    examples: Examples
    clusters: Int64
    others: Int64
    queries: int
    candidates: int
    missed: float = 0.0
    source: str = ""


def evidence_of(
    direction: Direction,
    scorer: Scorer,
    key: Key,
    depth: int,
    seed: int,
    missed: float = 0.0,
    store: Float32 | None = None,
) -> Evidence:
    """Of the first `depth` candidates of each query; `store` as for `collect`. Of what is relevant to a short one, what
    is given is right, and the rest counts `ONCE`."""
    listing = list_first(scorer, len(direction.queries), depth)
    found = collect(
        listing, direction.queries, direction.candidates, direction.relevance, direction.groups, store=store, seed=seed
    )
    if key.form == "short":
        sure = _given(found, direction.given, len(direction.candidates))  # (m,)
        found = replace(found, right=np.where(sure, found.right, ONCE * found.right))
    return Evidence(
        key,
        found,
        direction.clusters[found.queries],
        direction.groups[found.found],
        len(direction.queries),
        len(direction.candidates),
        missed,
    )


@dataclass(frozen=True, slots=True)
class ShortTruth:
    """Short queries as a ground truth of their own; `agreed`: what captions say often enough, `missed` what they leave
    out."""

    truth: GroundTruth
    agreed: Relevance
    missed: float

    def direction(self, encoded: EncodedGroundTruth) -> Direction:
        """Text to image."""
        count = len(self.truth.texts)
        return Direction(
            "text-to-image",
            "text",
            encoded.text_vectors,
            self.truth.vectors,
            self.agreed,
            self.truth.images_of_texts(),
            np.arange(count),
            np.arange(len(self.truth.images)),
        )

    @property
    def most_right(self) -> int:
        """Photographs that one of the queries names, at most."""
        return int(np.diff(self.truth.images_of_texts().offsets).max())


def short_truth(
    truth: GroundTruth, seed: int, most: int = MOST_SHORT_QUERIES, photographs: int = 0
) -> ShortTruth | None:
    """What is asked in short of the photographs of a truth: of labels they themselves, else what captions say of
    several photographs. None where that is too little. `photographs`: how many there are in all.

    Where the truth has a part of these, a query is asked because one photograph is that, and of the others as many are
    as there happen to be. If two had to be, two of 60 would always be right, and the curve would say as much of every
    query, however rare what it asks for.
    """
    if truth.kind == "labels":
        return ShortTruth(truth, truth.images_of_texts(), 0.0)
    captions: list[list[str]] = [[] for _ in truth.images]
    for text, image in zip(truth.pair_texts.tolist(), truth.pair_images.tolist(), strict=True):
        captions[image].append(truth.texts[text])
    asked = short_queries(captions, most, seed, len(captions) / max(len(captions), photographs))
    if len(asked) < MIN_SHORT_QUERIES:
        return None
    said = np.stack([one.said for one in asked])  # (q, n)
    needed = np.array([agreement(len(one)) for one in captions])  # (n,)
    texts, images = np.nonzero(said)
    own = replace(truth, texts=tuple(one.text for one in asked), pair_texts=texts, pair_images=images)
    queries, agreeing = np.nonzero(said >= needed)
    agreed = Relevance.of_pairs(queries, agreeing, len(asked))
    each = float(np.mean([len(one) for one in captions]))
    missed = float(np.interp(each, (1.0, 5.0), (MISSED_BY_ONE, MISSED_BY_FIVE)))
    return ShortTruth(own, agreed, missed)


def as_asked(encoded: EncodedGroundTruth, encoder: Encoder) -> EncodedGroundTruth:
    """The same with the vectors that the texts have as queries: names of things in the encoder's templates."""
    return replace(encoded, text_vectors=query_vectors(encoded.truth.texts, encoded.text_vectors, encoder))


def _given(found: Examples, given: Relevance, count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(m,): whether each hit is one of the given pairs."""
    queries = np.repeat(np.arange(len(given)), np.diff(given.offsets))  # (p,)
    return np.isin(found.queries * count + found.found, queries * count + given.items)


def evidence_of_pairs(
    encoded: EncodedGroundTruth,
    short: ShortTruth | None,
    shortly: EncodedGroundTruth | None,
    reranker: Reranker | None,
    count: int,
    seed: int,
    progress: Progress,
    photographs: Float32 | None = None,
) -> list[Evidence]:
    """Of all that can be fitted to pairs: sentences and short queries (`shortly`: these encoded) that find images,
    images that find texts, texts that find texts; where a `reranker` scores `count` candidates, the first two with its
    scores, too. Not short queries: how much rerankers trust themselves with these differs from one to the next, and
    what their scores mean with it. `photographs` (s, d): a sample of the store's, unit norm (`collect`)."""
    deep = SHOWN * max(PARTS)  # so that ten hits are left in the smallest part
    both = encoded.directions() if encoded.truth.kind == "captions" else ()
    beside = (photographs, None)  # of texts the store may have none
    found = [
        evidence_of(one, one.first_stage, _key(one, None), deep, seed, store=store)
        for one, store in zip(both, beside, strict=False)
    ]
    words = among_texts(both[0]) if both else None
    if words is not None:
        found.append(evidence_of(words, words.first_stage, _key(words, None), deep, seed))
    if short is not None and shortly is not None:
        asked = short.direction(shortly)
        key = _key(asked, None, short=True)
        found.append(
            evidence_of(asked, asked.first_stage, key, deep + short.most_right, seed, short.missed, photographs)
        )
    if reranker is not None and both and (encoded.images_with_tokens or not reranker.needs_tokens):
        scorers = encoded.rerank(both, reranker, count, progress)
        name = reranker_key(reranker)
        found += [
            evidence_of(one, scorer, _key(one, name), count, seed, store=store)
            for one, scorer, store in zip(both, scorers, beside, strict=True)
        ]
    return found


def _key(direction: Direction, reranker: str | None, *, short: bool = False) -> Key:
    asks_for_images = (direction.asks, direction.finds) == ("text", "image")
    form: QueryForm | None = None if not asks_for_images else "short" if short else "sentence"
    return Key(direction.asks, direction.finds, form, reranker)
