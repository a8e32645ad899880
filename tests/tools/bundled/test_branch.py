"""The learned branch: towers that are cut and joined again, late interaction, tokens, class names."""

from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as F

from tools.bundled.branch import LateInteraction, as_tokens
from tools.bundled.class_channel import ClassChannel
from tools.bundled.towers import ImageTower, TextTower, sentence


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
    ids = torch.tensor([[101, 2000, 2001, 102, 0], [101, 2002, 102, 0, 0], [101, 2003, 2004, 2005, 102]])
    whole = text_tower(ids)
    for layers in (0, 3, 6):
        trunk = text_tower.trunk(ids, layers)
        torch.testing.assert_close(sentence(text_tower.rest(trunk, ids, layers), ids), whole)
        torch.testing.assert_close(sentence(text_tower.top(layers)(trunk, ids), ids), whole)


def test_norms_folded_into_convolutions_are_the_same_function(image_tower: ImageTower) -> None:
    tower = copy.deepcopy(image_tower)
    for norm in (module for module in tower.modules() if hasattr(module, "running_var")):
        torch.nn.init.uniform_(norm.running_var, 0.5, 2)
        torch.nn.init.uniform_(norm.running_mean, -0.1, 0.1)
        torch.nn.init.uniform_(norm.weight.data, 0.5, 1.5)
    pixels = torch.randint(0, 256, (2, 65, 65, 3), dtype=torch.uint8)
    folded = tower.logits(tower.trunk(pixels))
    with torch.no_grad():
        plain = tower.logits(tower.trunk(pixels))
    assert folded.requires_grad
    torch.testing.assert_close(folded.detach(), plain, rtol=1e-3, atol=1e-4)


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
