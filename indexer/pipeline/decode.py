"""Second stage: the bytes of a photograph become pixels and metadata. A pure function: it knows no catalog and no disk,
so that an engine can map it over machines."""

from __future__ import annotations

from dataclasses import replace

from indexer.encoders.base import Preprocessing
from indexer.errors import FileError
from indexer.images.decoder import MISSING, decode
from indexer.images.gpu_jpeg import gpu_jpegs
from indexer.images.metadata import read_metadata
from indexer.images.peak import opening_peak
from indexer.images.preprocess import to_pixels
from indexer.memory_budget import ALONE, Share
from indexer.pipeline.values import Failed, ImageBytes, KnownImage, NewImage
from indexer.settings import DecodeLimits
from indexer.types import Pixels


class Decoder:
    """Decodes for one encoder. Safe to use from several threads. Can be pickled."""

    def __init__(self, preprocessing: Preprocessing, limits: DecodeLimits) -> None:
        self._preprocessing = preprocessing
        self._limits = limits
        self._gpu_jpegs = gpu_jpegs()

    def __reduce__(self) -> tuple[type[Decoder], tuple[Preprocessing, DecodeLimits]]:
        return Decoder, (self._preprocessing, self._limits)

    def __call__(self, image: ImageBytes, share: Share = ALONE) -> NewImage | KnownImage | Failed:
        """Never raises for a bad file: what is wrong with it is in the answer. Takes its memory from `share`."""
        known = image.known
        try:
            share.grow(opening_peak(image.data), "opening it")
            if known is None:
                metadata = read_metadata(image.data)
                pixels, problem = self._pixels(image.data, share)
                return NewImage(image.candidate, image.digest, metadata, pixels, problem)
            if image.metadata:
                known = _reread(known, image.data)
            return replace(known, pixels=self._pixels(image.data, share)[0]) if image.pixels else known
        except FileError as error:  # bytes that did decode before: under other limits, or with another library
            return Failed(image.candidate, str(error), passing=known is not None)

    def _pixels(self, data: bytes, share: Share) -> tuple[Pixels, str | None]:
        """(h, w, 3) uint8, and the sentence about what of the picture is missing, if any. Raises FileError."""
        target = (self._preprocessing.width, self._preprocessing.height)
        if self._gpu_jpegs is not None:
            found = self._gpu_jpegs.pixels(data, self._limits, self._preprocessing)
            if found is not None:
                return found, None
        picture = decode(data, self._limits, target, share)
        return to_pixels(picture, self._preprocessing), picture.info.get(MISSING)


def _reread(known: KnownImage, data: bytes) -> KnownImage:
    try:
        return replace(known, metadata=read_metadata(data), reread=True)
    except FileError:  # the photograph was read all the same
        return replace(known, reread=True)
