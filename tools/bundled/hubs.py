"""Hubs, things that are near to everything: their scores are lowered by how near, inside the vectors themselves.

In spaces of many dimensions some photographs are among the first for most texts, and some texts for most photographs.
The inverted softmax (Smith et al. 2017, arXiv 1702.03859; for retrieval with a bank of queries: Bogolin et al. 2022,
QB-Norm, arXiv 2112.12777) takes from each score

    h(x) = (1/k) log mean_b exp(k x . b)        b: a bank of vectors of the other kind; k: the sharpness

which is written here into three more numbers of each vector, so that an index and an inner product is all it needs:

    photograph: x, - g h_captions(x), - q (h_phrases(x) - h_captions(x)), 1/f
    text:       y,   1/g,                short / q,                       - f h_photographs(y)

What a text asks of many photographs ("a dog") and of one (a whole caption) differs, so its length says which of the two
banks of texts counts. A small g and q leave the likeness of photographs among each other as it is, and as all texts
have 1/g, a large q that of texts of unlike length. Two more numbers, one that is 0 for texts and one that is 0 for
photographs, make all vectors of a kind one length, which is then 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Numbers that are added to a vector.
ADDED: Final = 5


@dataclass(frozen=True, slots=True)
class HubSettings:
    """Chosen on Flickr8k's and COCO's `val` (see the model card).

    `..._sharpness`: k of each bank. `gain`, `phrase_gain`, `text_gain`: g, q and f, which share out what an inner
    product takes from both sides. `room`, `text_room`: what the added numbers are in a vector's squared length, beside
    1. `longest`, `width`: the middle and width of the sigmoid between phrases and captions, in word pieces. `centres`,
    `phrase_centres`: how many stand for a bank.
    """

    caption_sharpness: float = 20.0
    phrase_sharpness: float = 10.0
    photograph_sharpness: float = 20.0
    gain: float = 1.5
    phrase_gain: float = 3.0
    text_gain: float = 3.0
    room: float = 0.3
    text_room: float = 0.7
    longest: float = 6.5
    width: float = 0.25
    centres: int = 1024
    phrase_centres: int = 512


class Nearness(nn.Module):
    """h of a bank, by fewer vectors than it has: centres, each with a weight, fitted to what the bank itself says.

    `bank` (m, d) gives the first centres. The mean over what it was fitted to is taken off.
    """

    middle: Tensor

    def __init__(self, bank: Tensor, centres: int, sharpness: float, seed: int = 0) -> None:
        super().__init__()
        order = torch.randperm(len(bank), generator=torch.Generator().manual_seed(seed))
        self.sharpness = sharpness
        self.centres = nn.Parameter(bank[order[:centres]].T.contiguous())  # (d, k)
        self.weights = nn.Parameter(torch.full((self.centres.shape[1],), -math.log(self.centres.shape[1])))
        self.slope = nn.Parameter(torch.ones(()))
        self.register_buffer("middle", torch.zeros(()))

    def forward(self, vectors: Tensor) -> Tensor:
        """`vectors` (n, d). Returns (n, 1)."""
        near = torch.logsumexp(self.sharpness * (vectors @ self.centres) + self.weights, dim=-1, keepdim=True)
        return self.slope * near / self.sharpness - self.middle


class Hubs(nn.Module):
    """Vectors of both kinds with what is taken from the scores of hubs."""

    def __init__(self, captions: Nearness, phrases: Nearness, photographs: Nearness, settings: HubSettings) -> None:
        super().__init__()
        self.captions, self.phrases, self.photographs, self.settings = captions, phrases, photographs, settings

    def image(self, vectors: Tensor) -> Tensor:
        """`vectors` (n, d), unit norm. Returns (n, d + ADDED), unit norm."""
        s = self.settings
        captions = self.captions(vectors)
        added = [-s.gain * captions, -s.phrase_gain * (self.phrases(vectors) - captions)]
        added.append(torch.full_like(captions, 1 / s.text_gain))
        rest = _rest(added, s.room)
        return _joined([vectors, *added, rest, torch.zeros_like(rest)])

    def text(self, vectors: Tensor, pieces: Tensor) -> Tensor:
        """`vectors` (n, d), unit norm; `pieces` (n, 1): its word pieces. Returns (n, d + ADDED), unit norm."""
        s = self.settings
        short = torch.sigmoid((s.longest - pieces) / s.width)
        added = [torch.full_like(short, 1 / s.gain), short / s.phrase_gain, -s.text_gain * self.photographs(vectors)]
        rest = _rest(added, s.text_room)
        return _joined([vectors, *added, torch.zeros_like(rest), rest])


def _rest(added: list[Tensor], room: float) -> Tensor:
    used = torch.cat(added, dim=-1).square().sum(-1, keepdim=True)
    return torch.sqrt(torch.clamp(room - used, min=0.0))


def _joined(parts: list[Tensor]) -> Tensor:
    return F.normalize(torch.cat(parts, dim=-1), dim=-1)


@torch.inference_mode()
def nearness(
    vectors: Tensor, bank: Tensor, sharpness: float, owners: Tensor | None = None, of: Tensor | None = None
) -> Tensor:
    """h of each vector, by the whole bank: `vectors` (n, d), `bank` (m, d). Returns (n, 1).

    What belongs to a vector is left out, as the bank of a stranger's photographs would lack it: `owners` (n,) and `of`
    (m,) int64 have the same number, from 0 on, for what belongs together; -1 is nobody.
    """
    found = []
    places = torch.full((len(vectors),), -2) if owners is None else owners
    whose = torch.full((len(bank),), -1) if of is None else of
    for part, own in zip(torch.split(vectors, 512), torch.split(places, 512), strict=True):
        scores = sharpness * (part @ bank.T)  # (n, m)
        scores = scores.masked_fill((own[:, None] == whose) & (own[:, None] >= 0), -torch.inf)
        found.append(torch.logsumexp(scores, dim=-1, keepdim=True) - math.log(len(bank)))
    return torch.cat(found) / sharpness


def fit_nearness(
    vectors: Tensor, wanted: Tensor, bank: Tensor, centres: int, sharpness: float, steps: int = 1500
) -> Nearness:
    """What says of `vectors` (n, d) about what the whole `bank` (m, d) says of them: `wanted` (n, 1)."""
    torch.manual_seed(0)
    model = Nearness(bank, centres, sharpness)
    model.middle = wanted.mean()
    rates = [2e-3, 1e-2, 2e-3]
    parameters = [model.centres, model.weights, model.slope]
    optimizer = torch.optim.Adam([{"params": [one], "lr": rate} for one, rate in zip(parameters, rates, strict=True)])
    for step in range(steps):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        chosen = torch.randint(len(vectors), (512,))
        error = (model(vectors[chosen]) - (wanted[chosen] - model.middle)).square().mean()
        optimizer.zero_grad()
        (1e4 * error).backward()
        optimizer.step()
    return model.eval().requires_grad_(False)
