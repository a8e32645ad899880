"""What is taken from the scores of hubs lies in the vectors: an inner product says it, and nothing else changes."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tools.bundled.hubs import ADDED, Hubs, HubSettings, Nearness, fit_nearness, nearness

#: In 16 dimensions more is taken off than in 448.
SETTINGS = HubSettings(room=6.0, text_room=6.0, centres=64, phrase_centres=32)
PHRASE, CAPTION = 2.0, 12.0


def vectors(count: int, seed: int, spread: float = 1.0) -> Tensor:
    """(count, 16), unit norm, around a common direction."""
    drawn = torch.randn(count, 16, generator=torch.Generator().manual_seed(seed))
    return F.normalize(spread * drawn + torch.ones(16), dim=-1)


def hubs() -> Hubs:
    banks = [(vectors(300, 3), SETTINGS.caption_sharpness), (vectors(200, 4), SETTINGS.phrase_sharpness)]
    banks.append((vectors(400, 5), SETTINGS.photograph_sharpness))
    found = [Nearness(bank, 64, sharpness).requires_grad_(False) for bank, sharpness in banks]
    for one in found:
        one.middle = one(vectors(100, 6)).mean()
    return Hubs(found[0], found[1], found[2], SETTINGS).eval()


def test_an_inner_product_is_the_similarity_less_how_near_both_are_to_all() -> None:
    model, images, texts = hubs(), vectors(20, 1), vectors(30, 2)
    for pieces, bank in ((PHRASE, model.phrases), (CAPTION, model.captions)):
        said = model.text(texts, torch.full((30, 1), pieces))
        found = model.image(images) @ said.T  # (20, 30)
        length = np.sqrt((1 + SETTINGS.room) * (1 + SETTINGS.text_room))
        expected = (images @ texts.T - bank(images) - model.photographs(texts).T) / length
        assert torch.allclose(found, expected, atol=1e-5)


def test_vectors_have_unit_norm_and_five_numbers_more() -> None:
    model = hubs()
    for found in (model.image(vectors(20, 1)), model.text(vectors(20, 2), torch.full((20, 1), CAPTION))):
        assert found.shape == (20, 16 + ADDED)
        assert torch.allclose(found.norm(dim=-1), torch.ones(20))


def test_nearness_is_the_mean_in_the_exponent_without_what_belongs_to_the_vector() -> None:
    asked, bank = vectors(5, 1), vectors(9, 2)
    owners, of = torch.arange(5), torch.tensor([0, 0, 1, 2, 2, 2, 4, -1, -1])
    found = nearness(asked, bank, 7.0, owners, of)
    for row in range(5):
        kept = [place for place in range(9) if int(of[place]) != row]
        mean = sum(float(np.exp(7.0 * float(asked[row] @ bank[place]))) for place in kept) / 9
        assert np.isclose(float(found[row, 0]), np.log(mean) / 7.0, atol=1e-5)


def test_few_centres_say_what_a_whole_bank_says() -> None:
    bank, asked, others = vectors(600, 1), vectors(2000, 2), vectors(300, 3)
    wanted = nearness(asked, bank, 10.0)
    model = fit_nearness(asked, wanted, bank, 32, 10.0, steps=300)
    exact, said = nearness(others, bank, 10.0) - wanted.mean(), model(others)
    assert float((exact - said).square().mean() / exact.var()) < 0.1


def test_a_photograph_that_is_near_to_all_comes_first_less_often() -> None:
    bank, captions = vectors(300, 1), vectors(60, 2)
    noise = torch.randn(60, 16, generator=torch.Generator().manual_seed(3))
    meant = F.normalize(captions + 1.2 * F.normalize(noise, dim=-1), dim=-1)  # each caption's own photograph
    images = torch.cat([F.normalize(bank.mean(0, keepdim=True), dim=-1), meant])
    near = Nearness(bank, 300, 20.0).requires_grad_(False)
    near.middle = near(bank).mean()
    model = Hubs(near, near, near, SETTINGS).eval()
    texts = model.text(captions, torch.full((60, 1), CAPTION))
    before, after = captions @ images.T, texts @ model.image(images).T  # (60, 61)
    first = [int((scores.argmax(1) == 0).sum()) for scores in (before, after)]
    right = [int((scores.argmax(1) == torch.arange(1, 61)).sum()) for scores in (before, after)]
    assert first[0] > 20 > 2 * first[1]
    assert right[1] > right[0]


def test_texts_of_unlike_length_are_as_alike_as_others() -> None:
    model, texts = hubs(), vectors(50, 2)
    short, long = (model.text(texts, torch.full((50, 1), pieces)) for pieces in (PHRASE, CAPTION))
    of_one_length, of_two = (long @ long.T).diagonal(), (short @ long.T).diagonal()
    assert float((of_one_length - of_two).abs().max()) < 0.05
