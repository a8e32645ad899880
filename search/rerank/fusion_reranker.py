"""The reranker that ships: a fusion network over the tokens of query and candidates, joined with the first stage."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from indexer.encoders.base import EncoderId, TokenShape
from indexer.types import Float32, Int8
from search.rerank import reranker_files
from search.rerank.base import Alignment, Candidates, EncodedQuery
from search.rerank.concept_graph import ConceptGraph, has_graph
from search.rerank.description import RerankerDescription
from search.rerank.fusion_network import FusionNetwork, floats


class FusionReranker:
    """Implements `search.rerank.base.Reranker`. `digest`: SHA-256 of all that its scores depend on."""

    def __init__(self, folder: Path, *, name: str | None = None) -> None:
        """Read the files in `folder`; `reranker_files.load` says what is raised. `name`: what a person calls it, the
        folder by default."""
        description, arrays = reranker_files.load(folder)
        self.description = description
        self._name = str(folder) if name is None else name
        self._network = FusionNetwork(arrays, description.settings["heads"])
        self._graph = ConceptGraph(arrays) if has_graph(arrays) else None
        self._centres = arrays[reranker_files.CENTRES]  # (k, d)
        self.digest = _digest(self.description, arrays)

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self._name

    @property
    def needs_tokens(self) -> bool:
        """Candidates without tokens get NaN."""
        return True

    def fits(self, identity: EncoderId, shape: TokenShape | None) -> bool:
        """Whether it was trained on the tokens of this encoder."""
        return self.description.fits(identity, shape)

    def trust(self, vector: Float32) -> float:
        """How much a text with this vector (d,), unit norm, is like those that it was trained on: 0 to 1."""
        nearest = float((self._centres @ vector).max())
        return self.description.trust.of(nearest)

    def match(self, query: EncodedQuery, tokens: Sequence[Int8 | None]) -> Float32:
        """(n,) float32: the match score alone, without first stage, weight and trust; NaN without tokens."""
        scores = np.full(len(tokens), np.nan, np.float32)
        there = [position for position, each in enumerate(tokens) if each is not None and len(each)]
        if query.tokens is None or not len(query.tokens) or not there:
            return scores
        known = [each for each in tokens if each is not None and len(each)]
        if query.kind == "text":
            scores[there] = self._network.images(query.tokens, known)
        else:
            scores[there] = self._network.texts(query.tokens, known)
        return scores

    def score(self, query: EncodedQuery, candidates: Candidates) -> Float32:
        """similarity + weight trust(query) match. A query that is an image is always trusted: what is rare in the
        words of a candidate text is not known from the image."""
        described = self.description
        share = described.weight * self.trust(query.vector) if query.kind == "text" else described.image_weight
        if not share:  # the first stage is as good or better in this direction
            return np.array(candidates.similarities)
        matches = self.match(query, candidates.tokens)  # (n,)
        joined: Float32 = candidates.similarities + np.float32(share) * matches
        return joined

    def explain(self, query: EncodedQuery, tokens: Int8) -> Alignment | None:
        """How the text `query` met an image with these region tokens (r, w); None when either has no tokens."""
        shape = self.description.tokens
        if query.tokens is None or not len(query.tokens) or len(tokens) != shape.regions:
            return None
        words, regions = floats(query.tokens), floats(tokens)
        late = self._network.late(words, regions[None])
        attention = late.attention[0] if self._graph is None else self._graph.align(words, regions)  # (t, r)
        grids = attention.reshape(-1, shape.rows, shape.columns)
        return Alignment(self._network.weigh(words), grids, late.similarities[0])


def _digest(description: RerankerDescription, arrays: dict[str, Float32]) -> str:
    """SHA-256 of the weights, their share in the score, and the trust."""
    numbers = (description.weight, description.image_weight, description.trust.middle, description.trust.width)
    found = hashlib.sha256(repr((description.weights, numbers)).encode())
    for name in sorted(arrays):
        found.update(name.encode())
        found.update(np.ascontiguousarray(arrays[name], "<f4").tobytes())
    return found.hexdigest()
