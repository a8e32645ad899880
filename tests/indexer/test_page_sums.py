"""Sums of pages, against sums worked out in the head, and what they see."""

from __future__ import annotations

import numpy as np

from indexer.page_sums import PAGE, digest, page_sums


def test_sums_of_pages() -> None:
    body = np.zeros(2 * PAGE + 9, np.uint8)
    body[0] = 3  # the first word of the first page
    body[8] = 4  # its second
    body[PAGE + 1] = 1  # the second byte of a word: 256
    body[2 * PAGE + 8] = 5  # the last byte of all
    assert page_sums(body).tolist() == [7, 256, 5]
    assert page_sums(body[: 2 * PAGE]).tolist() == [7, 256]
    assert page_sums(body[:0]).tolist() == []


def test_bytes_that_lie_anywhere_in_memory() -> None:
    body = np.random.default_rng(0).integers(0, 256, 3 * PAGE + 1, dtype=np.uint8)
    np.testing.assert_array_equal(page_sums(body[1:]), page_sums(body[1:].copy()))


def test_every_flipped_bit_a_lost_a_moved_and_a_missing_page_are_seen() -> None:
    rng = np.random.default_rng(1)
    body = rng.integers(0, 256, 3 * PAGE + 100, dtype=np.uint8)
    right = digest(body)
    for _ in range(200):
        changed = body.copy()
        changed[rng.integers(len(body))] ^= 1 << rng.integers(8)
        assert digest(changed) != right
    lost, moved = body.copy(), body.copy()
    lost[PAGE : 2 * PAGE] = 0
    moved[:PAGE], moved[PAGE : 2 * PAGE] = body[PAGE : 2 * PAGE], body[:PAGE]
    for changed in (lost, moved, body[: 3 * PAGE], np.append(body, np.uint8(0))):
        assert digest(changed) != right
    assert digest(body.copy()) == right
