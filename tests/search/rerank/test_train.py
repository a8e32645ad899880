"""Training of rerankers: it learns what only regions say, goes on after a kill, and refuses what does not help."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.errors import EncoderError, UsageError
from indexer.progress import Silent
from indexer.training.checkpoints import Checkpoints
from indexer.types import Float32
from search.rerank import reranker_files
from search.rerank.batches import Batches
from search.rerank.fitting import Trained, train
from search.rerank.fusion_model import FusionModel, FusionSettings
from search.rerank.token_pairs import TokenPairs
from search.rerank.training_settings import TrainingSettings
from search.rerank.validation import Matches, Queries, ReciprocalRanks, Weights, validation_of

pytestmark = pytest.mark.usefixtures("one_torch_thread")

WIDTH = 12
SETTINGS = TrainingSettings(
    epochs=8,
    batch=32,
    negatives=7,
    pool=32,
    late_rate=5e-2,
    joint_rate=3e-3,
    network=FusionSettings(WIDTH, hidden=16, heads=2, layers=1),
)

#: Enough to see that a run goes on where it was: three passes in each step, over fewer pictures.
SHORT = replace(SETTINGS, epochs=3)


def unit(rows: np.ndarray) -> Float32:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def toy(*, blind: bool = False, images: int = 400, held: int = 120, seed: int = 0) -> TokenPairs:
    """Each image shows four of 30 things in nine regions; each of its two captions names three of them in words of
    another basis. The vectors of the first stage say nothing. `blind`: neither do the regions."""
    rng = np.random.default_rng(seed)
    things, turn = unit(rng.normal(size=(30, WIDTH))), np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0]
    shown = np.stack([rng.choice(30, 4, replace=False) for _ in range(images)])  # (n, 4)
    pictured = rng.permutation(shown) if blind else shown
    regions = things[pictured[:, rng.integers(0, 4, 9)]] + 0.1 * rng.normal(size=(images, 9, WIDTH))  # (n, r, w)
    said = np.concatenate([shown[:, :3], shown[:, 1:]], axis=1).reshape(-1, 3)  # (2 n, 3)
    return TokenPairs(
        unit(rng.normal(size=(images, 16))),
        np.rint(127 * unit(regions)).astype(np.int8),
        unit(rng.normal(size=(2 * images, 16))),
        np.rint(127 * things[said.ravel()] @ turn).astype(np.int8),
        np.arange(0, 6 * images + 1, 3),
        np.arange(2 * images),
        np.repeat(np.arange(images), 2),
        np.arange(images) < held,
    )


def run(
    work: Path, pairs: TokenPairs, progress: Silent | None = None, settings: TrainingSettings = SETTINGS
) -> Trained:
    return train(pairs, settings, torch.device("cpu"), Checkpoints(work, "toy"), progress or Silent())


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return run(tmp_path_factory.mktemp("learned"), toy())


def short(work: Path, progress: Silent | None = None) -> Trained:
    return run(work, toy(images=160, held=60), progress, SHORT)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A short run that nothing stopped."""
    return short(tmp_path_factory.mktemp("whole"))


def test_what_only_regions_say_is_learned(learned: Trained) -> None:
    """60 images and 120 captions that were never seen and chose nothing; the first stage guesses among 120."""
    found = learned.gains
    assert found.images == 60
    texts, images = found.to_images, found.to_texts
    assert texts.before[0] < 0.1
    assert texts.after[0] > 0.15
    assert texts.after[2] > 0.5
    assert images.after[2] > 0.35  # 0.08 is chance
    assert found.helps
    assert texts.low < texts.gain < texts.high
    assert learned.weights.texts > 0
    assert {entry["step"] for entry in learned.log} == {1, 2}


def test_regions_that_say_nothing_are_refused(tmp_path: Path) -> None:
    found = run(tmp_path, toy(blind=True)).gains
    assert not found.helps
    assert found.to_images.after[0] < 0.1


class Kill(Silent):
    """Stops the run as its n-th pass begins."""

    def __init__(self, after: int) -> None:
        self.left = after

    def phase(self, name: str) -> None:
        if name.startswith("Training"):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt


@pytest.mark.parametrize("after", [2, 3, 5])
def test_a_killed_run_goes_on_to_the_same_bits(tmp_path: Path, whole: Trained, after: int) -> None:
    """In the first step, between the two, and in the second."""
    with pytest.raises(KeyboardInterrupt):
        short(tmp_path, Kill(after))
    again = short(tmp_path, Kill(len(whole.log) - after))  # does only what is left
    assert again.log == whole.log
    assert again.arrays.keys() == whole.arrays.keys()
    assert all(np.array_equal(again.arrays[name], whole.arrays[name]) for name in whole.arrays)
    assert (again.weights, again.gains, again.trust) == (whole.weights, whole.gains, whole.trust)


