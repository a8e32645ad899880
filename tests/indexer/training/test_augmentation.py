"""What chance does to photographs and captions: bounded, drawn from one generator, and true of the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from indexer.training.augmentation import changed_caption, coloured, may_be_mirrored, mirrored, part_of


@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 2**32))
def test_a_part_lies_within_and_is_no_small_one(width: int, height: int, seed: int) -> None:
    part = part_of(Image.new("RGB", (width, height)), np.random.default_rng(seed))
    assert 1 <= part.width <= width
    assert 1 <= part.height <= height
    assert part.width * part.height >= 0.5 * width * height or min(width, height) < 12


@given(st.integers(0, 2**32))
def test_the_same_draw_is_the_same_picture(seed: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (9, 8, 3), dtype=np.uint8)
    one, other = (coloured(pixels, np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.dtype == np.uint8


def test_half_are_mirrored() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    found = [mirrored(pixels, np.random.default_rng(seed)) for seed in range(200)]
    turned = sum(np.array_equal(each, pixels[:, ::-1]) for each in found)
    assert 70 < turned < 130
    assert all(np.array_equal(each, pixels) or np.array_equal(each, pixels[:, ::-1]) for each in found)


@pytest.mark.parametrize("caption", ["a man on the left", "the rightmost car", "Ein Hund links", "a stop sign"])
def test_what_has_a_side_is_not_mirrored(caption: str) -> None:
    assert not may_be_mirrored(caption)


def test_bright_is_no_side() -> None:
    assert may_be_mirrored("a bright cleft in the rock")


@given(st.text(min_size=1, max_size=40), st.integers(0, 2**32))
def test_a_caption_keeps_words(caption: str, seed: int) -> None:
    changed = changed_caption(caption, (), np.random.default_rng(seed))
    assert changed
    if changed != caption:
        rest = iter(caption.split(" "))
        assert all(word in rest for word in changed.split(" "))  # in their order


def test_captions_of_one_image_are_mixed() -> None:
    found = {changed_caption("one", ("two",), np.random.default_rng(seed)) for seed in range(100)}
    assert "one. two" in found
    assert "one" in found
