"""The numbers of retrieval against a plain implementation in Python loops, and against cases worked out by hand."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.metrics import (
    InnerProducts,
    Ranks,
    Relevance,
    average_precisions,
    block_ranks,
    blocks,
    chance,
    hits,
    ndcg,
    neighbour_recall,
    rank_all,
    reciprocal_ranks,
)

# -- the plain implementation -------------------------------------------------------------------------------


def plain_order(scores: Sequence[float], right: set[int]) -> list[bool]:
    """Whether each place is a right answer, best first; among equal scores the wrong ones come first."""
    candidates = list(range(len(scores)))
    candidates.sort(key=lambda j: (-scores[j], j in right))
    return [j in right for j in candidates]


def plain_metrics(order: Sequence[bool], k: int) -> dict[str, float]:
    first = order.index(True) + 1
    seen, precision = 0, 0.0
    for place, is_right in enumerate(order, 1):
        if is_right:
            seen += 1
            precision += seen / place
    gain = sum(1 / math.log2(1 + place) for place, is_right in enumerate(order, 1) if is_right and place <= k)
    best = sum(1 / math.log2(1 + place) for place in range(1, min(k, seen) + 1))
    return {
        "hit": float(any(order[:k])),
        "rr": 1 / first,
        "first": float(first),
        "ap": precision / seen,
        "ndcg": gain / best,
    }


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[list[float]], list[set[int]]]:
    """Scores of few values, so that ties abound, and one right answer or more for each query."""
    n = draw(st.integers(1, 12))
    q = draw(st.integers(1, 6))
    score = st.sampled_from([-1.0, -0.25, 0.0, 0.25, 0.5, 1.0])
    scores = draw(st.lists(st.lists(score, min_size=n, max_size=n), min_size=q, max_size=q))
    rights = draw(st.lists(st.sets(st.integers(0, n - 1), min_size=1), min_size=q, max_size=q))
    return scores, rights


def relevance_of(rights: Sequence[set[int]]) -> Relevance:
    pairs = [(query, candidate) for query, right in enumerate(rights) for candidate in right]
    random.Random(0).shuffle(pairs)
    queries, candidates = np.array(pairs, np.int64).T
    return Relevance.of_pairs(queries, candidates, len(rights))


def ranked(scores: Sequence[Sequence[float]], rights: Sequence[set[int]]) -> Ranks:
    relevance = relevance_of(rights)
    return Ranks(relevance.offsets, block_ranks(np.array(scores, np.float32), relevance))


@settings(max_examples=200, deadline=None)
@given(problems(), st.integers(1, 14))
def test_every_number_is_that_of_the_plain_implementation(
    problem: tuple[list[list[float]], list[set[int]]], k: int
) -> None:
    scores, rights = problem
    ranks = ranked(scores, rights)
    orders = [plain_order(row, right) for row, right in zip(scores, rights, strict=True)]
    for query, order in enumerate(orders):
        own = ranks.ranks[ranks.offsets[query] : ranks.offsets[query + 1]].tolist()
        assert own == [place for place, is_right in enumerate(order, 1) if is_right]
    expected = [plain_metrics(order, k) for order in orders]
    np.testing.assert_allclose(hits(ranks, k), [one["hit"] for one in expected])
    np.testing.assert_allclose(reciprocal_ranks(ranks), [one["rr"] for one in expected])
    np.testing.assert_allclose(ranks.first, [one["first"] for one in expected])
    np.testing.assert_allclose(average_precisions(ranks), [one["ap"] for one in expected])
    np.testing.assert_allclose(ndcg(ranks, k), [one["ndcg"] for one in expected])


@settings(max_examples=50, deadline=None)
@given(problems(), st.integers(0, 10_000))
def test_the_order_of_the_candidates_changes_nothing(
    problem: tuple[list[list[float]], list[set[int]]], seed: int
) -> None:
    scores, rights = problem
    place = list(range(len(scores[0])))
    random.Random(seed).shuffle(place)
    moved = [[row[place.index(j)] for j in range(len(row))] for row in scores]
    np.testing.assert_array_equal(
        ranked(scores, rights).ranks, ranked(moved, [{place[j] for j in right} for right in rights]).ranks
    )


# -- worked out by hand -------------------------------------------------------------------------------------


def test_a_case_by_hand() -> None:
    # By score: wrong .9, right .8, wrong .7, right .6, right .1 -> ranks 2, 4, 5.
    ranks = ranked([[0.8, 0.9, 0.6, 0.7, 0.1]], [{0, 2, 4}])
    assert ranks.ranks.tolist() == [2, 4, 5]
    assert [hits(ranks, k)[0] for k in (1, 2, 5)] == [0, 1, 1]
    assert reciprocal_ranks(ranks)[0] == 1 / 2
    assert average_precisions(ranks)[0] == pytest.approx((1 / 2 + 2 / 4 + 3 / 5) / 3)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert ndcg(ranks, 10)[0] == pytest.approx((1 / math.log2(3) + 1 / math.log2(5) + 1 / math.log2(6)) / ideal)
    assert ndcg(ranks, 2)[0] == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))


def test_one_score_for_everything_is_the_worst_and_not_the_best() -> None:
    ranks = ranked([[0.5] * 10], [{3}])
    assert ranks.first.tolist() == [10]
    assert hits(ranks, 9)[0] == 0


def test_right_answers_do_not_push_each_other_down() -> None:
    assert ranked([[0.5, 0.5, 0.5]], [{0, 1, 2}]).ranks.tolist() == [1, 2, 3]
    assert average_precisions(ranked([[0.5, 0.5, 0.5]], [{0, 1, 2}]))[0] == 1


def test_a_query_without_a_right_answer_and_broken_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="right answer"):
        Relevance.of_pairs(np.array([0, 2]), np.array([0, 0]), 3)
    with pytest.raises(ValueError, match="finite"):
        ranked([[0.1, math.nan]], [{0}])


def test_chance_is_the_share_that_random_orders_reach() -> None:
    assert chance(np.array([1]), 1000, 10) == pytest.approx(0.01)
    assert chance(np.array([2]), 4, 1) == pytest.approx(0.5)
    assert chance(np.array([2]), 4, 2) == pytest.approx(1 - 1 / 6)
    assert chance(np.array([2, 1]), 4, 1) == pytest.approx(0.375)
    assert chance(np.array([1]), 4, 4) == 1


# -- blocks -------------------------------------------------------------------------------------------------


def test_no_rank_depends_on_the_size_of_a_block_and_copies_tie() -> None:
    rng = np.random.default_rng(5)
    candidates = rng.normal(size=(60, 32)).astype(np.float32)
    candidates /= np.linalg.norm(candidates, axis=1, keepdims=True)
    candidates[41] = candidates[7]  # a copy: the same score to the last bit wherever it stands
    queries = candidates[rng.integers(0, 60, 200)] + 0.2 * rng.normal(size=(200, 32)).astype(np.float32)
    relevance = Relevance.of_pairs(np.arange(200), rng.integers(0, 60, 200), 200)
    whole = rank_all(InnerProducts(queries, candidates), relevance)
    for block, tile in ((1, 4096), (61, 7), (60 * 33, 59)):
        parts = rank_all(InnerProducts(queries, candidates, tile=tile), relevance, block=block)
        np.testing.assert_array_equal(parts.ranks, whole.ranks)
    scores = InnerProducts(queries, candidates, tile=7).scores(0, 200)
    np.testing.assert_array_equal(scores[:, 7], scores[:, 41])


def test_blocks_bound_the_scores_that_are_held() -> None:
    spans = list(blocks(40_000, 8_000))
    assert max((stop - start) * 8_000 * 4 for start, stop in spans) <= 64_000_000
    assert [start for start, _ in spans] == [0, *[stop for _, stop in spans[:-1]]]
    assert spans[-1][1] == 40_000
    assert list(blocks(3, 10**9)) == [(0, 1), (1, 2), (2, 3)]
    assert list(blocks(0, 5)) == []


# -- approximate against exact ------------------------------------------------------------------------------


def test_neighbours_as_near_as_the_last_count() -> None:
    exact = np.array([[0.9, 0.8, 0.8], [0.5, -np.inf, -np.inf]], np.float32)
    assert neighbour_recall(exact, exact).tolist() == [1, 1]
    # Another item with the score of the last one is as right; a nearer miss is not made up for.
    found = np.array([[0.9, 0.8, 0.7], [-np.inf] * 3], np.float32)
    assert neighbour_recall(found, exact).tolist() == [pytest.approx(2 / 3), 0]
    assert neighbour_recall(np.empty((1, 2), np.float32), np.full((1, 2), -np.inf, np.float32)).tolist() == [1]
