"""What a reranker is: the question, the candidates and what is known of them, and the protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from indexer.types import Float32, Int8, Kind
from search.median import median


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """One query of the second stage.

    `kind`: what the query is; the candidates are of the other kind. `vector` (d,) float32, unit norm. `tokens`: its
    word tokens (t, w) or region tokens (r, w) int8; None when the encoder yields none. `text`, `image` (a path) or
    `image_bytes` (the content of its file): the query itself, for rerankers that read it anew.
    """

    kind: Kind
    vector: Float32
    tokens: Int8 | None
    text: str | None = None
    image: str | None = None
    image_bytes: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Candidates:
    """n candidates of the first stage, best first.

    `similarities` (n,) float32: their first-stage scores, cosines. `tokens`: of each (r, w) or (t, w) int8, or None
    where the index has none. `paths`: of each image, or of the image that a text is about; `texts`: None for images.
    """

    similarities: Float32
    tokens: Sequence[Int8 | None]
    paths: Sequence[str]
    texts: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.similarities)


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which words met which regions of one image.

    `weights` (t,) float32, sum 1: how much each word counts. `attention` (t, rows, columns) float32, each word sums to
    1: where it was looked for. `similarities` (t,) float32: how well what was found there fits the word, -1 to 1.
    """

    weights: Float32
    attention: Float32
    similarities: Float32


class Reranker(Protocol):
    """Scores candidates of the first stage anew. Safe to call from several threads."""

    @property
    def name(self) -> str:
        """What a person calls it: "bundled", a path, "blip:..."."""
        ...

    @property
    def needs_tokens(self) -> bool:
        """Whether candidates without tokens cannot be scored."""
        ...

    def score(self, query: EncodedQuery, candidates: Candidates) -> Float32:
        """Returns (n,) float32: first-stage similarity and match score joined, comparable within one query.

        The score of a candidate depends on the query and that candidate alone. One that cannot be scored (no tokens,
        an image that is gone) gets NaN: the caller places it. Where the reranker does not help, it may give the
        similarities themselves. tests/contract/test_reranker.py says what else holds.
        """
        ...

    def explain(self, query: EncodedQuery, tokens: Int8) -> Alignment | None:
        """How a text met an image: `query` is the text, `tokens` (r, w) int8 the image's. None when it cannot say."""
        ...


def place_unscored(scores: Float32, similarities: Float32) -> Float32:
    """Joined scores (n,) with NaN replaced: what the candidate's first-stage similarity would get on average here.

    The difference between joined score and similarity of an unknown candidate is taken for the median of the known
    ones, so that it keeps its place among them by its first stage alone. All unknown: the similarities themselves.
    """
    known: npt.NDArray[np.bool_] = ~np.isnan(scores)
    if known.all():
        return scores
    shift = median(scores[known] - similarities[known]) if known.any() else 0.0
    placed: Float32 = np.where(known, scores, similarities + np.float32(shift)).astype(np.float32)
    return placed
