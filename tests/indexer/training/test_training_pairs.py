"""Pairs and their split: stable, and no image on two sides."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.training.training_pairs import CHOOSE, TRAIN, TrainingPairs, split_by_name

NAMES = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=30, unique=True)


def pairs_of(rows: list[tuple[int, int]], images: int, texts: int) -> TrainingPairs:
    image, text = np.array(rows, np.int64).reshape(-1, 2).T
    uses = (np.arange(images) % 3).astype(np.int8)
    names = tuple(map(str, range(images)))
    return TrainingPairs(names, names, tuple(map(str, range(texts))), image, text, uses)


@given(NAMES, st.integers(0, 30), st.randoms())
def test_the_split_is_of_the_names_alone(names: list[str], count: int, random: object) -> None:
    chosen = {name for name, held in zip(names, split_by_name(names, count), strict=True) if held}
    assert len(chosen) == min(count, len(names))
    other = list(names)
    random.shuffle(other)  # type: ignore[attr-defined]
    assert {name for name, held in zip(other, split_by_name(other, count), strict=True) if held} == chosen


@given(NAMES, st.text(min_size=1, max_size=8))
def test_one_more_name_moves_at_most_one(names: list[str], more: str) -> None:
    if more in names:
        return
    count = len(names) // 2
    before = {name for name, held in zip(names, split_by_name(names, count), strict=True) if held}
    longer = [*names, more]
    after = {name for name, held in zip(longer, split_by_name(longer, count), strict=True) if held}
    assert len(before - after) <= 1


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), min_size=1, max_size=30))
def test_right_is_what_the_pairs_say(rows: list[tuple[int, int]]) -> None:
    found = pairs_of(rows, 6, 8).right(np.arange(6), np.arange(8))
    assert {(int(image), int(text)) for image, text in np.argwhere(found)} == set(rows)


def test_held_out_pairs_are_renumbered() -> None:
    pairs = pairs_of([(0, 0), (1, 1), (1, 2), (2, 0), (3, 3), (4, 2)], 6, 4)
    found = pairs.held_out(CHOOSE)  # images 1 and 4
    assert found.images.tolist() == [1, 4]
    assert found.texts.tolist() == [1, 2]
    assert set(zip(found.pair_images.tolist(), found.pair_texts.tolist(), strict=True)) == {(0, 0), (0, 1), (1, 1)}
    assert found.owners().tolist() == [0, 0]
    assert found.first(1).texts.tolist() == [1, 2]
    assert pairs.of_use(TRAIN).tolist() == [0, 3]
    assert [each.tolist() for each in pairs.captions()] == [[0], [1, 2], [0], [3], [2], []]


def test_the_digest_knows_no_path_and_all_else() -> None:
    one = pairs_of([(0, 0), (1, 1)], 2, 2)
    moved = TrainingPairs(("/a", "/b"), one.contents, one.texts, one.pair_images, one.pair_texts, one.uses)
    assert moved.digest() == one.digest()
    other = TrainingPairs(one.images, ("0", "2"), one.texts, one.pair_images, one.pair_texts, one.uses)
    split = TrainingPairs(one.images, one.contents, one.texts, one.pair_images, one.pair_texts, one.uses[::-1])
    assert len({one.digest(), other.digest(), split.digest()}) == 3
