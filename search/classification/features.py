"""From photographs to vectors: those that the store has, by content; those that the cache has; the others are decoded
and encoded as the indexer does it.

    candidates --read, hash (threads)--> known? --no: decode (threads)--> encode, in batches --> Features
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from indexer.catalog.catalog import Catalog
from indexer.catalog.contents import Contents
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import Encoder
from indexer.errors import FileError
from indexer.images.decoder import read_file
from indexer.memory_budget import MemoryBudget, Share
from indexer.pipeline.decode import Decoder
from indexer.pipeline.encode import encode_files
from indexer.pipeline.read_ahead import read_ahead
from indexer.pipeline.room import room_for_files
from indexer.pipeline.values import Failed, ImageBytes, NewImage
from indexer.progress import Progress
from indexer.settings import IndexSettings
from indexer.types import Candidate, Failure, Float32
from search.classification.vector_cache import VectorCache

#: Files that are taken together: progress is told as often.
_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class Known:
    """A photograph whose vector (d,) is known already. `stored`: by the store, else by the cache."""

    candidate: Candidate
    digest: bytes
    vector: Float32
    stored: bool


@dataclass(frozen=True, slots=True)
class Feature:
    """A photograph that was read: SHA-256 of its content, and its vector (d,) float32, unit norm."""

    candidate: Candidate
    digest: bytes
    vector: Float32


@dataclass(slots=True)
class Counts:
    """Where vectors came from, in photographs; `failures`: files that cannot be used, and why."""

    stored: int = 0
    cached: int = 0
    encoded: int = 0
    failures: list[Failure] = field(default_factory=list)


class FeatureReader:
    """Reads photographs under one encoder. `catalog`: that of a store whose vectors are of it, and its row there; None
    without a store."""

    def __init__(self, encoder: Encoder, catalog: tuple[Catalog, int] | None, cache: VectorCache) -> None:
        self._encoder = encoder
        self._catalog = catalog
        self._cache = cache
        self._settings = IndexSettings()
        self._decode = Decoder(encoder.identity.preprocessing, self._settings.limits)
        self.counts = Counts()

    def read(self, candidates: Sequence[Candidate], progress: Progress) -> Iterator[Feature]:
        """Those that can be read, in their order; the others are in `counts.failures`.

        What was encoded is kept in the cache whatever ends this. Raises EncoderError, StoreError, and what `progress`
        raises.
        """
        progress.phase("Reading the photographs")
        progress.total(len(candidates))
        ahead = self._settings.workers + self._settings.queued_batches * self._encoder.batch_size
        budget = MemoryBudget(room_for_files(self._encoder, ahead))

        def read(candidate: Candidate) -> Known | NewImage | Failed:
            return budget.work(lambda share: self._read(candidate, share))

        found = read_ahead(candidates, read, workers=self._settings.workers, ahead=ahead)
        try:
            while batch := list(islice(found, _AT_ONCE)):
                yield from self._encoded(batch)
                progress.advance(len(batch))
        finally:
            self._cache.save()

    def _read(self, candidate: Candidate, share: Share) -> Known | NewImage | Failed:
        try:
            data = read_file(candidate, self._settings.limits, share)
        except FileError as error:
            return Failed(candidate, str(error), passing=True)
        digest = hashlib.sha256(data).digest()
        vector, stored = self._stored(digest), True
        if vector is None:
            vector, stored = self._cache.get(digest), False
        if vector is not None:
            return Known(candidate, digest, vector, stored)
        decoded = self._decode(ImageBytes(candidate, digest, data), share)
        assert isinstance(decoded, NewImage | Failed), "of one that is not known"
        return decoded

    def _stored(self, digest: bytes) -> Float32 | None:
        if self._catalog is None:
            return None
        catalog, row = self._catalog
        with catalog.snapshot() as snapshot:
            content_id = Contents(snapshot).with_vectors([digest], row).get(digest)
            if content_id is None:
                return None
            dimension = self._encoder.identity.dimension
            return Vectors(snapshot).of_contents([content_id], row, dimension).get(content_id)

    def _encoded(self, batch: Sequence[Known | NewImage | Failed]) -> Iterator[Feature]:
        """The vectors of a batch, copies of one photograph encoded once."""
        news = {one.digest: one for one in batch if isinstance(one, NewImage)}
        missing = [one for digest, one in news.items() if self._cache.get(digest) is None]
        for one in encode_files(self._encoder, missing, tokens=False):
            assert isinstance(one.file, NewImage)
            assert one.vector is not None
            self._cache.add(one.file.digest, one.vector)
        self.counts.encoded += len(missing)
        for each in batch:
            if isinstance(each, Failed):
                self.counts.failures.append(Failure(each.candidate.path, each.reason))
                continue
            if isinstance(each, Known):
                self.counts.stored += each.stored
                self.counts.cached += not each.stored
                vector: Float32 | None = each.vector
            else:
                vector = self._cache.get(each.digest)
            assert vector is not None
            yield Feature(each.candidate, each.digest, vector)
