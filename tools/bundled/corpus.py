"""What is trained on, on the device that trains: pixels, texts, who belongs to whom, and what a batch draws of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from indexer.encoders.base import Preprocessing
from tools.bundled.pack import CAPTIONED, LABELLED, UNLABELLED, Pack

Ints = npt.NDArray[np.int64]
SOURCES = tuple(source for source, _ in CAPTIONED)


class Corpus:
    """Photographs and texts of a pack. Indices of photographs are the pack's; only those in `rows` have pixels here.

    `ids` (n, 32) int64: all captions in the pack's order, then the pool. `sentences` (n, 384): their sentence
    embeddings as published, unit norm. `texts_of[photograph]`: indices of its texts.
    """

    def __init__(
        self,
        pack: Pack,
        preprocessing: Preprocessing,
        embed: Callable[[Tensor], Tensor],
        device: torch.device,
        photographs: int | None = None,
    ) -> None:
        """`embed`: ids (n, T) -> (n, 384). `photographs`: only so many of each source and split, to try things."""
        self.pack, self.device = pack, device
        groups = [(s, split) for s, splits in CAPTIONED for split in splits]
        groups += [(s, split) for s, split, _ in LABELLED] + [(UNLABELLED, "")]
        self.rows: dict[tuple[str, str], Ints] = {
            (source, split): pack.rows(source, split=split)[:photographs] for source, split in groups
        }
        order = np.concatenate(list(self.rows.values()))
        self.pixels = torch.from_numpy(pack.pixels(order, preprocessing)).to(device)  # (n, h, w, 3) uint8
        self._place = np.full(len(pack.photographs), -1, np.int64)  # of a photograph in `pixels`
        self._place[order] = np.arange(len(order))
        pool = pack.pool if photographs is None else pack.pool[: 5 * photographs]
        ids = np.concatenate([pack.captions, pool])
        kept = np.ones(len(ids), bool)
        kept[: len(pack.captions)] = self._place[pack.owners] >= 0
        self.ids = torch.from_numpy(ids).long().to(device)
        self.pool = np.arange(len(pack.captions), len(ids))  # indices of texts
        self.sentences = torch.zeros(len(ids), 384, device=device)
        used = torch.from_numpy(np.flatnonzero(kept)).to(device)
        self.sentences[used] = embed(self.ids[used])
        firsts = np.searchsorted(pack.owners, np.arange(len(pack.photographs) + 1))
        self.texts_of: list[Ints] = [np.arange(start, stop) for start, stop in itertools.pairwise(firsts)]

    def shown(self, rows: Ints) -> Tensor:
        """Pixels of photographs, (n, h, w, 3) uint8."""
        return self.pixels[torch.from_numpy(self._place[rows]).to(self.device)]

    def training_texts(self, sources: Sequence[str]) -> Tensor:
        """Indices of the captions of `train` of these sources, and of the pool."""
        owners = [self.rows[source, "train"] for source in sources]
        parts = [self.texts_of[row] for rows in owners for row in rows]
        return torch.from_numpy(np.concatenate([*parts, self.pool])).to(self.device)

    def meaning(self, rows: Ints) -> Tensor:
        """The mean of each photograph's sentence embeddings, (n, 384) of unit norm."""
        sizes = np.array([len(self.texts_of[row]) for row in rows])
        texts = torch.from_numpy(np.concatenate([self.texts_of[row] for row in rows])).to(self.device)
        whose = torch.from_numpy(np.repeat(np.arange(len(rows)), sizes)).to(self.device)
        sums = torch.zeros(len(rows), 384, device=self.device).index_add_(0, whose, self.sentences[texts])
        return F.normalize(sums, dim=-1)

    def drawn_texts(self, rows: Ints, count: int, random: np.random.Generator) -> tuple[Ints, Ints]:
        """`count` texts of each photograph, fewer where it has fewer. Returns their indices and the place in `rows`."""
        parts = [random.permutation(self.texts_of[row])[:count] for row in rows]
        return np.concatenate(parts), np.repeat(np.arange(len(rows)), [len(part) for part in parts])


def batches_of(groups: Sequence[Ints], batch: int, one_source: float, random: np.random.Generator) -> list[Ints]:
    """One pass: every photograph of every group once, but for what fills no batch.

    About `one_source` of each group goes into batches of its own, where the wrong answers are like the right ones;
    the rest is mixed.
    """
    found, loose = [], []
    for group in groups:
        order = random.permutation(group)
        own = int(len(order) * one_source / batch + random.uniform()) * batch  # whole batches, right on average
        own = min(own, len(order) // batch * batch)
        found += [order[start : start + batch] for start in range(0, own, batch)]
        loose.append(order[own:])
    rest = random.permutation(np.concatenate(loose)) if loose else np.empty(0, np.int64)
    found += [rest[start : start + batch] for start in range(0, len(rest) - batch + 1, batch)]
    return [found[place] for place in random.permutation(len(found))]
