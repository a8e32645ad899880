"""One file, from its path to what the encoder and the catalog need. Runs in the pipeline's threads."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from functools import lru_cache

from indexer.catalog.catalog import Catalog
from indexer.catalog.contents import Contents
from indexer.catalog.photographs import Photograph, Photographs
from indexer.catalog.tokens import Tokens
from indexer.encoders.base import Preprocessing
from indexer.errors import FileError, UnreadableFileError
from indexer.files.captions import is_caption_table, parse_captions_file, parse_sidecar, sidecar_image
from indexer.images import reader_versions
from indexer.images.decoder import decode, read_file
from indexer.images.gpu_jpeg import gpu_jpegs
from indexer.images.metadata import read_metadata
from indexer.images.pixel_budget import PixelBudget
from indexer.images.preprocess import to_pixels
from indexer.images.sniff import IMAGE_SUFFIXES, RAW_SUFFIXES, SNIFFED_BYTES, sniff
from indexer.settings import DecodeLimits
from indexer.types import Candidate, Caption, Metadata, Pixels


@dataclass(frozen=True, slots=True)
class NewImage:
    """A photograph to encode. `pixels` (h, w, 3) uint8, as the encoder wants them."""

    candidate: Candidate
    digest: bytes
    metadata: Metadata
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class KnownImage:
    """A photograph whose content was encoded before, at this path or another.

    `pixels` (h, w, 3) uint8, as the encoder wants them, where tokens are wanted and it has none. `reread`: an older
    reader had read its metadata, and now they were read anew.
    """

    candidate: Candidate
    digest: bytes
    content_id: int
    metadata: Metadata | None
    pixels: Pixels | None = None
    reread: bool = False


@dataclass(frozen=True, slots=True)
class CaptionFile:
    """Texts about images. `problems`: sentences about rows that were left out."""

    candidate: Candidate
    digest: bytes
    captions: tuple[Caption, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ignored:
    """Neither an image nor captions. `remember` False: look at it again on every run."""

    candidate: Candidate
    remember: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be read. `passing`: the trouble lies outside the file and may pass."""

    candidate: Candidate
    reason: str
    passing: bool


Prepared = NewImage | KnownImage | CaptionFile | Ignored | Failed


class Preparer:
    """Reads, hashes and decodes files for one run. Safe to use from several threads.

    `tokens`: a photograph that was encoded before and has no tokens is decoded too.
    """

    def __init__(
        self,
        catalog: Catalog,
        encoder_row: int,
        preprocessing: Preprocessing,
        limits: DecodeLimits,
        *,
        tokens: bool = False,
    ) -> None:
        self._catalog = catalog
        self._encoder_row = encoder_row
        self._preprocessing = preprocessing
        self._limits = limits
        self._tokens = tokens
        self._budget = PixelBudget(limits.max_pixels)
        self._gpu_jpegs = gpu_jpegs()
        self._names = lru_cache(maxsize=8)(_names)  # folders whose sidecars are being looked at

    def __call__(self, candidate: Candidate) -> Prepared:
        """Never raises for a bad file: what is wrong with it is in the answer."""
        try:
            return self._prepare(candidate)
        except UnreadableFileError as error:
            return Failed(candidate, str(error), passing=True)
        except FileError as error:
            return Failed(candidate, str(error), passing=False)

    def _prepare(self, candidate: Candidate) -> Prepared:
        folder, name = os.path.split(candidate.path)
        suffix = os.path.splitext(name)[1].lower()
        if is_caption_table(name):
            data = read_file(candidate, self._limits)
            captions, problems = parse_captions_file(name, data, folder)
            return CaptionFile(candidate, _digest(data), tuple(captions), tuple(problems))
        if suffix == ".txt":
            image = sidecar_image(self._names(folder), name)
            if image is None:
                return Ignored(candidate, remember=False)  # an image may come to stand beside it
            data = read_file(candidate, self._limits)
            about = os.path.join(folder, image)
            return CaptionFile(
                candidate, _digest(data), tuple(Caption(text, about) for text in parse_sidecar(data)), ()
            )
        if suffix in RAW_SUFFIXES:
            return Ignored(candidate, remember=True)
        if suffix not in IMAGE_SUFFIXES and sniff(_head(candidate.path)) is None:
            return Ignored(candidate, remember=True)
        return self._image(candidate)

    def _image(self, candidate: Candidate) -> NewImage | KnownImage | Failed:
        data = read_file(candidate, self._limits)
        digest = _digest(data)
        with self._catalog.snapshot() as snapshot:
            content_id = Contents(snapshot).with_vectors([digest], self._encoder_row).get(digest)
            if content_id is not None:
                known = _known(candidate, digest, content_id, Photographs(snapshot).get(content_id), data)
                if not self._tokens or Tokens(snapshot).present([content_id], self._encoder_row):
                    return known
        if content_id is None:
            metadata = read_metadata(data)
            return NewImage(candidate, digest, metadata, self._pixels(data, metadata))
        try:
            return replace(known, pixels=self._pixels(data, known.metadata))
        except FileError as error:  # the same bytes did decode: under other limits, or another library
            return Failed(candidate, str(error), passing=True)

    def _pixels(self, data: bytes, metadata: Metadata | None) -> Pixels:
        target = (self._preprocessing.width, self._preprocessing.height)
        size = self._limits.max_pixels if metadata is None else metadata.width * metadata.height
        with self._budget.held(size):
            if self._gpu_jpegs is not None:
                found = self._gpu_jpegs.pixels(data, self._limits, self._preprocessing)
                if found is not None:
                    return found
            return to_pixels(decode(data, self._limits, target), self._preprocessing)


def _known(candidate: Candidate, digest: bytes, content_id: int, kept: Photograph | None, data: bytes) -> KnownImage:
    if kept is None:
        return KnownImage(candidate, digest, content_id, None)
    if kept.reader >= reader_versions.METADATA_READER:
        return KnownImage(candidate, digest, content_id, kept.metadata)
    try:
        metadata = read_metadata(data)
    except FileError:  # the photograph was read all the same
        metadata = kept.metadata
    return KnownImage(candidate, digest, content_id, metadata, reread=True)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(SNIFFED_BYTES)
    except OSError as error:
        raise UnreadableFileError(f"it cannot be read ({error.strerror})") from error


def _names(folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return frozenset()
