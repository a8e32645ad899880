"""The hits that a calibration is fitted to, against plain loops."""

from __future__ import annotations

import numpy as np

from indexer.metrics import InnerProducts, Relevance
from indexer.types import Float32
from search.calibration.examples import SHOWN, collect, list_first


def unit(rng: np.random.Generator, *shape: int) -> Float32:
    vectors = rng.standard_normal(shape)
    rows: Float32 = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return rows


def test_examples_are_the_first_hits_with_and_without_the_right_answers() -> None:
    rng = np.random.default_rng(0)
    queries, candidates = unit(rng, 12, 6), unit(rng, 40, 6)
    pairs = [(q, c) for q in range(12) for c in rng.choice(40, 1 + q % 3, replace=False).tolist()]
    relevance = Relevance.of_pairs(np.array([q for q, _ in pairs]), np.array([c for _, c in pairs]), 12)
    listing = list_first(InnerProducts(queries, candidates), 12, 20)
    found = collect(listing, queries, candidates, relevance, np.arange(40), parts=(1,))
    rows = []
    for query in range(12):
        near = [float(np.float32(queries[query].astype(float) @ each.astype(float))) for each in candidates]
        right = {c for q, c in pairs if q == query}
        for there in (range(40), [c for c in range(40) if c not in right]):
            order = sorted(there, key=lambda c: (-near[c], c))[:SHOWN]
            all_near = np.array([near[c] for c in there])
            for place, c in enumerate(order):
                rows.append((query, place, c, float(c in right), near[c], all_near.mean(), all_near.std(), len(there)))
    backgrounds = found.backgrounds
    columns = (found.queries, found.places, found.found, found.right, found.scores)
    for position, column in enumerate((*columns, backgrounds.mean, backgrounds.spread, backgrounds.items)):
        np.testing.assert_allclose(column, [row[position] for row in rows], atol=1e-6)
    assert (found.backgrounds.sampled == found.backgrounds.items).all()


def test_a_cut_collection_keeps_groups_together_and_asks_each_query_once() -> None:
    rng = np.random.default_rng(1)
    queries, candidates = unit(rng, 30, 6), unit(rng, 120, 6)
    groups = np.repeat(np.arange(30), 4)
    relevance = Relevance.of_pairs(np.repeat(np.arange(30), 4), np.arange(120), 30)
    listing = list_first(InnerProducts(queries, candidates), 30, 120)
    whole = collect(listing, queries, candidates, relevance, groups, parts=(1,))
    both = collect(listing, queries, candidates, relevance, groups, parts=(1, 4, 16))  # a sixteenth would be too few
    cut = slice(len(whole), None)
    assert sorted(set(both.queries[cut].tolist())) == list(range(30))
    present = (both.places[cut] == 0) & (both.backgrounds.items[cut] % 4 == 0)
    assert both.backgrounds.items[cut].min() + 4 >= 24
    assert both.backgrounds.items[cut].max() <= 32
    assert present.sum() == 60  # all four of a group stay, so both numbers of items are multiples of four
    assert both.right[cut].sum() >= whole.right.sum()  # fewer rivals


def test_backgrounds_of_the_store_are_those_that_a_query_meets() -> None:
    """The pairs speak of 20 of 60 items; what is right is taken from the background where it is taken away."""
    rng = np.random.default_rng(2)
    queries, store = unit(rng, 5, 40), unit(rng, 60, 40)
    candidates = store[40:]
    relevance = Relevance.of_pairs(np.arange(5), np.array([3, 0, 7, 19, 3]), 5)
    listing = list_first(InnerProducts(queries, candidates), 5, 20)
    found = collect(listing, queries, candidates, relevance, np.arange(20), store=store, parts=(1,))
    for query in range(5):
        near = store.astype(float) @ queries[query].astype(float)
        right = 40 + int(relevance.of(query)[0])
        for whole, there in ((True, near), (False, np.delete(near, right))):
            rows = (found.queries == query) & (found.whole == whole)
            assert rows.sum() == SHOWN
            np.testing.assert_allclose(found.backgrounds.mean[rows], there.mean(), atol=1e-6)
            np.testing.assert_allclose(found.backgrounds.spread[rows], there.std(), atol=1e-6)
            assert set(found.backgrounds.sampled[rows]) == {len(there)}
            assert set(found.backgrounds.items[rows]) == {20 - (not whole)}
    np.testing.assert_allclose(found.similarities, found.scores, atol=1e-6)
