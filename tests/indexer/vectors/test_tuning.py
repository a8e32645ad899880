"""Sizes by arithmetic: which type a collection gets, and how an inverted file is divided."""

from __future__ import annotations

import pytest

from indexer.vectors.backends.faiss_files import tuning
from indexer.vectors.refresh import choose_type


def test_the_type_follows_the_size() -> None:
    assert choose_type(0, 512) == "flat"
    assert choose_type(20_000, 512) == "flat"
    assert choose_type(90_000, 512) == "ivf-sq8"
    assert choose_type(1_000_000, 512) == "ivf-sq8"
    assert choose_type(90_000, 16) == "flat"


@pytest.mark.parametrize("dimension", [1, 64, 384, 512, 4_096])
def test_training_is_bounded_and_enough(dimension: int) -> None:
    for count in (1, 10, 80, 1_000, 100_000, 10_000_000, 10**9):
        settings = tuning.ivf_settings(count, dimension)
        assert settings.training * dimension * 4 <= max(tuning.TRAINING_BYTES, 40 * dimension * 4)
        assert 1 <= settings.probes <= settings.lists
        assert settings.lists == 1 or settings.training >= 39 * settings.lists


def test_product_codes_divide_the_dimension() -> None:
    assert [tuning.product_codes(d) for d in (384, 512, 768, 100, 37, 1)] == [96, 128, 192, 25, 37, 1]
    for dimension in range(1, 300):
        codes = tuning.product_codes(dimension)
        assert dimension % codes == 0
        assert dimension // codes <= 8
