"""The learned branch: the tops of both towers, copied and trained, and the heads on them.

image trunk (frozen) -> top -> mean over places -> image heads -> one vector
                            -> 7 x 7 regions    -> region head -> region tokens
text trunk  (frozen) -> top -> mean over words  -> text heads  -> one vector
                            -> each word        -> word head   -> word tokens
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indexer.training.contrastive import Temperature
from tools.bundled.heads import HeadSettings, ImageHead, TextHead, TokenHead
from tools.bundled.towers import IMAGE_FEATURES, MAP_CHANNELS, WIDTH, ImageTop, TextTop, sentence

#: A token is a unit vector times this, rounded: it fills int8 on both sides of zero.
TOKEN_SCALE = 127.0


class ImageBranch(nn.Module):
    """What the learned branch says about photographs."""

    axes: Tensor

    def __init__(self, top: ImageTop, space: int, settings: HeadSettings) -> None:
        super().__init__()
        self.top = top
        width = IMAGE_FEATURES + MAP_CHANNELS
        self.heads = nn.ModuleList(ImageHead(width, space, settings) for _ in range(settings.pairs))
        self.region_head = TokenHead(MAP_CHANNELS, settings)
        self.places = nn.Parameter(torch.zeros(settings.grid**2, settings.token_width))
        self.grid = settings.grid
        self.register_buffer("axes", torch.eye(space * settings.pairs))  # (pairs * space, dimension)

    def features(self, trunk: Tensor) -> tuple[Tensor, Tensor]:
        """`trunk` (n, 208, h, w). Returns pooled features (n, 1632) and regions (n, R, 352)."""
        maps, last = (x.float() for x in self.top(trunk))
        pooled = [F.layer_norm(x, x.shape[1:]) for x in (last.mean(dim=(2, 3)), maps.mean(dim=(2, 3)))]
        regions = F.adaptive_avg_pool2d(maps, self.grid).flatten(2).transpose(1, 2)
        return torch.cat(pooled, dim=1), regions

    def vectors(self, pooled: Tensor) -> Tensor:
        """Each head's vectors: (pairs, n, space), unit norm."""
        return torch.stack([head(pooled) for head in self.heads])

    def regions(self, regions: Tensor) -> Tensor:
        """(n, R, token_width), unit norm."""
        return F.normalize(self.region_head(regions) + self.places, dim=-1)

    def forward(self, trunk: Tensor) -> tuple[Tensor, Tensor]:
        """Returns vectors (n, dimension) of unit norm, and tokens (n, R, token_width) int8."""
        pooled, regions = self.features(trunk)
        return project(self.vectors(pooled), self.axes), as_tokens(self.regions(regions))


class TextBranch(nn.Module):
    """What the learned branch says about texts. `mean` (space,): of the training captions' sentence embeddings."""

    axes: Tensor

    def __init__(self, top: TextTop, mean: Tensor, settings: HeadSettings) -> None:
        super().__init__()
        self.top = top
        self.heads = nn.ModuleList(TextHead(mean, settings) for _ in range(settings.pairs))
        self.word_head = TokenHead(WIDTH, settings)
        self.importance = nn.Linear(WIDTH, 1)
        self.register_buffer("axes", torch.eye(len(mean) * settings.pairs))

    def vectors(self, tokens: Tensor, ids: Tensor) -> Tensor:
        """`tokens` (n, T, 384) of the top. Returns each head's vectors: (pairs, n, space), unit norm."""
        pooled = sentence(tokens, ids)
        return torch.stack([head(pooled) for head in self.heads])

    def words(self, tokens: Tensor) -> Tensor:
        """`tokens` (..., 384) of the top. Returns (..., token_width), unit norm."""
        return F.normalize(self.word_head(tokens), dim=-1)

    def forward(self, trunk: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Returns vectors (n, dimension) of unit norm, and tokens (n, T, token_width) int8."""
        tokens = self.top(trunk, ids)
        return project(self.vectors(tokens, ids), self.axes), as_tokens(self.words(tokens))


class LateInteraction(nn.Module):
    """How well words find their regions: for each word a soft maximum over the regions, weighted by importance.

        s(text, image) = sum_t a_t (1/k) log( mean_r exp(k w_t . r_r) )

    LogSumExp pooling of Lee et al. 2018 (SCAN, arXiv 1803.08024), with learned word weights a_t and sharpness k.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(9.0)))
        self.temperature = Temperature()

    def forward(self, words: Tensor, weights: Tensor, texts: Tensor, count: int, regions: Tensor) -> Tensor:
        """`words` (m, w) of `count` texts, one after another; `weights` (m,), which sum to 1 in each text; `texts` (m,)
        int64: whose word it is; `regions` (n, R, w). Returns (count, n) scores.
        """
        n, places, _ = regions.shape
        sharpness = self.log_sharpness.exp()
        cosines = (words * sharpness) @ regions.flatten(0, 1).T  # (m, n R)
        best = torch.logsumexp(cosines.view(-1, n, places), dim=-1) - math.log(places)  # (m, n)
        return torch.zeros(count, n, device=words.device).index_add(0, texts, best * (weights / sharpness)[:, None])


def project(vectors: Tensor, axes: Tensor) -> Tensor:
    """`vectors` (pairs, n, space), `axes` (pairs * space, dimension). Returns (n, dimension), unit norm."""
    return F.normalize(torch.cat(list(vectors), dim=1) @ axes, dim=-1)


def as_tokens(unit: Tensor) -> Tensor:
    """Unit vectors as int8, times TOKEN_SCALE and rounded."""
    return torch.round(unit * TOKEN_SCALE).to(torch.int8)


@torch.no_grad()
def keep_axes(image: ImageBranch, text: TextBranch, images: Tensor, texts: Tensor, dimension: int) -> None:
    """From now on, project on the principal axes of these vectors: `images` (pairs, n, space), `texts` likewise."""
    both = torch.cat([torch.cat(list(images), dim=1), torch.cat(list(texts), dim=1)])  # (n + m, pairs * space)
    _, _, axes = torch.linalg.svd(both, full_matrices=False)  # rows, the widest first
    image.axes = text.axes = axes[:dimension].T.contiguous()
