"""A ground truth, encoded: what both stages need to rank all its queries."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.catalog.tokens import Tokens
from indexer.catalog.transaction import Transaction
from indexer.counted import counted
from indexer.encoders.base import Encoder
from indexer.progress import Progress
from indexer.types import Float32, Int8
from search.ground_truth.directions import Directions, directions
from search.ground_truth.ground_truth import GroundTruth
from search.ground_truth.texts import text_vectors, word_tokens
from search.rerank.base import EncodedQuery, Reranker
from search.rerank.scorer import RerankedScorer, RerankItems
from search.rerank.stage import TokenSource


@dataclass(frozen=True, slots=True)
class EncodedGroundTruth:
    """`text_vectors` (t, d) float32, unit norm. `regions`, `words`: the tokens of each image, (r, w) int8, and of each
    text, (t, w) int8; None where there are none, or where no reranker asks for them."""

    truth: GroundTruth
    text_vectors: Float32
    regions: list[Int8 | None]
    words: list[Int8 | None]

    @property
    def images_with_tokens(self) -> int:
        """How many images have region tokens."""
        return sum(each is not None for each in self.regions)

    def directions(self) -> Directions:
        """Both, with the extra positives."""
        return directions(self.truth, self.text_vectors)

    def rerank(
        self, both: Directions, reranker: Reranker, count: int, progress: Progress
    ) -> tuple[RerankedScorer, RerankedScorer]:
        """The second stage of both directions: the first `count` candidates of each query are scored anew."""
        progress.phase(f"Reranking the first {count:,} candidates of each query")
        progress.total(len(self.truth.texts) + len(self.truth.images))
        images, texts = self._images(), self._texts()
        return (
            RerankedScorer(both[0].first_stage, texts.queries, images, reranker, count, progress),
            RerankedScorer(both[1].first_stage, images.queries, texts, reranker, count, progress),
        )

    def _images(self) -> RerankItems:
        truth = self.truth
        queries = [
            EncodedQuery("image", vector, tokens, image=path)
            for vector, tokens, path in zip(truth.vectors, self.regions, truth.images, strict=True)
        ]
        return RerankItems(self.regions, truth.images, [None] * len(truth.images), queries)

    def _texts(self) -> RerankItems:
        truth, about = self.truth, self.truth.images_of_texts()
        queries = [
            EncodedQuery("text", vector, tokens, text=text)
            for vector, tokens, text in zip(self.text_vectors, self.words, truth.texts, strict=True)
        ]
        paths = [truth.images[int(about.of(text)[0])] for text in range(len(truth.texts))]
        return RerankItems(self.words, paths, truth.texts, queries)


def encode_ground_truth(
    truth: GroundTruth,
    encoder: Encoder,
    snapshot: Transaction,
    encoder_row: int,
    reranker: Reranker | None,
    progress: Progress,
) -> EncodedGroundTruth:
    """Vectors, and the tokens that the reranker needs: from the store or, for texts that it lacks, made anew."""
    progress.phase(f"Encoding {counted(len(truth.texts), 'text')}")
    vectors = text_vectors(truth.texts, encoder, snapshot, encoder_row)
    regions: list[Int8 | None] = [None] * len(truth.images)
    words: list[Int8 | None] = [None] * len(truth.texts)
    source = TokenSource.open(snapshot, encoder_row, encoder)
    if reranker is not None and reranker.needs_tokens and source.width:
        contents = [int(number) for number in truth.contents]
        by_content = Tokens(snapshot).of_contents(contents, encoder_row, source.width)
        regions = [by_content.get(content) for content in contents]
        words = list(word_tokens(truth.texts, encoder, snapshot, encoder_row))
    return EncodedGroundTruth(truth, vectors, regions, words)
