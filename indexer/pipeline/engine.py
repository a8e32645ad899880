"""Who reads, decodes and encodes photographs besides this process: an engine that spreads them over machines.

candidates --engine--> `EncodedFile`s, in the order of the candidates --recognised (`recognise.py`)--> written, as ever

An engine runs `EncodeFiles` wherever it likes, as often as it likes: it is a pure function of the files' bytes and the
encoder, and what it gives is written by upserts. It knows no catalog.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from indexer.encoders.base import Encoder, EncoderId
from indexer.errors import FileError, UnreadableFileError
from indexer.images.decoder import read_file
from indexer.images.sniff import IMAGE_SUFFIXES
from indexer.pipeline.decode import Decoder
from indexer.pipeline.encode import encode_files
from indexer.pipeline.read_ahead import settled
from indexer.pipeline.values import EncodedFile, Failed, ImageBytes, Prepared
from indexer.settings import DecodeLimits
from indexer.types import Candidate


@dataclass(frozen=True, slots=True)
class Work:
    """What an engine's machines have to know: plain values, fit to be sent to another process.

    `encoder`: has to be the same there, under the same name. `batch`: files that are encoded together. `tokens`: those
    are wanted too.
    """

    encoder: EncoderId
    limits: DecodeLimits
    batch: int
    tokens: bool


class Engine(Protocol):
    """Maps `EncodeFiles` over files that every one of its machines sees at the same paths."""

    def encoded(self, candidates: Iterable[Candidate], work: Work) -> Iterator[EncodedFile]:
        """One for each of `candidates`, photographs by their suffixes, in their order; few at a time are in memory.
        Raises EncoderError when the engine fails, and it fails for good."""
        ...


class EncodeFiles:
    """Files become vectors, on a machine of an engine; made once a process. Raises EncoderError, EncoderMismatchError
    when the encoder there is missing or another one."""

    def __init__(self, work: Work, encoder: Encoder | None = None) -> None:
        from indexer.encoders.registry import load_encoder
        from indexer.settings import thread_count

        self._work = work
        self._encoder = encoder or load_encoder(work.encoder.name, None, stored=work.encoder, download=False)
        self._decode = Decoder(work.encoder.preprocessing, work.limits)
        self._pool = ThreadPoolExecutor(thread_count(), thread_name_prefix="decode")

    def __call__(self, candidates: Sequence[Candidate]) -> list[EncodedFile]:
        """In their order; what is wrong with a file is in its answer."""
        prepared = list(self._pool.map(self._prepared, candidates))
        return encode_files(self._encoder, prepared, tokens=self._work.tokens)

    def _prepared(self, candidate: Candidate) -> Prepared:
        return settled(candidate, lambda: self._decoded(candidate))

    def _decoded(self, candidate: Candidate) -> Prepared:
        try:
            data = read_file(candidate, self._work.limits)
        except FileError as error:
            return Failed(candidate, str(error), passing=isinstance(error, UnreadableFileError))
        return self._decode(ImageBytes(candidate, hashlib.sha256(data).digest(), data))


def suits(candidate: Candidate) -> bool:
    """Whether an engine may read a file; captions, what is no photograph, and whatever needs the catalog are read
    here."""
    return os.path.splitext(candidate.path)[1].lower() in IMAGE_SUFFIXES
