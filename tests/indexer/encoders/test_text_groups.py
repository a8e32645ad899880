"""Which texts share a run of a graph."""

from __future__ import annotations

import numpy as np

from indexer.encoders.text_groups import apart, groups_of


def test_texts_of_one_length_share_runs_and_none_runs_alone() -> None:
    assert groups_of([5, 7, 5, 5, 9, 7], 2) == [[4, 4], [1, 5], [0, 2], [3, 3]]
    assert groups_of([5, 7, 5, 5, 9, 7], 16) == [[4, 4], [1, 5], [0, 2, 3]]


def test_one_text_and_texts_that_cannot_share_run_by_themselves() -> None:
    assert groups_of([5], 16) == [[0]]
    assert groups_of([5, 5, 5], 1) == [[0], [1], [2]]
    assert groups_of([], 16) == []


def test_each_text_gets_its_own_rows() -> None:
    groups = groups_of([5, 7, 5, 9], 16)
    runs = [{"vectors": np.array([[10 * place] for place in group])} for group in groups]
    assert [own["vectors"].tolist() for own in apart(groups, runs)] == [[[0]], [[10]], [[20]], [[30]]]
