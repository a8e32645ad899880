"""Which photographs a caption describes beyond its own, against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.types import Float32
from search.ground_truth.extra_positives import MOST_OTHERS, OWN_SHARE, transposed, with_extra_positives
from search.ground_truth.ground_truth import GroundTruth


def unit(rng: np.random.Generator, *shape: int) -> Float32:
    vectors = rng.standard_normal(shape)
    rows: Float32 = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return rows


def truth_of(texts: int, pairs: list[tuple[int, int]], images: int, kind: str = "captions") -> GroundTruth:
    at = np.array(pairs, np.int64)
    names = tuple(f"t{number}" for number in range(texts))
    paths = tuple(f"{number}.jpg" for number in range(images))
    empty = np.zeros((images, 4), np.float32)
    return GroundTruth(kind, paths, np.arange(images), empty, names, at[:, 0], at[:, 1], ())  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_what_a_text_describes_beyond_its_pairs_is_that_of_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centres = unit(rng, 12, 8)
    pairs = [(3 * image + number, image) for image in range(40) for number in range(3)] + [(0, 7), (5, 7)]
    scenes = centres[rng.integers(0, 12, 40)]
    texts = np.array([scenes[text // 3] + 0.25 * rng.standard_normal(8) for text in range(120)])
    texts = (texts / np.linalg.norm(texts, axis=1, keepdims=True)).astype(np.float32)
    truth = truth_of(120, pairs, 40)
    near = np.full((120, 40), -1.0)
    for text in range(120):
        for other, image in pairs:
            if other != text:
                near[text, image] = max(near[text, image], float(texts[text] @ texts[other]))
    mine = {text: {image for other, image in pairs if other == text} for text in range(120)}
    own = [max(near[text, image] for image in mine[text]) for text in range(120)]
    others = [near[text, image] for text in range(120) for image in range(40) if image not in mine[text]]
    threshold = max(np.quantile(own, OWN_SHARE), np.quantile(others, 1 - MOST_OTHERS))
    expected = [sorted(mine[t] | {i for i in range(40) if near[t, i] >= threshold - 1e-6}) for t in range(120)]
    found = with_extra_positives(truth, texts)
    assert [found.of(text).tolist() for text in range(120)] == expected
    assert sum(map(len, expected)) > len(pairs)
    back = transposed(found, 40)
    assert [back.of(i).tolist() for i in range(40)] == [[t for t in range(120) if i in expected[t]] for i in range(40)]


def test_labels_and_lonely_captions_describe_no_more_than_their_pairs() -> None:
    texts = np.tile(unit(np.random.default_rng(0), 1, 4), (6, 1))  # all alike
    for truth in (
        truth_of(6, [(i, i) for i in range(6)], 6),
        truth_of(6, [(i % 6, i) for i in range(12)], 12, "labels"),
    ):
        assert with_extra_positives(truth, texts).items.tolist() == truth.images_of_texts().items.tolist()
