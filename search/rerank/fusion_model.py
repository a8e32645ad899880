"""The fusion model: the words of a text meet the regions of an image, and one number says how well they match.

    words (T, w)   regions (R, w)                  tokens of a frozen encoder, unit vectors
        |              |
        +--- (a) late interaction ---+             each word looks for its regions, is compared with what it found
        |              |             |
        +--- (b) blocks of cross-attention ---+    words are queries; regions are keys and values
                                     |        |
                         score  =  late  +  matching

(a) is SCAN's text-to-image stacked attention (Lee et al., ECCV 2018, arXiv 1803.08024) with a learned importance of
each word: few weights, that start as the identity, so it is right from the start and learns from little data. (b) is
an image-text-matching head as in ALBEF (Li et al. 2021, arXiv 2107.07651) on the co-attention of ViLBERT (Lu et al.
2019, arXiv 1908.02265), in one direction; its last layer starts at zero, so that it can only add to (a). Frozen
tokens, cached and met by a small joint encoder: EDJE (arXiv 2510.06820). Words never meet each other here: the text
encoder has already joined them, so that each word of each pair is a row of its own.

Training only: `search.rerank.fusion_reranker` is the same computation in numpy, and a test holds the two together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Below this length a vector counts as this long: tokens of zeros have no direction.
SHORTEST = 1e-6


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """The sizes of the network.

    `width`: of the encoder's tokens. `hidden`: of the blocks; 128 numbers a word rerank 100 images in about 15 ms on
    one core, and more does not pay on tens of thousands of captions. `widening`: of the feed-forward layers.
    """

    width: int = 64
    hidden: int = 128
    heads: int = 4
    layers: int = 2
    widening: int = 2
    dropout: float = 0.3


class Late(NamedTuple):
    """(a) of each pair. `score` (...), `weights` (..., T) sum 1, `similarities` (..., T), `attention` (..., T, R)
    each word sums to 1, `found` (..., T, w): what each word found, unit norm."""

    score: Tensor
    weights: Tensor
    similarities: Tensor
    attention: Tensor
    found: Tensor


class Fused(NamedTuple):
    """(a) and (b) of each pair: `score` (...) is their sum, `matching` (...) is (b), the logit of image-text matching,
    `pooled` (..., h) what it is made of; the rest is as in `Late`."""

    score: Tensor
    matching: Tensor
    pooled: Tensor
    weights: Tensor
    similarities: Tensor
    attention: Tensor


class LateInteraction(nn.Module):
    """(a): each word against the regions that it attends to.

        e_tr = cos(A word_t, B region_r)     attention_tr = softmax_r(sharpness e_tr)
        s_t  = cos(A word_t, sum_r attention_tr B region_r)
        score = gain sum_t weight_t s_t      weight_t = softmax_t(u . word_t)

    A and B start as the identity, u at zero. The gain is the inverse of the contrastive temperature.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.word_map = nn.Linear(width, width, bias=False)
        self.region_map = nn.Linear(width, width, bias=False)
        nn.init.eye_(self.word_map.weight)
        nn.init.eye_(self.region_map.weight)
        self.importance = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.importance.weight)
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(10.0)))
        self.log_gain = nn.Parameter(torch.tensor(math.log(1 / 0.07)))  # as CLIP starts

    def map_words(self, words: Tensor) -> Tensor:
        """(..., T, w) -> (..., T, w), unit norm."""
        return F.normalize(self.word_map(words), dim=-1, eps=SHORTEST)

    def map_regions(self, regions: Tensor) -> Tensor:
        """(..., R, w) -> (..., R, w), unit norm."""
        return F.normalize(self.region_map(regions), dim=-1, eps=SHORTEST)

    def weigh(self, words: Tensor, mask: Tensor) -> Tensor:
        """How much each word counts: (..., T), sum 1, 0 where `mask` (..., T) bool is False."""
        raw = self.importance(words).squeeze(-1) * math.sqrt(words.shape[-1])  # (..., T)
        weights: Tensor = raw.masked_fill(~mask, -torch.inf).softmax(-1)
        return weights

    def forward(self, words: Tensor, mask: Tensor, regions: Tensor) -> Late:
        """`words` (..., T, w), `mask` (..., T) bool, `regions` (..., R, w); leading axes are broadcast."""
        u, v = self.map_words(words), self.map_regions(regions)
        attention = (self.log_sharpness.exp() * u @ v.transpose(-1, -2)).softmax(-1)  # (..., T, R)
        found = F.normalize(attention @ v, dim=-1, eps=SHORTEST)  # (..., T, w)
        similarities = (u * found).sum(-1)  # (..., T)
        weights = self.weigh(words, mask)  # (..., T)
        score = self.log_gain.exp() * (weights * similarities).sum(-1)  # (...)
        return Late(score, weights, similarities, attention, found)

    def all_pairs(self, words: Tensor, mask: Tensor, regions: Tensor) -> Tensor:
        """The score of each text with each image: `words` (q, T, w), `mask` (q, T), `regions` (n, R, w) -> (n, q).

        The padding of short texts is left out of the work, which is most of it.
        """
        weights = self.weigh(words, mask)[mask]  # (m,), m words in all
        u, v = self.map_words(words[mask]), self.map_regions(regions)  # (m, w), (n, R, w)
        attention = (self.log_sharpness.exp() * u @ v.transpose(-1, -2)).softmax(-1)  # (n, m, R)
        found = attention @ v  # (n, m, w)
        similarities = (u * found).sum(-1) / found.norm(dim=-1).clamp(min=SHORTEST)  # (n, m)
        text_of_word = mask.nonzero()[:, 0]  # (m,)
        pool = F.one_hot(text_of_word, len(words)).to(weights.dtype) * weights[:, None]  # (m, q)
        scores: Tensor = self.log_gain.exp() * similarities @ pool
        return scores


