"""Which method is taken, and when an encoder counts as better."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from indexer.training.retrieval import Direction, Retrieval
from search.training.attempt import Attempt
from search.training.gains import gains_of
from search.training.report import Tried
from search.training.train_encoder import _chosen

N = 100


def found(to_images: float, to_texts: float | None = None) -> Retrieval:
    """Of 100 images with about these MRRs; a difference of one of them has a standard error of 0.014."""
    return Retrieval(_direction(to_images), _direction(to_images if to_texts is None else to_texts))


def _direction(mrr: float) -> Direction:
    noise = np.random.default_rng(round(10_000 * mrr)).normal(0, 0.1, N)
    return Direction((mrr, mrr, mrr), mrr + noise - noise.mean())


def tried(method: str, mrr: float, base: float = 0.5) -> Attempt:
    return Attempt(Tried(method, None), {}, found(mrr), found(base), ())


def test_the_cheapest_that_no_other_clearly_beats_is_taken() -> None:
    assert _chosen([tried("heads", 0.7), tried("lora", 0.7002), tried("full", 0.6)]).tried.method == "heads"
    assert _chosen([tried("heads", 0.6), tried("lora", 0.7), tried("full", 0.7002)]).tried.method == "lora"


def test_what_does_not_beat_the_base_is_no_winner() -> None:
    assert _chosen([tried("heads", 0.5), tried("lora", 0.6)]).tried.method == "lora"
    assert _chosen([tried("heads", 0.5), tried("lora", 0.45)]).tried.method == "heads"


def test_an_encoder_helps_that_is_worse_in_no_direction() -> None:
    before = found(0.5)
    assert gains_of(before, found(0.6), 0).helps
    assert not gains_of(before, before, 0).helps
    assert not gains_of(before, found(0.4), 0).helps
    lopsided = gains_of(before, found(0.9, 0.4), 0)
    assert lopsided.low > 0
    assert not lopsided.helps
    assert lopsided.gain == pytest.approx((lopsided.to_images.gain + lopsided.to_texts.gain) / 2)
