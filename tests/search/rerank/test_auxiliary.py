"""Auxiliary losses of a reranker: captions that lack a word, what is learned from them, and how a kill is survived."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from indexer.encoders.base import Encoder
from indexer.encoders.batches import encode_texts
from indexer.encoders.registry import load_encoder
from indexer.errors import UsageError
from indexer.progress import Silent
from search.rerank.auxiliary import MaskedWordHead, matching_loss
from search.rerank.batches import Batches
from search.rerank.clozes import Clozes, clozes_of
from search.rerank.fitting import Trained
from search.rerank.fusion_model import FusionModel
from search.rerank.token_pairs import TokenPairs
from search.rerank.training_settings import TrainingSettings
from tests.search.rerank.test_train import SHORT, Kill, run, toy

pytestmark = pytest.mark.usefixtures("one_torch_thread")

BOTH = replace(SHORT, matching=0.5, masked=0.5)
TEXTS = ["a dog and a dog", "a dog on the beach", "the beach", "Beach!", "a cat", "12", "a dog runs"]


@pytest.fixture(scope="module")
def bundled() -> Encoder:
    return load_encoder("bundled")


def with_clozes(pairs: TokenPairs) -> TokenPairs:
    """Texts of `toy` without their first word, which is one of 30 things."""
    words = pairs.word_tokens.reshape(len(pairs.text_vectors), 3, -1)
    trained = np.unique(pairs.pair_texts[~pairs.validation[pairs.pair_images]])
    place = np.full(len(words), -1, np.int64)
    place[trained] = np.arange(len(trained))
    different, answers = np.unique(words[trained, 0], axis=0, return_inverse=True)
    return replace(
        pairs,
        clozes=Clozes(
            place,
            words[trained, 1:].reshape(2 * len(trained), -1),
            2 * np.arange(len(trained) + 1),
            answers.astype(np.int64),
            tuple(map(str, range(len(different)))),
        ),
    )


def short(work: Path, progress: Silent | None = None) -> Trained:
    return run(work, with_clozes(toy(images=160, held=60)), progress, BOTH)


def test_one_word_is_left_out_wherever_it_is_said(bundled: Encoder, tmp_path: Path) -> None:
    found = clozes_of(TEXTS, np.array([0, 1, 2, 3, 4, 5, 6]), bundled, tmp_path, Silent(), least=3)
    assert found is not None
    assert found.vocabulary == ("beach", "dog")
    rest = {0: "a and a", 1: "a on the beach", 2: "the", 6: "a runs"}
    if found.vocabulary[found.answers[found.place[1]]] == "beach":
        rest[1] = "a dog on the"
    assert {at for at, place in enumerate(found.place) if place >= 0} == rest.keys()  # nothing is left of "Beach!"
    expected = encode_texts(bundled, list(rest.values()), tokens=True).tokens or ()
    for at, tokens in zip(rest, expected, strict=True):
        place = found.place[at]
        own = found.word_tokens[found.word_offsets[place] : found.word_offsets[place + 1]]
        assert np.array_equal(own, tokens)
        assert found.vocabulary[found.answers[place]] in TEXTS[at].casefold()


def test_texts_that_are_not_trained_on_have_none_and_teach_no_word(bundled: Encoder, tmp_path: Path) -> None:
    found = clozes_of(TEXTS, np.array([0, 1, 6]), bundled, tmp_path, Silent(), least=3)
    assert found is not None
    assert found.vocabulary == ("dog",)
    assert np.flatnonzero(found.place >= 0).tolist() == [0, 1, 6]
    assert clozes_of(TEXTS, np.array([4, 5]), bundled, tmp_path, Silent(), least=3) is None


def test_they_are_encoded_once(bundled: Encoder, tmp_path: Path) -> None:
    class Deaf:
        identity, token_shape = bundled.identity, bundled.token_shape

    first = clozes_of(TEXTS, np.arange(7), bundled, tmp_path, Silent(), least=3)
    again = clozes_of(TEXTS, np.arange(7), Deaf(), tmp_path, Silent(), least=3)  # type: ignore[arg-type]
    assert first is not None
    assert again is not None
    assert np.array_equal(first.word_tokens, again.word_tokens)


def test_matching_is_cross_entropy_of_two_classes() -> None:
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    right = F.binary_cross_entropy_with_logits(logits[:, 0], torch.ones(5))
    wrong = F.binary_cross_entropy_with_logits(logits[:, 1:], torch.zeros(5, 3))
    assert matching_loss(logits).item() == pytest.approx(((right + wrong) / 2).item(), abs=1e-6)
    assert matching_loss(logits[:, :1]).item() == pytest.approx(right.item(), abs=1e-6), "no negative"


def test_the_word_that_is_missing_is_learned_from_the_regions() -> None:
    """The other words say nothing of it; with the regions of another image it cannot be told."""
    pairs = with_clozes(toy(images=300, held=60))
    assert pairs.clozes is not None
    batches = Batches(pairs, torch.device("cpu"))
    texts = batches.texts[:400]
    rows, words, mask, answers = batches.clozes(texts)
    images = pairs.pair_images[texts]  # text i is that of pair i
    regions = batches.regions(images)
    torch.manual_seed(0)
    network = replace(SHORT.network, dropout=0.0)
    model, head = FusionModel(network), MaskedWordHead(network, len(pairs.clozes.vocabulary))
    optimizer = torch.optim.AdamW([*model.parameters(), *head.parameters()], 1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        F.cross_entropy(head(model(words, mask, regions).pooled), answers).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    def right(seen: torch.Tensor) -> float:
        return float((head(model(words, mask, seen).pooled).argmax(1) == answers).float().mean())

    assert len(rows) == len(texts)
    assert right(regions) > 0.6
    assert right(regions[torch.arange(len(texts)) - 7]) < 0.25


@pytest.mark.parametrize("after", [3, 5])
def test_a_killed_run_with_both_losses_goes_on_to_the_same_bits(tmp_path: Path, after: int) -> None:
    whole = short(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        short(tmp_path / "killed", Kill(after))
    again = short(tmp_path / "killed", Kill(len(whole.log) - after))
    assert again.log == whole.log
    assert all(np.array_equal(again.arrays[name], whole.arrays[name]) for name in whole.arrays)
    assert not any("outer.norm" in name or "masked" in name for name in again.arrays), "heads are of the training alone"


def test_losses_change_what_is_learned(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain", toy(images=160, held=60), None, SHORT)
    first_step = [entry["loss"] for entry in plain.log[:3]]
    for place, settings in enumerate([replace(BOTH, masked=0.0), replace(BOTH, matching=0.0)]):
        found = run(tmp_path / str(place), with_clozes(toy(images=160, held=60)), None, settings)
        assert [entry["loss"] for entry in found.log[:3]] == first_step
        assert [entry["loss"] for entry in found.log[3:]] != [entry["loss"] for entry in plain.log[3:]]


@pytest.mark.parametrize("given", [-1.0, float("nan"), 101])
def test_how_much_a_loss_counts_is_checked(given: float) -> None:
    with pytest.raises(UsageError, match="matching"):
        TrainingSettings(matching=given)
    with pytest.raises(UsageError, match="masked"):
        TrainingSettings(masked=given)