class Block(nn.Module):
    """Words attend over regions (several heads), then a feed-forward layer; both are added, normalised first."""

    def __init__(self, settings: FusionSettings) -> None:
        super().__init__()
        width, hidden = settings.width, settings.hidden
        self.heads = settings.heads
        self.attention_norm = nn.LayerNorm(hidden)
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(width, hidden, bias=False)  # a bias would move all regions of a word alike
        self.value = nn.Linear(width, hidden, bias=False)  # ... or be the same for all words
        self.out = nn.Linear(hidden, hidden)
        self.feed_norm = nn.LayerNorm(hidden)
        self.widen = nn.Linear(hidden, settings.widening * hidden)
        self.narrow = nn.Linear(settings.widening * hidden, hidden)
        self.drop = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor, regions: Tensor) -> Tensor:
        """`x` (..., T, h), `regions` (..., R, w), leading axes broadcast -> (..., T, h)."""
        q = self._split(self.query(self.attention_norm(x)))  # (..., H, T, h / H)
        k, v = self._split(self.key(regions)), self._split(self.value(regions))  # (..., H, R, h / H)
        attention = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(-1)  # (..., H, T, R)
        found = (attention @ v).transpose(-2, -3).flatten(-2)  # (..., T, h)
        x = x + self.drop(self.out(found))
        joined: Tensor = x + self.drop(self.narrow(F.silu(self.widen(self.feed_norm(x)))))
        return joined

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(-2, -3)


class FusionModel(nn.Module):
    """Both parts. Tokens come as float32, int8 divided by 127."""

    def __init__(self, settings: FusionSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or FusionSettings()
        width, hidden = self.settings.width, self.settings.hidden
        self.late = LateInteraction(width)
        self.enter = nn.Linear(3 * width, hidden)
        self.blocks = nn.ModuleList(Block(self.settings) for _ in range(self.settings.layers))
        self.norm = nn.LayerNorm(hidden)
        self.inner = nn.Linear(hidden, hidden)
        self.drop = nn.Dropout(self.settings.dropout)
        self.outer = nn.Linear(hidden, 1)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, words: Tensor, mask: Tensor, regions: Tensor) -> Fused:
        """`words` (..., T, w), `mask` (..., T) bool, True where there is a word, `regions` (..., R, w).

        Leading axes are broadcast: (b, 1, T, w) with (b, k, R, w) are k images for each of b texts. Every text has at
        least one word.
        """
        late = self.late(words, mask, regions)
        x = self._meet(words, regions, late)  # (..., T, h)
        pooled = (late.weights.unsqueeze(-1) * x).sum(-2)  # (..., h)
        matching = self._matching(pooled)  # (...)
        return Fused(late.score + matching, matching, pooled, late.weights, late.similarities, late.attention)

    def packed(self, words: Tensor, text_of: Tensor, count: int, regions: Tensor) -> Tensor:
        """The scores (b, count) of `count` texts with each of b images, without padding every text to the longest.

        `words` (b, m, w): those of all texts of an image, `text_of` (b, m) int64: which text each belongs to, -1 for
        none. `regions` (b, r, w). Every text has at least one word.
        """
        late = self.late(words, text_of >= 0, regions)
        x = self._meet(words, regions, late)  # (b, m, h)
        member = F.one_hot(text_of + 1, count + 1)[..., 1:].bool()  # (b, m, count)
        raw = self.late.importance(words) * math.sqrt(words.shape[-1])  # (b, m, 1)
        weights = torch.where(member, raw, -torch.inf).softmax(-2).transpose(-1, -2)  # (b, count, m)
        score = self.late.log_gain.exp() * (weights @ late.similarities.unsqueeze(-1)).squeeze(-1)  # (b, count)
        joined: Tensor = score + self._matching(weights @ x)
        return joined

    def _meet(self, words: Tensor, regions: Tensor, late: Late) -> Tensor:
        """What the words have become after all blocks: (..., T, h)."""
        scale = math.sqrt(words.shape[-1])  # unit vectors to entries of about 1
        u = self.late.map_words(words).expand_as(late.found)
        x = self.enter(scale * torch.cat([u, late.found, scale * u * late.found], dim=-1))
        for block in self.blocks:
            x = block(x, scale * regions)
        met: Tensor = self.norm(x)
        return met

    def _matching(self, pooled: Tensor) -> Tensor:
        """(..., h) -> (...): the logit of image-text matching."""
        logit: Tensor = self.outer(self.drop(F.silu(self.inner(pooled)))).squeeze(-1)
        return logit
