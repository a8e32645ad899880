"""A map over vectors whose true neighbours are known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from indexer.progress import Silent
from indexer.types import Float32, Int64
from indexer.vectors.base import Batches
from indexer.vectors.exact import ExactIndex
from search.projection.making import Material, make_map
from search.projection.naming import named
from search.projection.neighbours import nearest
from search.projection.photo_map import PhotoMap
from search.projection.placing import brought_up, is_current

pytest.importorskip("openTSNE")

COUNT, GROUPS, DIMENSION = 480, 6, 24


def unit(rows: Float32) -> Float32:
    found: Float32 = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


@pytest.fixture(scope="module")
def vectors() -> tuple[Int64, Float32, Float32]:
    """Ids with gaps, vectors in six groups one after the other, and the middles of the groups."""
    random = np.random.default_rng(5)
    middles = random.normal(size=(GROUPS, DIMENSION))
    rows = np.repeat(middles, COUNT // GROUPS, axis=0) + 0.35 * random.normal(size=(COUNT, DIMENSION))
    return np.arange(COUNT) * 3 + 7, unit(rows.astype(np.float32)), unit(middles.astype(np.float32))


def in_batches(ids: Int64, rows: Float32, size: int = 100) -> Batches:
    def batches() -> Iterator[tuple[Int64, Float32]]:
        for start in range(0, len(ids), size):
            yield ids[start : start + size], rows[start : start + size]

    return batches


def material(ids: Int64, rows: Float32, middles: Float32, index: ExactIndex | None = None) -> Material:
    words = [f"group {number}" for number in range(len(middles))]
    return Material(ids, in_batches(ids, rows), DIMENSION, index, 4, words, middles)


@pytest.fixture(scope="module")
def made(vectors: tuple[Int64, Float32, Float32]) -> PhotoMap:
    return make_map(material(*vectors), Silent())


def ten_nearest(points: Float32) -> list[set[int]]:
    """The plain way: every point compared with every other."""
    away = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(away, np.inf)
    return [set(row) for row in np.argsort(away, axis=1)[:, :10].tolist()]


def test_what_is_near_stays_near(vectors: tuple[Int64, Float32, Float32], made: PhotoMap) -> None:
    ids, rows, _ = vectors
    assert made.ids.tolist() == ids.tolist()
    assert np.abs(made.positions).max() <= 1
    kept = [len(true & seen) / 10 for true, seen in zip(ten_nearest(rows), ten_nearest(made.positions), strict=True)]
    assert (
        np.mean(kept) > 0.3
    )  # 0.40 was measured; 0.02 by chance: within a group the directions are as many as the dimensions
    group = np.arange(COUNT) // (COUNT // GROUPS)
    beside = [np.mean(group[list(seen)] == own) for own, seen in zip(group, ten_nearest(made.positions), strict=True)]
    assert np.mean(beside) > 0.95


def test_the_same_photographs_give_the_same_map(vectors: tuple[Int64, Float32, Float32], made: PhotoMap) -> None:
    ids, rows, middles = vectors
    again = make_map(material(ids, rows, middles, ExactIndex(ids, rows)), Silent())
    assert np.array_equal(again.positions, made.positions)
    assert again.clusters == made.clusters


def test_groups_have_names_and_none_has_that_of_another(made: PhotoMap) -> None:
    names = [each.name for each in made.clusters]
    assert len(set(names)) == len(names) >= 2
    assert set(names) <= {f"group {number}" for number in range(GROUPS)}


def test_a_word_goes_where_it_fits_best() -> None:
    scores = np.array([[3.0, 2.0, 0.0], [2.5, 1.0, 0.5], [9.0, 8.0, 7.0]])
    taken = {"taken"}
    assert named(scores, ["a", "b", "taken"], taken) == ["b", "", "a"]
    assert taken == {"a", "b", "taken"}


def test_neighbours_are_those_of_a_comparison_with_everything(vectors: tuple[Int64, Float32, Float32]) -> None:
    ids, rows, _ = vectors
    near, away = nearest(ExactIndex(ids, rows), ids, ids, in_batches(ids, rows), 10, Silent())
    assert [set(row) for row in near.tolist()] == ten_nearest(rows)
    assert away == pytest.approx(np.linalg.norm(rows[near] - rows[:, None], axis=2), abs=1e-3)
    assert not (near == np.arange(COUNT)[:, None]).any()


def test_of_many_some_are_laid_out_and_the_others_lie_beside_them(
    vectors: tuple[Int64, Float32, Float32],
) -> None:
    ids = vectors[0]
    found = make_map(material(*vectors), Silent(), laid_out=COUNT // 2)
    assert found.ids.tolist() == ids.tolist()
    group = np.arange(COUNT) // (COUNT // GROUPS)
    beside = [np.mean(group[list(seen)] == own) for own, seen in zip(group, ten_nearest(found.positions), strict=True)]
    assert np.mean(beside) > 0.9


@pytest.mark.parametrize("count", [0, 1, 2, 5, 11, 12, 13])
def test_few_photographs_have_a_map_too(vectors: tuple[Int64, Float32, Float32], count: int) -> None:
    ids, rows, middles = vectors
    found = make_map(material(ids[:count], rows[:count], middles), Silent())
    assert len(found) == count
    assert np.isfinite(found.positions).all()


def test_copies_of_one_photograph_have_a_map(vectors: tuple[Int64, Float32, Float32]) -> None:
    ids, rows, middles = vectors
    same = np.repeat(rows[:1], 40, axis=0)
    assert np.isfinite(make_map(material(ids[:40], same, middles), Silent()).positions).all()


def test_new_photographs_lie_beside_their_like_and_gone_ones_are_left_out(
    vectors: tuple[Int64, Float32, Float32], made: PhotoMap
) -> None:
    ids, rows, _ = vectors
    new = unit(rows[:4] + 0.01)
    there = np.concatenate([ids[10:], np.arange(4) + 10_000])
    batches = in_batches(there, np.concatenate([rows[10:], new]))
    assert is_current(made, there)

    def vectors_of(wanted: Int64) -> Iterator[tuple[Int64, Float32]]:
        """Those of the new, one by one; the last of which has none any more."""
        assert wanted.tolist() == [*(np.arange(4) + 10_000).tolist(), 20_000]
        return in_batches(there[-4:], new, size=1)()

    now = brought_up(made, np.append(there, 20_000), None, batches, vectors_of, DIMENSION, 9)
    assert now.ids.tolist() == there.tolist()
    assert (now.generation, now.placed) == (9, 4)
    assert np.array_equal(now.positions[:-4], made.positions[10:])
    first = made.positions[: COUNT // GROUPS]
    assert (now.positions[-4:] >= first.min(axis=0)).all()
    assert (now.positions[-4:] <= first.max(axis=0)).all()


def test_a_map_of_which_more_than_a_tenth_is_new_is_made_anew(made: PhotoMap) -> None:
    few = np.arange(53) + 10_000
    assert is_current(made, np.concatenate([made.ids, few]))
    assert not is_current(made, np.concatenate([made.ids[40:], few]))
    assert is_current(made, made.ids[:3])
