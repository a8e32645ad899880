"""Spherical k-means (Dhillon and Modha 2001): centres of unit vectors by cosine."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def centres(vectors: Tensor, count: int, rounds: int = 15, seed: int = 0) -> Tensor:
    """`vectors` (n, d), unit norm, n >= count. Returns (count, d), unit norm; an empty cluster keeps its old centre."""
    generator = torch.Generator().manual_seed(seed)
    found = vectors[torch.randperm(len(vectors), generator=generator)[:count]]  # (count, d)
    for _ in range(rounds):
        nearest = (vectors @ found.T).argmax(dim=1)  # (n,)
        sums = torch.zeros_like(found).index_add_(0, nearest, vectors)
        empty = torch.bincount(nearest, minlength=count) == 0
        found = torch.where(empty[:, None], found, F.normalize(sums, dim=-1))
    return found
