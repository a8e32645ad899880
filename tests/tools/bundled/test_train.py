"""A whole training of a pack in miniature: what it logs, what it keeps, and that the same comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tools.bundled.align import Branch, LossSettings
from tools.bundled.branch import project
from tools.bundled.corpus import Corpus
from tools.bundled.heads import HeadSettings
from tools.bundled.judge import image_vectors
from tools.bundled.pack import UNLABELLED, Pack
from tools.bundled.pseudo import pseudo_captions
from tools.bundled.towers import ImageTower, TextTower
from tools.bundled.train import Training, TrainSettings, changed, open_corpus, schedule, start_branch, train
from tools.bundled.weights import load_weights

SETTINGS = TrainSettings(passes=1, batch=8, extra=2, pool=4, frozen_stages=5)


@pytest.fixture(scope="module")
def opened(pack: Pack) -> tuple[Corpus, Any]:
    return open_corpus(pack, torch.device("cpu"))


@pytest.fixture(scope="module")
def trained(pack: Pack, opened: tuple[Corpus, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Branch, Path]:
    branch, out = start_branch(opened[0], opened[1], SETTINGS), tmp_path_factory.mktemp("run")
    train(opened[0], branch, SETTINGS, out)
    return branch, out


def test_the_log_has_the_settings_each_pass_and_what_it_is_worth(trained: tuple[Branch, Path]) -> None:
    lines = [json.loads(line) for line in (trained[1] / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[0]["settings"]["batch"] == 8
    assert lines[1]["steps"] == 3  # 6 + 2 x 6 + 6 photographs
    assert {"pairs", "late", "distil", "structure"} <= set(lines[1])
    assert all(np.isfinite(lines[1][name]) for name in ("pairs", "late", "distil", "structure"))
    judged = lines[-1]["judged"]
    assert len(judged["flickr8k"]) == 6
    assert len(judged["everyday"]) == 3
    assert 0 <= judged["caltech101"] <= 100


def test_what_is_frozen_stays_and_what_is_trained_moves(
    trained: tuple[Branch, Path], opened: tuple[Corpus, Any]
) -> None:
    mine, given = trained[0].tower.net, opened[1][0].net
    for stage in range(7):
        same = all(
            torch.equal(a, b)
            for a, b in zip(mine.blocks[stage].parameters(), given.blocks[stage].parameters(), strict=True)
        )
        assert same is (stage < 5), stage
    assert torch.equal(mine.conv_stem.weight, given.conv_stem.weight)
    assert torch.equal(mine.classifier.weight, given.classifier.weight)
    assert torch.equal(mine.blocks[6][0].bn1.running_mean, given.blocks[6][0].bn1.running_mean)


def test_kept_weights_come_back(
    trained: tuple[Branch, Path], opened: tuple[Corpus, Any], image_tower: ImageTower, text_tower: TextTower
) -> None:
    corpus, rows = opened[0], opened[0].rows["flickr8k", "val"]
    found = []
    for _ in range(2):
        branch = Branch(image_tower, text_tower, torch.zeros(384), HeadSettings(), 5, 3)
        described = load_weights(branch, trained[1])
        found.append(project(image_vectors(branch.eval(), corpus, rows)[0], branch.image.axes))
    assert described["settings"]["frozen_stages"] == 5
    assert found[0].shape[1] == branch.text.axes.shape[1]
    torch.testing.assert_close(*found)
    files = list(trained[1].glob("weights-*.safetensors"))
    assert len(files) == described["files"]
    assert all(file.stat().st_size < 16 * 2**20 for file in files)


def test_pseudo_captions_are_mutual_neighbours(trained: tuple[Branch, Path], opened: tuple[Corpus, Any]) -> None:
    corpus, rows = opened[0], opened[0].rows[UNLABELLED, ""]
    before = list(corpus.texts_of)
    try:
        found = pseudo_captions(trained[0].eval(), corpus, rows)
        assert len(found)
        assert set(found) <= set(rows)
        for row in found:
            assert 1 <= len(corpus.texts_of[row]) <= 4
            assert set(corpus.texts_of[row]) <= set(corpus.pool)
    finally:
        corpus.texts_of[:] = before


def test_texts_and_photographs_keep_together(opened: tuple[Corpus, Any]) -> None:
    corpus = opened[0]
    rows = corpus.rows["coco_captioned", "train"]
    texts, places = corpus.drawn_texts(rows, 2, np.random.default_rng(0))
    assert corpus.pack.owners[texts].tolist() == rows[places].tolist()
    assert len(texts) == 12
    meaning = corpus.meaning(rows[:1])[0]
    mean = corpus.sentences[torch.from_numpy(corpus.texts_of[rows[0]])].sum(0)
    torch.testing.assert_close(meaning, mean / mean.norm())
    assert len(corpus.training_texts(("cc3m_sample",))) == 6 + 20  # the pool is always there
    shown = corpus.shown(rows[:2])
    assert shown.shape == (2, 260, 260, 3)
    assert not torch.equal(shown[0], shown[1])


def test_what_frozen_stages_say_of_still_photographs_is_what_they_say_each_time(opened: tuple[Corpus, Any]) -> None:
    corpus, towers = opened
    settings = replace(TrainSettings(), batch=4, frozen_stages=6, still=True, extra=0, pool=0)
    training = Training(corpus, start_branch(corpus, towers, settings), settings)
    rows = corpus.rows["coco_captioned", "train"][:4]
    first, again = training._batch(rows), training._batch(rows[::-1].copy())
    assert first.is_low
    torch.testing.assert_close(first.colours, again.colours.flip(0))
    low = training.branch.lower(corpus.shown(rows).permute(0, 3, 1, 2).float())
    torch.testing.assert_close(first.colours, low, atol=0.02, rtol=0.01)  # it is kept in float16
    assert all(torch.isfinite(term) for term in training.step(rows, 0.5).values())


def test_the_rate_rises_and_falls() -> None:
    found = [schedule(progress, 0.1) for progress in (0.0, 0.05, 0.1, 0.55, 1.0)]
    assert found[0] < 0.02
    assert found[1:] == pytest.approx([0.505, 1.0, 0.5, 0.0], abs=0.01)


def test_settings_can_be_changed_by_name() -> None:
    found = changed(TrainSettings(), ["batch=64", "loss.distil=4.0", "sources=('flickr8k',)"])
    assert found == replace(TrainSettings(), batch=64, loss=LossSettings(distil=4.0), sources=("flickr8k",))
    with pytest.raises(ValueError, match="no setting bach"):
        changed(TrainSettings(), ["bach=64"])
