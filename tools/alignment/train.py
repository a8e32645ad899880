"""Trains the graph of concepts and regions of a reranker, and puts it beside the reranker's own weights.

    python -m tools.alignment.train DATA [--reranker data/models/reranker] [--tilings 13000] [--epochs 8]

DATA holds flickr8k/ and coco_captioned/; of both the split `train`. Each word that only one photograph of a picture
says is asked in a caption, alone, and beside a word of another photograph ("dog and snow"); the loss is -log of the
attention that lies in its photograph. The encoder stays as it is. Which numbers were tried is in the reranker's card;
`tests/benchmarks/bench_pointing.py` measures.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indexer.encoders.base import Encoder
from indexer.encoders.batches import encode_images, encode_texts
from indexer.encoders.registry import load_encoder
from indexer.types import Float32, Int8
from search.rerank import reranker_files
from search.rerank.concept_graph import shapes
from search.rerank.explain import Box
from tools.alignment.tilings import photographs, region, tilings

SEED = 31
BATCH = 64


class Asked(NamedTuple):
    """A text about a picture: `tokens` (t, w), `inside` (t, r) bool: where each word is, nowhere for those that are not
    told."""

    picture: int
    tokens: Int8
    inside: np.ndarray


class Graph(nn.Module):
    """`search.rerank.concept_graph.ConceptGraph`, to be trained; a test holds the two together."""

    def __init__(self, width: int, arrays: dict[str, Float32] | None = None) -> None:
        """`arrays`: of a reranker, whose maps and sharpness it begins with."""
        super().__init__()
        self.concept_map, self.region_map = nn.Parameter(torch.eye(width)), nn.Parameter(torch.eye(width))
        self.found, self.said = nn.Parameter(torch.zeros(width, width)), nn.Parameter(torch.zeros(width, width))
        self.log_sharpness = nn.Parameter(torch.full((2,), math.log(10.0)))
        if arrays is not None:
            with torch.no_grad():
                self.concept_map.copy_(torch.from_numpy(arrays["late.word_map.weight"].T))
                self.region_map.copy_(torch.from_numpy(arrays["late.region_map.weight"].T))
                self.log_sharpness.fill_(float(arrays["late.log_sharpness"]))

    def forward(self, words: Tensor, mask: Tensor, regions: Tensor) -> Tensor:
        """`words` (b, t, w), `mask` (b, t) bool, `regions` (b, r, w) -> (b, t, r), logarithms of attention."""
        concepts = F.normalize(words @ self.concept_map, dim=-1, eps=1e-6)
        shown = F.normalize(regions @ self.region_map, dim=-1, eps=1e-6)
        edges = self.log_sharpness[0].exp() * concepts @ shown.transpose(1, 2)  # (b, t, r)
        to_concepts = edges.masked_fill(~mask[:, :, None], -torch.inf).softmax(1).transpose(1, 2)  # (b, r, t)
        found = F.normalize(concepts + edges.softmax(-1) @ shown @ self.found, dim=-1, eps=1e-6)
        said = F.normalize(shown + to_concepts @ concepts @ self.said, dim=-1, eps=1e-6)
        attention: Tensor = (self.log_sharpness[1].exp() * found @ said.transpose(1, 2)).log_softmax(-1)
        return attention


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--reranker", type=Path, default=Path("data/models/reranker"))
    parser.add_argument("--tilings", type=int, default=13_000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--drop", type=float, default=0.2, help="share of the tokens' numbers that are left out")
    given = parser.parse_args()
    description, arrays = reranker_files.load(given.reranker)
    regions, asked = examples(load_encoder(description.encoder), given.data, given.tilings)
    print(f"{len(regions):,} pictures, {len(asked):,} texts", flush=True)
    torch.manual_seed(SEED)
    graph = Graph(description.tokens.width, arrays)
    fit(graph, regions, asked, given.epochs, given.rate, given.drop)
    trained = {f"graph.{name}": array.detach().numpy() for name, array in graph.named_parameters()}
    assert trained.keys() == shapes(description.tokens.width).keys()
    reranker_files.save(given.reranker, description, {**arrays, **trained})


def examples(encoder: Encoder, data: Path, count: int) -> tuple[Int8, list[Asked]]:
    """Tokens of the pictures (n, r, w), and the texts about them."""
    pictured = [each for name in ("flickr8k", "coco_captioned") for each in photographs(data / name, "train")]
    size = (encoder.identity.preprocessing.width, encoder.identity.preprocessing.height)
    rng = np.random.default_rng(SEED)
    regions: list[Int8] = []
    texts: list[tuple[int, str, dict[str, Box]]] = []
    made = tilings(pictured, count, size, SEED)
    while some := list(islice(made, BATCH)):
        for at, picture in enumerate(some, len(regions)):
            words = [str(rng.choice(tile.words)) for tile in picture.tiles]
            for tile, word in zip(picture.tiles, words, strict=True):
                texts.append((at, str(rng.choice(tile.captions)), dict.fromkeys(tile.words, tile.box)))
                texts.append((at, word, {word: tile.box}))
            if len(words) == 2:
                places = {word: tile.box for word, tile in zip(words, picture.tiles, strict=True)}
                texts.append((at, " and ".join(rng.permutation(words)), places))
        regions += encode_images(encoder, [each.pixels for each in some], tokens=True).tokens or ()
    different = sorted({text for _, text, _ in texts})
    tokens = dict(zip(different, encode_texts(encoder, different, tokens=True).tokens or (), strict=True))
    shape = encoder.token_shape
    assert shape is not None
    grid = [region(at, shape.rows, shape.columns) for at in range(shape.regions)]
    asked = []
    for at, text, places in texts:
        inside = np.array([[_within(box, places.get(_plain(piece))) for box in grid] for piece in encoder.words(text)])
        if inside.any():
            asked.append(Asked(at, tokens[text], inside))
    return np.stack(regions), asked


def fit(graph: Graph, regions: Int8, asked: list[Asked], epochs: int, rate: float, drop: float) -> None:
    """Adam, the rate falling along a cosine."""
    optimizer = torch.optim.Adam(graph.parameters(), rate)
    rng = np.random.default_rng(SEED)
    steps, done = epochs * (len(asked) // BATCH), 0
    for epoch in range(epochs):
        order, total = rng.permutation(len(asked)), 0.0
        for rows in _full(order):
            for group in optimizer.param_groups:
                group["lr"] = rate * (1 + math.cos(math.pi * done / steps)) / 2
            loss = loss_of(graph, regions, [asked[row] for row in rows], drop)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(graph.parameters(), 1.0)
            optimizer.step()
            done, total = done + 1, total + loss.item()
        print(f"pass {epoch + 1}: {total / (len(asked) // BATCH):.3f}", flush=True)


def loss_of(graph: Graph, regions: Int8, some: list[Asked], drop: float) -> Tensor:
    """Mean over the words that are told of -log of what attention lies where they are."""
    longest = max(len(each.tokens) for each in some)
    words = np.zeros((len(some), longest, regions.shape[-1]), np.float32)
    mask = np.zeros((len(some), longest), bool)
    inside = np.zeros((len(some), longest, regions.shape[1]), bool)
    for row, each in enumerate(some):
        words[row, : len(each.tokens)], mask[row, : len(each.tokens)] = each.tokens / np.float32(127), True
        inside[row, : len(each.inside)] = each.inside
    shown = torch.from_numpy(regions[[each.picture for each in some]]).float() / 127
    seen, said = F.dropout(shown, drop), F.dropout(torch.from_numpy(words), drop)
    attention = graph(said, torch.from_numpy(mask), seen)  # (b, t, r)
    there = torch.from_numpy(inside)
    told = there.any(-1)  # (b, t)
    loss: Tensor = -attention.masked_fill(~there, -1e4).logsumexp(-1)[told].mean()
    return loss


def _full(order: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(order) - BATCH + 1, BATCH):
        yield order[start : start + BATCH]


def _within(region: Box, place: Box | None) -> bool:
    """Whether a region's middle lies in a place."""
    across, down = (region[0] + region[2]) / 2, (region[1] + region[3]) / 2
    return place is not None and place[0] < across < place[2] and place[1] < down < place[3]


def _plain(piece: str) -> str:
    """A whole word, as captions are asked for it; a part of one is none of them."""
    return piece.removesuffix("</w>").lower()


if __name__ == "__main__":
    main()
