"""Third stage: pixels and texts become vectors and tokens. A pure function of them and the encoder: it knows no catalog
and no disk, so that an engine can map it over machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from indexer.encoders import batches
from indexer.encoders.base import Encoded, Encoder
from indexer.pipeline.values import EncodedFile, EncodedText, KnownImage, NewImage, Prepared
from indexer.types import Float32, Int8


def encode_files(encoder: Encoder, files: Sequence[Prepared], *, tokens: bool) -> list[EncodedFile]:
    """What has pixels among `files` is encoded; the others go through. In their order."""
    found = {at: file.pixels for at, file in enumerate(files) if isinstance(file, NewImage | KnownImage)}
    images = {at: pixels for at, pixels in found.items() if pixels is not None}
    rows = _rows(batches.encode_images(encoder, list(images.values()), tokens=tokens))
    encoded = dict(zip(images, rows, strict=True))
    return [EncodedFile(without_pixels(file), *encoded.get(at, (None, None))) for at, file in enumerate(files)]


def encode_texts(encoder: Encoder, texts: Mapping[bytes, str], *, tokens: bool) -> list[EncodedText]:
    """`texts` by digest. In their order."""
    rows = _rows(batches.encode_texts(encoder, list(texts.values()), tokens=tokens))
    return [EncodedText(digest, *row) for digest, row in zip(texts, rows, strict=True)]


def without_pixels(file: Prepared) -> Prepared:
    """What is written of a file; pixels are two hundred kilobytes."""
    if isinstance(file, NewImage | KnownImage) and file.pixels is not None:
        return replace(file, pixels=None)
    return file


def _rows(encoded: Encoded) -> list[tuple[Float32, Int8 | None]]:
    tokens = [None] * len(encoded.vectors) if encoded.tokens is None else encoded.tokens
    return list(zip(encoded.vectors, tokens, strict=True))
