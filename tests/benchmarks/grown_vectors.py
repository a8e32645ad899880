"""More vectors like those of a store's photographs: each is a photograph's, moved within its own neighbourhood.

A row is x_i + WIDTH * (g_1 (x_a - x_i) + ... + g_m (x_z - x_i)), brought to unit norm: i by chance, a to z by chance
among the NEAREST photographs to i, g standard normal. So rows spread around a photograph as its neighbours do, in few
directions. They are drawn a block at a time from the block's number: nothing has to be kept on disk.

What that does to recall is measured by
`python tests/benchmarks/grown_vectors.py STORE`: a part of the store's
photographs grown to the number of all, beside all of them, under queries that neither holds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss as _faiss
import numpy as np

from indexer.catalog.encoders import Encoders
from indexer.catalog.vectors import Vectors
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.store import Store
from indexer.types import Float32, Int64

faiss: Any = _faiss  # typed loosely: its stubs differ between versions

#: Rows that are drawn at once.
BLOCK = 8_192
NEAREST = 20
#: Neighbours that a row is moved towards or away from.
MOVES = 4
WIDTH = 0.5


def vectors_of(folder: Path) -> Float32:
    """(n, d) float32, unit norm: of the photographs of the store in `folder`, in an order by chance."""
    store = Store.open(folder)
    with store.catalog.snapshot() as snapshot:
        row, identity = Encoders(snapshot).required()
        pages = [vectors for _, vectors in Vectors(snapshot).pages("image", row, identity.dimension)]
    store.close()
    vectors = np.concatenate(pages)
    return vectors[np.random.default_rng(4).permutation(len(vectors))]


def captions_of(path: Path, count: int) -> Float32:
    """(count, d) float32, unit norm: of the first captions of so many rows of a table, by chance, bundled encoder."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    chosen = [rows[at] for at in np.random.default_rng(0).permutation(len(rows))[:count]]
    texts = [(row.get("captions") or [row.get("caption")])[0] for row in chosen]
    encoder = GraphEncoder()
    return np.concatenate([encoder.encode_texts(texts[at : at + 64]).vectors for at in range(0, len(texts), 64)])


class Grown:
    """Rows without end, drawn from `real` (n, d) float32, unit norm."""

    def __init__(self, real: Float32, *, width: float = WIDTH) -> None:
        self.real, self.width = real, width
        flat = faiss.IndexFlatIP(real.shape[1])
        flat.add(real)
        self._near = flat.search(real, NEAREST + 1)[1][:, 1:]  # (n, NEAREST), without itself

    @property
    def dimension(self) -> int:
        return int(self.real.shape[1])

    def block(self, number: int) -> Float32:
        """(BLOCK, d) float32, unit norm; the same each time."""
        rng = np.random.default_rng((5, number))
        of = rng.integers(0, len(self.real), BLOCK)  # (b,)
        centres = self.real[of]
        rows = centres.copy()  # (b, d)
        for _ in range(MOVES):
            near = self._near[of, rng.integers(0, NEAREST, BLOCK)]
            step = (self.width * rng.standard_normal(BLOCK)).astype(np.float32)
            rows += step[:, None] * (self.real[near] - centres)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def batches(self, count: int, first: int = 0) -> Iterator[tuple[Int64, Float32]]:
        """`count` rows in blocks from block `first` on: ids (b,) int64 and vectors (b, d) float32."""
        for number, start in enumerate(range(0, count, BLOCK)):
            rows = min(BLOCK, count - start)
            yield np.arange(start, start + rows, dtype=np.int64), self.block(first + number)[:rows]


def recall_by_lists(rows: Float32, queries: Float32, lists: int, probes: tuple[int, ...]) -> list[float]:
    """Recall@10 of an inverted file over `rows` (n, d) with so many of its lists probed."""
    core: Any = faiss.index_factory(rows.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    core.cp.niter, core.cp.spherical = 5, True
    core.train(rows)
    core.add(rows)
    true = np.argsort(-(queries @ rows.T), axis=1)[:, :10]  # (q, 10)
    found = []
    for core.nprobe in probes:
        proposed = core.search(queries, 16)[1]
        found.append(float(np.mean([np.isin(a, b).mean() for a, b in zip(true, proposed, strict=True)])))
    return found


def intrinsic_dimension(rows: Float32, queries: Float32, k: int = 20) -> float:
    """Levina and Bickel 2004, the mean over `queries` (q, d) of their `k` neighbours in `rows` (n, d)."""
    best = np.sort(queries @ rows.T, axis=1)[:, ::-1][:, :k]  # (q, k)
    distance = np.sqrt(np.maximum(2 - 2 * best, 1e-9))
    return float(np.mean((k - 2) / np.log(distance[:, -1:] / distance[:, :-1]).sum(axis=1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--captions", type=Path, help="a table, captions.jsonl")
    parser.add_argument("--widths", default=str(WIDTH))
    parser.add_argument("--times", type=int, default=10, help="to how many times as many they are grown")
    given = parser.parse_args()
    vectors = vectors_of(given.store)
    queries, real = vectors[:500], vectors[500:]
    asked = {"photographs": queries} | ({"captions": captions_of(given.captions, 500)} if given.captions else {})
    collections = {"real": real}
    for width in map(float, given.widths.split(",")):
        grown = Grown(real[: len(real) // given.times], width=width)
        collections[f"grown, width {width}"] = np.concatenate([v for _, v in grown.batches(len(real))])
    probes = (1, 2, 4, 8, 16, 32)
    for name, rows in collections.items():
        for kind, some in asked.items():
            curve = recall_by_lists(rows, some, 236, probes)
            own = intrinsic_dimension(rows, some)
            shown = "  ".join(f"{value:.2f}" for value in curve)
            print(f"{name:<22} {kind:<12} recall with {probes} of 236 lists: {shown}; dimension {own:.1f}", flush=True)


if __name__ == "__main__":
    main()
