"""The terms of the loss against what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from indexer.training.contrastive import nt_xent
from tools.bundled.align import Batch, LossSettings, soft_contrastive, targets
from tools.bundled.augment import AugmentSettings, augmented
from tools.bundled.corpus import batches_of


def batch_of(rows: list[int], owners: list[int], weights: list[float] | None = None) -> Batch:
    torch.manual_seed(0)
    sentences = F.normalize(torch.randn(len(owners), 8), dim=-1)
    meanings = F.normalize(torch.randn(len(rows), 8), dim=-1)
    return Batch(
        torch.zeros(len(rows), 3, 4, 4),
        torch.tensor(rows),
        torch.ones(len(owners), 4, dtype=torch.int64),
        torch.tensor(owners),
        sentences,
        meanings,
        torch.tensor(weights or [1.0] * len(rows)),
    )


def test_hard_goals_with_one_text_a_photograph_are_nt_xent() -> None:
    batch = batch_of([5, 6, 7], [5, 6, 7])
    images, texts = (F.normalize(torch.randn(3, 4), dim=-1) for _ in range(2))
    goal = targets(batch, LossSettings(soft=0.0))
    found = soft_contrastive(texts @ images.T / 0.07, *goal, batch)
    torch.testing.assert_close(found, nt_xent(images, texts, 0.07))


def test_every_text_of_a_photograph_is_right_and_so_is_a_photograph_drawn_twice() -> None:
    text_goal, image_goal = targets(batch_of([5, 6, 5], [5, 5, 6]), LossSettings(soft=0.0))
    assert text_goal.tolist() == [[0.5, 0, 0.5], [0.5, 0, 0.5], [0, 1, 0]]
    assert image_goal.tolist() == [[0.5, 0.5, 0], [0, 0, 1], [0.5, 0.5, 0]]


def test_soft_goals_prefer_photographs_whose_captions_mean_the_same() -> None:
    batch = batch_of([5, 6, 7], [5, 6, 7])
    batch.meanings[1] = batch.sentences[0]  # the second photograph is described as the first text says
    batch.meanings[2] = -batch.sentences[0]
    goal, _ = targets(batch, LossSettings(soft=0.5))
    torch.testing.assert_close(goal.sum(1), torch.ones(3))
    assert goal[0, 0] > 0.5
    assert goal[0, 1] > 0.4
    assert goal[0, 2] < 0.01


def test_a_photograph_of_no_weight_moves_nothing() -> None:
    batch = batch_of([5, 6, 7], [5, 6, 7], [1.0, 1.0, 0.0])
    scores = torch.randn(3, 3, requires_grad=True)
    goal = targets(batch, LossSettings(soft=0.0))
    soft_contrastive(scores, *goal, batch).backward()
    other = scores.detach().clone().requires_grad_()
    hard = F.cross_entropy(other, torch.arange(3), reduction="none")
    back = F.cross_entropy(other.T, torch.arange(3), reduction="none")
    ((hard[:2].sum() + back[:2].sum()) / 6).backward()
    torch.testing.assert_close(scores.grad, other.grad)


def test_a_part_that_is_the_whole_is_the_photograph_or_its_mirror_image() -> None:
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (8, 5, 6, 3), dtype=torch.uint8)
    found = augmented(pixels, AugmentSettings(whole=1.0, shape=1.0, jitter=0.0))
    colours = pixels.permute(0, 3, 1, 2).float()
    mirrored = 0
    for one, given in zip(found, colours, strict=True):
        same, other = (torch.allclose(one, x, atol=0.01) for x in (given, given.flip(-1)))
        assert same != other
        mirrored += other
    assert 0 < mirrored < 8


def test_a_part_stays_inside_the_photograph_and_in_the_range_of_colours() -> None:
    torch.manual_seed(0)
    ramp = torch.arange(0, 250, 10, dtype=torch.uint8)[None, None, :, None].expand(64, 25, 25, 3)
    found = augmented(ramp, AugmentSettings(least_area=0.25, whole=0.0, jitter=0.0))
    width = (found.amax(dim=(1, 2, 3)) - found.amin(dim=(1, 2, 3))) / 240  # share of the ramp that is seen
    assert width.min() > 0.4
    assert width.max() <= 1
    assert width.std() > 0.05
    found = augmented(ramp, AugmentSettings(jitter=0.5, mixed=0.5))
    assert found.amin() >= 0
    assert found.amax() <= 255


@pytest.mark.parametrize("one_source", [0.0, 0.5, 1.0])
def test_a_pass_shows_every_photograph_once_and_half_of_the_batches_are_of_one_source(one_source: float) -> None:
    groups = [np.arange(0, 400), np.arange(1000, 1200)]
    found = batches_of(groups, 10, one_source, np.random.default_rng(0))
    assert all(len(rows) == 10 for rows in found)
    assert len(found) == 60
    assert len(set(np.concatenate(found).tolist())) == 600
    alone = sum(len({int(row) // 1000 for row in rows}) == 1 for rows in found)
    assert abs(alone / 60 - one_source) < 0.12
