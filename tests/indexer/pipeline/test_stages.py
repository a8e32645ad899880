"""The stages in the middle, decode and encode, are functions of plain values: another process gives the same bits."""

from __future__ import annotations

import hashlib
import multiprocessing
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from indexer.encoders.base import Encoder
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.pipeline.decode import Decoder
from indexer.pipeline.encode import encode_files, encode_texts
from indexer.pipeline.values import (
    EncodedFile,
    EncodedText,
    Failed,
    Ignored,
    ImageBytes,
    KnownImage,
    NewImage,
)
from indexer.settings import DecodeLimits
from indexer.text import text_digest
from indexer.types import Candidate
from tests.fixtures.colour_encoder import ColourTokenEncoder

TEXTS = ["a cat", "", "two rockets on a launch pad"]
Stages = tuple[list[EncodedFile], list[EncodedText]]


def stages(make: Callable[[], Encoder], decode: Decoder, images: Sequence[ImageBytes]) -> Stages:
    """Both of them, as an engine would call them somewhere."""
    encoder = make()
    files = encode_files(encoder, [decode(image) for image in images], tokens=True)
    return files, encode_texts(encoder, {text_digest(text): text for text in TEXTS}, tokens=True)


def assert_same(one: EncodedFile | EncodedText, other: EncodedFile | EncodedText) -> None:
    for left, right in ((one.vector, other.vector), (one.tokens, other.tokens)):
        assert (left is None) == (right is None)
        if left is not None and right is not None:
            np.testing.assert_array_equal(left, right)


@pytest.fixture
def images(real_photos: Path) -> list[ImageBytes]:
    """A few photographs, and a file that is none."""
    found = [ImageBytes(Candidate.at(str(path)), b"", path.read_bytes()) for path in sorted(real_photos.glob("*.png"))]
    assert found
    return [*found[:3], ImageBytes(Candidate("broken.png", 4, 0), b"", b"\x89PNG")]


@pytest.mark.parametrize("make", [GraphEncoder, ColourTokenEncoder])
def test_another_process_gives_the_same_bits(make: Callable[[], Encoder], images: list[ImageBytes]) -> None:
    decode = Decoder(make().identity.preprocessing, DecodeLimits())
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        files, texts = pool.submit(stages, make, decode, images).result()
    own_files, own_texts = stages(make, decode, images)
    assert [one.file for one in files] == [one.file for one in own_files]
    assert [one.vector is None for one in files] == [False] * (len(images) - 1) + [True]
    assert [one.digest for one in texts] == [text_digest(text) for text in TEXTS]
    for one, other in zip([*files, *texts], [*own_files, *own_texts], strict=True):
        assert_same(one, other)


def test_every_value_between_the_stages_can_be_sent(images: list[ImageBytes]) -> None:
    decode = pickle.loads(pickle.dumps(Decoder(ColourTokenEncoder().identity.preprocessing, DecodeLimits())))
    new, broken = decode(pickle.loads(pickle.dumps(images[0]))), decode(images[-1])
    assert isinstance(new, NewImage)
    assert isinstance(broken, Failed)
    assert not broken.passing
    again = pickle.loads(pickle.dumps(new))
    np.testing.assert_array_equal(again.pixels, new.pixels)
    assert again.metadata == new.metadata


def test_of_a_known_photograph_is_read_what_is_asked_for(images: list[ImageBytes]) -> None:
    decode = Decoder(ColourTokenEncoder().identity.preprocessing, DecodeLimits())
    image = images[0]
    known = KnownImage(image.candidate, image.digest, 7, None)
    said = decode(ImageBytes(image.candidate, image.digest, image.data, known, metadata=True, pixels=False))
    assert isinstance(said, KnownImage)
    assert (said.reread, said.pixels) == (True, None)
    assert said.metadata is not None
    seen = decode(ImageBytes(image.candidate, image.digest, image.data, known, metadata=False, pixels=True))
    assert isinstance(seen, KnownImage)
    assert (seen.reread, seen.metadata) == (False, None)
    assert seen.pixels is not None
    # What did decode once may do so again: the trouble may pass.
    refused = decode(ImageBytes(image.candidate, image.digest, b"\x89PNG", known, metadata=False, pixels=True))
    assert isinstance(refused, Failed)
    assert refused.passing


def test_what_has_no_pixels_goes_through(images: list[ImageBytes]) -> None:
    encoder = ColourTokenEncoder()
    candidate = Candidate("/p/a.jpg", 1, 1)
    files = [Ignored(candidate, settled=True), KnownImage(candidate, hashlib.sha256(b"").digest(), 7, None)]
    assert encode_files(encoder, files, tokens=True) == [EncodedFile(file) for file in files]
    assert encoder.images == 0
