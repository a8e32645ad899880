"""Pixels for an encoder: those of open_clip, and shrinking on load beside the plain path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.encoders.base import Interpolation, Preprocessing, ResizeMode
from indexer.images.decoder import decode, to_pixels
from indexer.settings import DecodeLimits
from tests.fixtures import pictures
from tests.fixtures.pictures import encoded, looks_like_quarters, oriented, quarters

LIMITS = DecodeLimits()


def _preprocessing(
    width: int, height: int, resize: ResizeMode, interpolation: Interpolation = "bicubic", fill: int = 0
) -> Preprocessing:
    return Preprocessing(height, width, resize, interpolation, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), fill)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_shrunk_jpeg_is_upright_and_large_enough(orientation: int) -> None:
    data = oriented("JPEG", orientation, quarters(1600, 1200))
    image = decode(data, LIMITS, (200, 150))
    assert image.size == (400, 300)
    assert looks_like_quarters(image)
    assert decode(data, LIMITS, (300, 300)).size == (800, 600)
    assert decode(data, LIMITS, (572, 100)).size == (1600, 1200)


@given(st.integers(1, 700), st.integers(1, 700), st.integers(1, 200), st.integers(1, 200), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_shrinking_leaves_more_than_the_target(
    width: int, height: int, across: int, down: int, orientation: int
) -> None:
    data = oriented("JPEG", orientation, Image.new("RGB", (width, height)))
    image = decode(data, LIMITS, (across, down))
    assert image.width >= min(width, 1.4 * across)
    assert image.height >= min(height, 1.4 * down)


# Pixels for an encoder

_SIZES = [(1, 1), (2, 3), (224, 224), (225, 224), (640, 427), (427, 640), (333, 1000), (1000, 333), (100, 75)]
_TARGETS = [(224, 224), (64, 48), (48, 64), (31, 77)]


@pytest.fixture(scope="module")
def open_clip_transform() -> Callable[..., Image.Image]:
    """open_clip's transform, up to where it leaves Pillow."""
    transform = pytest.importorskip("open_clip.transform")

    def apply(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
        steps = transform.image_transform(
            (preprocessing.height, preprocessing.width),
            is_train=False,
            resize_mode=preprocessing.resize,
            interpolation=preprocessing.interpolation,
            fill_color=preprocessing.fill,
        ).transforms
        for step in steps[:-2]:  # less ToTensor and Normalize
            image = step(image)
        return image

    return apply


@pytest.mark.parametrize("resize", ["squash", "shortest", "longest"])
def test_pixels_are_those_of_open_clip(
    resize: ResizeMode, open_clip_transform: Callable[[Image.Image, Preprocessing], Image.Image]
) -> None:
    interpolations: tuple[Interpolation, ...] = ("bicubic", "bilinear")
    for seed, size in enumerate(_SIZES):
        image = pictures.noise(*size, seed)
        for width, height in _TARGETS:
            for interpolation in interpolations:
                preprocessing = _preprocessing(width, height, resize, interpolation, fill=seed * 20)
                expected = np.asarray(open_clip_transform(image, preprocessing))
                found = to_pixels(image, preprocessing)
                assert found.dtype == np.uint8
                assert np.array_equal(found, expected), (size, preprocessing)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 60), st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_pixels_are_those_of_open_clip_at_any_size(width: int, height: int, across: int, down: int) -> None:
    transform = pytest.importorskip("open_clip.transform")
    image = pictures.noise(width, height, width)
    for resize in ("shortest", "longest"):
        preprocessing = _preprocessing(across, down, resize)
        ratio = max(width / across, height / down) / min(width / across, height / down)
        if ratio > 16 or (resize == "longest" and min(width, height) * ratio < 1):
            continue
        steps = transform.image_transform((down, across), is_train=False, resize_mode=resize).transforms[:-2]
        expected = image
        try:
            for step in steps:
                expected = step(expected)
        except ValueError:  # open_clip has no answer where a side becomes zero
            continue
        assert np.array_equal(to_pixels(image, preprocessing), np.asarray(expected))


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (3, 5_000)])
@pytest.mark.parametrize("resize", ["squash", "shortest", "longest"])
def test_extreme_shapes_have_pixels_too(size: tuple[int, int], resize: ResizeMode) -> None:
    pixels = to_pixels(
        decode(encoded(pictures.noise(*size), "PNG"), LIMITS, (224, 224)), _preprocessing(224, 224, resize)
    )
    assert pixels.shape == (224, 224, 3)
    assert pixels.flags.c_contiguous


def test_cutting_before_resizing_equals_cutting_after(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in ((30, 1500), (1500, 30), (40, 700)):
        image = pictures.noise(*size)
        preprocessing = _preprocessing(64, 64, "shortest")
        before = to_pixels(image, preprocessing).astype(int)
        monkeypatch.setattr("indexer.images.preprocess._EXTREME", 1000)
        after = to_pixels(image, preprocessing).astype(int)
        monkeypatch.undo()
        assert np.abs(before - after).max() <= 3
        assert np.abs(before - after).mean() < 0.3


@pytest.mark.parametrize("path", pictures.photographs(), ids=lambda path: path.name)
@pytest.mark.parametrize(("resize", "side"), [("squash", 260), ("shortest", 224), ("longest", 256)])
def test_shrinking_on_load_stays_close_to_the_plain_path(path: Path, resize: ResizeMode, side: int) -> None:
    picture = decode(path.read_bytes(), LIMITS, None)
    data = encoded(picture.resize((1999, 1999 * picture.height // picture.width)), "JPEG", quality=90)
    shrunk = decode(data, LIMITS, (side, side))
    assert shrunk.width < 1999
    preprocessing = _preprocessing(side, side, resize)
    plain = to_pixels(decode(data, LIMITS, None), preprocessing).astype(int)
    assert np.abs(to_pixels(shrunk, preprocessing) - plain).mean() < 1.2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_shrunk_picture_is_placed_as_its_full_size_would_be(orientation: int) -> None:
    """81 x 57 shrunk by 4 is 20.25 x 14.25 pixels: the part of a pixel stays at the side where it belongs."""
    image = pictures.noise(81, 57).resize((81 * 4 + 1, 57 * 4 + 1))
    data = oriented("JPEG", orientation, image, quality=100)
    for resize in ("squash", "shortest", "longest"):
        preprocessing = _preprocessing(40, 28, resize)
        shrunk = decode(data, LIMITS, (40, 28))
        assert shrunk.size == (82, 58)
        plain = to_pixels(decode(data, LIMITS, None), preprocessing).astype(int)
        assert np.abs(to_pixels(shrunk, preprocessing) - plain).mean() < 1.2


def test_a_part_of_a_shrunk_picture_is_placed_by_its_own_size() -> None:
    shrunk = decode(encoded(pictures.noise(1001, 801), "JPEG"), LIMITS, (100, 100))
    assert shrunk.size == (251, 201)
    part = shrunk.crop((0, 0, 100, 50))
    plain = Image.fromarray(np.asarray(part))
    preprocessing = _preprocessing(32, 32, "shortest")
    assert np.array_equal(to_pixels(part, preprocessing), to_pixels(plain, preprocessing))
