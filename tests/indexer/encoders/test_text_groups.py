"""Which texts share a run of a graph."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.encoders.batches import encode_query, encode_texts
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.text_groups import WIDE_TOGETHER, apart, groups_of


def test_texts_of_one_length_share_runs_and_none_runs_alone() -> None:
    assert groups_of([5, 7, 5, 5, 9, 7], 2) == [[4, 4], [1, 5], [0, 0], [2, 3]]
    assert groups_of([5, 7, 5, 5, 9, 7], 16) == [[4, 4], [0, 2, 3], [1, 5]]


@given(lengths=st.lists(st.integers(1, 9), max_size=60), most=st.integers(2, 16))
def test_runs_of_a_length_are_few_and_alike(lengths: list[int], most: int) -> None:
    groups = groups_of(lengths, most)
    for length in set(lengths):
        own = [len(set(group)) for group in groups if lengths[group[0]] == length]
        assert sum(own) == lengths.count(length)
        assert len(own) == -(-sum(own) // most)
        assert max(own) - min(own) <= 1
    assert all(len(group) > 1 for group in groups) or len(lengths) == 1


def test_one_text_and_texts_that_cannot_share_run_by_themselves() -> None:
    assert groups_of([5], 16) == [[0]]
    assert groups_of([5, 5, 5], 1) == [[0], [1], [2]]
    assert groups_of([], 16) == []


def test_each_text_gets_its_own_rows() -> None:
    groups = groups_of([5, 7, 5, 9], 16)
    runs = [{"vectors": np.array([[10 * place] for place in group])} for group in groups]
    assert [own["vectors"].tolist() for own in apart(groups, runs)] == [[[0]], [[10]], [[20]], [[30]]]


def test_a_text_has_the_same_bits_in_any_batch_and_in_any_query() -> None:
    encoder = GraphEncoder()
    words = [
        "dog",
        "cat",
        "man",
        "boy",
        "car",
        "tree",
        "bird",
        "girl",
        "horse",
        "road",
        "house",
        "hat",
        "ball",
        "bike",
        "wall",
        "door",
        "rock",
        "boat",
        "fish",
        "duck",
    ]
    texts = [f"a {word} in the water" for word in words]
    lengths = {encoder.count_tokens(text) for text in texts}
    assert len(lengths) == 1 < len(texts) / WIDE_TOGETHER  # they share runs, more than one
    batch = encode_texts(encoder, [*texts, "a red flower in a large garden with many others"], tokens=True)
    queries = encode_query(encoder, texts[:3], tokens=True)
    assert batch.tokens is not None
    assert queries.tokens is not None
    for row, text in enumerate(texts):
        alone = encode_texts(encoder, [text], tokens=True)
        assert np.array_equal(batch.vectors[row], alone.vectors[0])
        assert alone.tokens is not None
        assert np.array_equal(batch.tokens[row], alone.tokens[0])
    for row, text in enumerate(texts[:3]):
        assert np.array_equal(queries.vectors[row], encode_query(encoder, [text]).vectors[0])
        np.testing.assert_allclose(queries.vectors[row], batch.vectors[row], atol=1e-6)
