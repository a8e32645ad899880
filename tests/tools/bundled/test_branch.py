"""The learned branch: towers that are cut and joined again, late interaction, and a training that can be stopped."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from tools.bundled import align
from tools.bundled.align import AlignSettings, Branch, Texts, train_branch, vectors_of
from tools.bundled.branch import ImageBranch, LateInteraction, TextBranch, as_tokens, project
from tools.bundled.class_channel import ClassChannel
from tools.bundled.datasets import View, load_pixels
from tools.bundled.heads import HeadSettings
from tools.bundled.towers import ImageTower, TextTower, sentence

HEAD = HeadSettings(dimension=6, hidden=8, pairs=2, grid=2, token_width=8, token_hidden=8)
SETTINGS = AlignSettings(passes=2, batch=4, parts=2)


@pytest.fixture(scope="module")
def image_tower() -> ImageTower:
    torch.manual_seed(0)
    return ImageTower().eval()


@pytest.fixture(scope="module")
def text_tower() -> TextTower:
    torch.manual_seed(0)
    return TextTower().eval()


def token_ids(rows: int, seed: int = 0) -> torch.Tensor:
    """(rows, 9) int64: a start, two to seven words, an end, padding."""
    random = np.random.default_rng(seed)
    ids = np.zeros((rows, 9), np.int64)
    for row in ids:
        words = int(random.integers(2, 8))
        row[: words + 2] = [101, *random.integers(1000, 9000, words), 102]
    return torch.from_numpy(ids)


@torch.inference_mode()
def test_the_cut_image_tower_is_the_whole_one(image_tower: ImageTower) -> None:
    pixels = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    whole = image_tower.net((pixels.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5)
    trunk = image_tower.trunk(pixels)
    torch.testing.assert_close(image_tower.logits(trunk), whole, rtol=1e-4, atol=1e-4)
    top = image_tower.top()
    torch.testing.assert_close(image_tower.net.classifier(top(trunk)[1].mean(dim=(2, 3))), whole, rtol=1e-4, atol=1e-4)
    assert not top.train().norm.training


@torch.inference_mode()
def test_the_text_tower_can_be_cut_anywhere(text_tower: TextTower) -> None:
    ids = token_ids(3)
    whole = text_tower(ids)
    for layers in (0, 3, 6):
        trunk = text_tower.trunk(ids, layers)
        torch.testing.assert_close(sentence(text_tower.rest(trunk, ids, layers), ids), whole)
        torch.testing.assert_close(sentence(text_tower.top(layers)(trunk, ids), ids), whole)


def test_late_interaction_is_what_its_formula_says() -> None:
    late = LateInteraction()
    words, regions = F.normalize(torch.randn(5, 4), dim=-1), F.normalize(torch.randn(3, 6, 4), dim=-1)
    texts, weights = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0.25, 0.75, 0.5, 0.3, 0.2])
    found = late(words, weights, texts, 2, regions)
    k = math.exp(late.log_sharpness.item())
    for text in range(2):
        for image in range(3):
            expected = sum(
                weights[w] * math.log(sum(math.exp(k * words[w] @ r) for r in regions[image]) / 6) / k
                for w in range(5)
                if texts[w] == text
            )
            assert found[text, image].item() == pytest.approx(float(expected), abs=1e-5)


def test_tokens_fill_int8() -> None:
    unit = F.normalize(torch.randn(4, 3, 8), dim=-1)
    unit[0, 0] = torch.eye(8)[0]
    tokens = as_tokens(unit)
    assert tokens.dtype == torch.int8
    assert tokens[0, 0].tolist() == [127, 0, 0, 0, 0, 0, 0, 0]
    torch.testing.assert_close(tokens / 127, unit, atol=0.5 / 127 + 1e-6, rtol=0)


def branch_of(image_tower: ImageTower, text_tower: TextTower) -> Branch:
    torch.manual_seed(1)
    image = ImageBranch(image_tower.top(), 384, HEAD)
    return Branch(image, TextBranch(text_tower.top(3), torch.zeros(384), HEAD), text_tower, 3)


def data() -> tuple[list[np.ndarray], Texts]:
    random = np.random.default_rng(0)
    trunks = [random.normal(size=(8, 208, 3, 3)).astype(np.float16) for _ in range(2)]
    return trunks, Texts(np.stack([token_ids(8, seed).numpy() for seed in (1, 2)], axis=1))


def test_training_learns_and_keeps_the_widest_axes(
    image_tower: ImageTower, text_tower: TextTower, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    branch, (trunks, texts) = branch_of(image_tower, text_tower), data()
    settings = AlignSettings(passes=12, batch=4, parts=2)
    train_branch(branch, trunks, texts, settings, HEAD, tmp_path)
    losses = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]
    assert losses[-1] < losses[0] - 0.3
    with torch.inference_mode():
        u, v = vectors_of(branch, trunks[0], texts.ids[:, 0])
        images, texts_found = project(u, branch.image.axes), project(v, branch.text.axes)
    assert images.shape == texts_found.shape == (8, HEAD.dimension)
    torch.testing.assert_close(images.norm(dim=1), torch.ones(8))
    vectors, tokens = branch.image(torch.from_numpy(trunks[0]).float())
    torch.testing.assert_close(vectors, images, atol=1e-4, rtol=1e-4)
    assert tokens.shape == (8, 4, 8)


def test_a_training_that_was_stopped_ends_the_same(
    image_tower: ImageTower, text_tower: TextTower, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunks, texts = data()
    whole, stopped = branch_of(image_tower, text_tower), branch_of(image_tower, text_tower)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    train_branch(whole, trunks, texts, SETTINGS, HEAD, tmp_path / "a")
    keep = align._keep

    def keep_and_stop(*arguments: object) -> None:
        keep(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(align, "_keep", keep_and_stop)
        with pytest.raises(KeyboardInterrupt):
            train_branch(stopped, trunks, texts, SETTINGS, HEAD, tmp_path / "b")
    other = branch_of(image_tower, text_tower)
    train_branch(other, trunks, texts, SETTINGS, HEAD, tmp_path / "b")
    for (name, one), two in zip(whole.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(one, two), name


def test_a_view_is_the_same_part_every_time(tmp_path: Path) -> None:
    picture = Image.effect_noise((90, 60), 80).convert("RGB")
    picture.save(tmp_path / "noise.png")
    view = View(32, crop=True)
    first, second = (load_pixels(tmp_path / "noise.png", view.preprocessing(), view) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    plain = load_pixels(tmp_path / "noise.png", view.preprocessing())
    assert first.shape == plain.shape
    assert not np.array_equal(first, plain)
    assert str(view) != str(View(32))


def test_whitening_tells_like_names_apart() -> None:
    common = F.normalize(torch.randn(1, 16), dim=-1)
    embeddings = F.normalize(4 * common * torch.randn(30, 1) + torch.randn(30, 16), dim=-1)
    plain, white = (ClassChannel(embeddings, 1.0, 16, whitening) for whitening in (0.0, 1.0))
    sure = torch.eye(30) * 50  # one class each
    for channel in (plain, white):
        assert (channel.text(embeddings) @ channel.image(sure).T).argmax(dim=1).tolist() == list(range(30))
    spread = [
        (channel.image(sure) @ channel.image(sure).T).fill_diagonal_(0).abs().mean().item()
        for channel in (plain, white)
    ]
    assert spread[1] < spread[0]
