"""What a probe might be fitted to, tried inside Caltech-101: the mean per-class accuracy of two folds of its `train`.

    python -m tests.benchmarks.bench_probe_features --data FOLDER

The vectors as they are, and with what else an encoder gives; the figures stand in docs/classify.md. `test` is not read.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from indexer.encoders.graph_encoder import GraphEncoder
from search.blas import BlasThreads
from search.classification.folds import stratified
from search.classification.linear_probe import word
from search.classification.zero_shot import zero_shot
from tools.bundled.datasets import batches, read_captions

LEARNED = 187  # numbers of the bundled encoder's learned channel; 256 of the class channel follow, and 5 of hubs
SIDE = 7


def read(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Vectors (n, d), those of the mirrored photographs, region tokens (n, 49, 64), labels (n,), names of classes."""
    encoder = GraphEncoder()
    rows = read_captions(folder, "train")
    vectors, mirrored, tokens = [], [], []
    for pixels in batches([row.path for row in rows], encoder.identity.preprocessing, 64):
        found = encoder.encode_images(pixels, tokens=True)
        assert found.tokens is not None
        vectors.append(found.vectors)
        tokens.append(np.stack(found.tokens))
        mirrored.append(encoder.encode_images(np.ascontiguousarray(pixels[:, :, ::-1])).vectors)
    names = sorted({row.captions[0] for row in rows})
    labels = np.array([names.index(row.captions[0]) for row in rows])
    regions = np.concatenate(tokens).astype(np.float32) / 127
    return np.concatenate(vectors), np.concatenate(mirrored), regions, labels, names


def joined(*parts: tuple[float, np.ndarray]) -> np.ndarray:
    """Side by side, each centred, its variance in all as it weighs."""
    centred = [(weight, part - part.mean(axis=0)) for weight, part in parts]
    return np.concatenate([weight * part / np.sqrt(part.var(axis=0).sum()) for weight, part in centred], axis=1)


def words(names: list[str], vectors: np.ndarray, labels: np.ndarray) -> None:
    """How often the words of class names are right, among all classes and among some, drawn fifteen times."""
    generator = np.random.default_rng(0)
    classifier = zero_shot(GraphEncoder(), names, None)
    for count, draws in ((len(names), 1), (10, 15), (3, 15)):
        strong, fair = [], []
        for _ in range(draws):
            some = generator.permutation(len(names))[:count]
            own = np.isin(labels, some)
            chosen = replace(classifier, weights=classifier.weights[some], bias=classifier.bias[some])
            order, share = chosen.first(vectors[own], 1)
            right = some[order[:, 0]] == labels[own]
            said = np.array([word(float(each)) for each in share[:, 0]])
            for found, name in ((strong, "strong"), (fair, "fair")):
                if (said == name).any():
                    found.append(right[said == name].mean())
        print(f"{count} names: strong {100 * np.mean(strong):.0f} % right, fair {100 * np.mean(fair):.0f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    vectors, mirrored, tokens, labels, names = read(parser.parse_args().data / "caltech101")
    fold = stratified(labels, 5, 0)
    BlasThreads().set(1)
    warnings.simplefilter("ignore")

    def tried(
        what: str, inputs: np.ndarray, strength: float = 0.1, balanced: bool = True, more: np.ndarray | None = None
    ) -> None:
        found = []
        for part in (0, 1):
            seen, held = fold != part, fold == part
            middle, scale = inputs[seen].mean(axis=0), np.sqrt(inputs[seen].var(axis=0).mean())
            examples = inputs[seen] if more is None else np.concatenate([inputs[seen], more[seen]])
            own = np.tile(labels[seen], 1 if more is None else 2)
            model = LogisticRegression(
                C=strength, max_iter=500, tol=1e-3, class_weight="balanced" if balanced else None
            ).fit(((examples - middle) / scale).astype(np.float32), own)
            right = model.predict((inputs[held] - middle) / scale) == labels[held]
            sizes = np.bincount(labels[held])
            found.append((np.bincount(labels[held], weights=right)[sizes > 0] / sizes[sizes > 0]).mean())
        print(f"{what:40} {100 * np.mean(found):.1f}", flush=True)

    words(names, vectors, labels)
    tried("vectors, C 0.1", vectors)
    for strength in (0.003, 0.01, 0.03, 0.3, 1.0):
        tried(f"vectors, C {strength}", vectors, strength)
    tried("classes not balanced", vectors, balanced=False)
    tried("mirrored copies as examples", vectors, 0.05, more=mirrored)
    channels = vectors[:, :LEARNED], vectors[:, LEARNED:-5]
    for weight in (0.5, 1.0, 2.0):
        tried(f"learned channel {weight} to class channel 1", joined((weight, channels[0]), (1, channels[1])))
    _, sizes, axes = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    tried("half whitened", vectors @ axes.T / np.sqrt(sizes + 0.02 * sizes[0]))
    grid = tokens.reshape(-1, SIDE, SIDE, tokens.shape[2])
    spans = ((0, 3), (2, 5), (4, 7))
    cells = np.concatenate([grid[:, a:b, c:d].mean(axis=(1, 2)) for a, b in spans for c, d in spans], axis=1)
    tried("and the tokens' mean", joined((1, vectors), (0.3, tokens.mean(axis=1))))
    tried("and the tokens on a grid of 3 x 3", joined((1, vectors), (0.7, cells)))
    tried("and all 49 tokens", joined((1, vectors), (0.7, tokens.reshape(len(tokens), -1))))


if __name__ == "__main__":
    main()