def test_a_training_of_a_gpu_goes_on_without_one(
    tmp_path: Path, whole: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint says of each tensor on what it lay; here of all that it was a GPU."""
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
    with pytest.raises(KeyboardInterrupt):
        short(tmp_path, Kill(3))
    monkeypatch.undo()
    assert b"cuda:0" in max(tmp_path.glob("*.pt")).read_bytes()
    again = short(tmp_path, Kill(len(whole.log) - 3))  # does only what is left
    assert again.notes == ()
    assert all(np.array_equal(again.arrays[name], whole.arrays[name]) for name in whole.arrays)


def test_a_gpu_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_model: FusionModel, _device: torch.device) -> FusionModel:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore")

    monkeypatch.setattr(FusionModel, "to", full)
    with pytest.raises(EncoderError, match=r"^The training failed on cuda:1 \(CUDA out of memory.*2 GiB\); .*pass\.$"):
        train(toy(images=160, held=60), SHORT, torch.device("cuda:1"), Checkpoints(tmp_path, "toy"), Silent())
    with pytest.raises(torch.OutOfMemoryError):  # of the CPU it would be a fault of ours
        short(tmp_path)


def test_a_damaged_checkpoint_is_replaced_by_the_one_before(tmp_path: Path, whole: Trained) -> None:
    with pytest.raises(KeyboardInterrupt):
        short(tmp_path, Kill(3))
    last = sorted(tmp_path.glob("*.pt"))[-1]
    data = bytearray(last.read_bytes())
    data[len(data) // 2] ^= 1
    last.write_bytes(data)
    again = short(tmp_path)
    assert len(again.notes) == 1
    assert "goes on from an earlier one" in again.notes[0]
    assert all(np.array_equal(again.arrays[name], whole.arrays[name]) for name in whole.arrays)


def test_all_checkpoints_damaged_begins_anew(tmp_path: Path, whole: Trained) -> None:
    with pytest.raises(KeyboardInterrupt):
        short(tmp_path, Kill(2))
    for path in tmp_path.glob("*.pt"):
        path.write_bytes(path.read_bytes()[:100])
    again = short(tmp_path)
    assert "begins anew" in again.notes[-1]
    assert again.log == whole.log


def test_a_checkpoint_that_cannot_be_read_is_not_called_damaged(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "one")
    for number in (1, 2):
        checkpoints.save(number, {"number": number})
    (tmp_path / "pass-0002.pt").unlink()
    (tmp_path / "pass-0002.pt").mkdir()  # also for root, who may read everything
    state, (note,) = checkpoints.load()
    assert state == {"number": 1}
    assert "cannot be read" in note
    assert "damaged" not in note


def test_a_checkpoint_of_other_pairs_is_never_taken(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "one").save(1, {"step": 0})
    with pytest.raises(UsageError, match="`restart=True`"):
        Checkpoints(tmp_path, "other").load()
    assert Checkpoints(tmp_path, "one").load() == ({"step": 0}, ())


def test_only_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "one")
    for number in (1, 2, 3, 12, 10_001):
        checkpoints.save(number, {"number": number})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pass-0012.pt", "pass-10001.pt"]
    assert checkpoints.load()[0] == {"number": 10_001}


# -- negatives ----------------------------------------------------------------------------------------------


def shared() -> TokenPairs:
    """Six images, the first two with the same caption (0), which the held-out sixth has as well."""
    eye = np.eye(6, dtype=np.float32)
    return TokenPairs(
        eye,
        np.ones((6, 1, 2), np.int8),
        eye[[0, 2, 3, 4]],
        np.ones((4, 2), np.int8),
        np.arange(5),
        np.array([0, 0, 1, 2, 3, 0]),
        np.array([0, 1, 2, 3, 4, 5]),
        np.arange(6) == 5,
    )


def test_what_is_right_is_no_negative() -> None:
    batches = Batches(shared(), torch.device("cpu"))
    assert batches.images.tolist() == [0, 1, 2, 3, 4]
    also = batches.right(np.array([0, 1, 2]), np.array([0, 0, 1]))
    assert also.tolist() == [[False, True, False], [True, False, False], [False, False, False]]
    hard_images, hard_texts = batches.mine(3)
    assert set(hard_images[0]) == {2, 3, 4}  # neither its own two images nor the one that is held out
    assert 2 not in hard_images[1]
    assert set(hard_texts[1]) == {1, 2, 3}
    assert (hard_texts[5] == -1).all()  # not trained on


def test_a_text_with_hardly_a_wrong_image_has_the_nearest_again() -> None:
    hard_images, _ = Batches(shared(), torch.device("cpu")).mine(64)
    assert hard_images.shape == (4, 4)
    assert set(hard_images[0]) == {2, 3, 4}


# -- validation ---------------------------------------------------------------------------------------------


def test_ranks_count_ties_against_the_right_one() -> None:
    right = np.array([[False, True, False], [True, True, False], [False, False, False]])
    queries = Queries(np.arange(3), np.zeros((3, 3), np.int64), np.zeros((3, 3), np.float32), right, np.arange(3))
    joined = np.array([[1, 1, 0], [2, 0, 1], [3, 2, 1]], np.float32)
    ranks = queries.ranks(joined)
    assert ranks[:2].tolist() == [2, 1]
    assert ranks[2] > 10  # not among the candidates


def test_weight_zero_is_the_first_stage_and_a_perfect_match_wins() -> None:
    pairs = toy(images=200, held=60)
    validation = validation_of(pairs, candidates=100)
    perfect = Matches(validation.texts.right.astype(np.float32), validation.images.right.astype(np.float32))
    weights, value = validation.best_weights(perfect)
    assert min(weights) > 0
    assert value > 0.95
    before, _ = validation.ranks(perfect, Weights(0.0, 0.0))
    order = np.argsort(-(pairs.text_vectors[:120] @ pairs.image_vectors[:60].T), axis=1)
    assert before.tolist() == [1 + order[text].tolist().index(text // 2) for text in range(120)]
    misleading = Matches(-perfect.texts, -perfect.images)
    assert validation.best_weights(misleading)[0] == (0.0, 0.0)
    assert not validation.gains(misleading).helps
    one_way = validation.gains(Matches(perfect.texts, -perfect.images))
    assert one_way.helps
    assert one_way.allowed(weights) == (weights.texts, 0.0)
    assert validation.gains(perfect).helps


def test_a_difference_within_noise_is_not_clear() -> None:
    rng = np.random.default_rng(0)
    base = ReciprocalRanks(rng.random(400), rng.random(300))
    noise = ReciprocalRanks(base.texts + rng.normal(0.0, 0.3, 400), base.images + rng.normal(0.0, 0.3, 300))
    assert not base.clearly_beats(base)
    assert sum(one.clearly_beats(other) for one, other in ((base, noise), (noise, base))) <= 1
    assert ReciprocalRanks(noise.texts + 0.1, noise.images + 0.1).clearly_beats(base)
    assert not base.clearly_beats(ReciprocalRanks(noise.texts + 0.1, noise.images + 0.1))


def test_reciprocal_ranks_of_images_have_the_mean_that_weights_are_chosen_by() -> None:
    validation = validation_of(toy(images=200, held=60), candidates=100)
    rng = np.random.default_rng(1)
    matches = Matches(
        *(side.right + rng.random(side.right.shape, np.float32) for side in (validation.texts, validation.images))
    )
    weights, value = validation.best_weights(matches)
    found = validation.reciprocal_ranks(matches, weights)
    assert [len(found.texts), len(found.images)] == [60, 60]
    assert np.isclose((found.texts.mean() + found.images.mean()) / 2, value)


@pytest.mark.parametrize("clearly", [False, True])
def test_words_and_regions_together_are_kept_unless_late_interaction_alone_is_clearly_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clearly: bool
) -> None:
    asked = []

    def beats(late: ReciprocalRanks, both: ReciprocalRanks) -> bool:
        asked.append((late, both))
        return clearly

    monkeypatch.setattr(ReciprocalRanks, "clearly_beats", beats)
    trained = short(tmp_path)
    assert len(asked) == 1
    assert bool(trained.arrays["outer.weight"].any()) is not clearly  # the last layer starts at zero


def test_what_an_unfinished_writer_left_is_nothing_else_than_a_reranker(tmp_path: Path) -> None:
    assert not reranker_files.is_foreign(tmp_path / "none")
    assert not reranker_files.is_foreign(tmp_path)
    (tmp_path / f"fusion-{'0' * 16}.safetensors").write_bytes(b"half")
    (tmp_path / ".reranker.json.0123abcd.tmp").write_bytes(b"{")
    assert not reranker_files.is_foreign(tmp_path)
    (tmp_path / "holiday.jpg").write_bytes(b"")
    assert reranker_files.is_foreign(tmp_path)
    assert reranker_files.is_foreign(tmp_path / "holiday.jpg")
