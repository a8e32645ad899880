"""What a reranker gives, checked against its protocol: anyone may write one. A wrong answer is an EncoderError."""

from __future__ import annotations

import numpy as np

from indexer.encoders.answers import form
from indexer.errors import EncoderError
from indexer.types import Float32, Int8
from search.rerank.base import Alignment, Candidates, EncodedQuery, Reranker


def ask_scores(reranker: Reranker, query: EncodedQuery, candidates: Candidates) -> Float32:
    """`Reranker.score`, checked: (n,) float32, NaN where it cannot say."""
    scores = reranker.score(query, candidates)
    count = len(candidates)
    if not isinstance(scores, np.ndarray) or scores.dtype.kind != "f" or scores.shape != (count,):
        raise EncoderError(
            f"The reranker {reranker.name} gave {form(scores)} for {count} candidates; it has to be an array "
            f"({count},) float32."
        )
    with np.errstate(over="ignore"):
        scores = scores.astype(np.float32, copy=False)  # 1e300 has no end there
    if np.isinf(scores).any():
        raise EncoderError(
            f"The reranker {reranker.name} gave a score that is infinite; a candidate that it cannot score gets NaN."
        )
    return scores


def ask_alignment(reranker: Reranker, query: EncodedQuery, tokens: Int8, words: int) -> Alignment | None:
    """`Reranker.explain`, checked: one row for each of the `words` of the query, or None."""
    found = reranker.explain(query, tokens)
    if found is None:
        return None
    wanted = {"weights": (1, found.weights), "attention": (3, found.attention), "similarities": (1, found.similarities)}
    for name, (axes, given) in wanted.items():
        if not isinstance(given, np.ndarray) or given.ndim != axes or len(given) != words:
            raise EncoderError(
                f"The reranker {reranker.name} gave {form(given)} as the {name} of {words} words; it has to be an "
                f"array of {axes} {'axis' if axes == 1 else 'axes'}, a row for each word."
            )
        if not np.isfinite(given).all():
            raise EncoderError(f"The reranker {reranker.name} gave {name} that are not numbers.")
    return found
