"""Which texts of a batch share a run of a graph: those of one length, since a graph knows no padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy.typing as npt

#: Texts that share a run at most. Four of one length take 0.5 of the time of a core, sixteen 0.35; but with AVX2 alone
#: five and more have other bits than two, three and four have.
TOGETHER: Final = 4
WIDE_TOGETHER: Final = 16


def groups_of(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Places of the texts of each run, the most work first; `most` of them at most, and no run much smaller than
    another of that length.

    OpenVINO computes a row among two to four (with AVX-512 up to 24 were tried) with the same bits, however many there
    are and wherever it stands, and one row alone with others (2026.4, float32). So of a batch a text of a length of its
    own runs twice.
    """
    if len(lengths) == 1 or most == 1:
        return [[place] for place in range(len(lengths))]
    by_length: dict[int, list[int]] = {}
    for place, length in enumerate(lengths):
        by_length.setdefault(length, []).append(place)
    groups = [group for _, places in sorted(by_length.items(), reverse=True) for group in _evenly(places, most)]
    groups = [group if len(group) > 1 else group * 2 for group in groups]
    return sorted(groups, key=lambda group: -len(group) * lengths[group[0]])


def _evenly(places: Sequence[int], most: int) -> list[list[int]]:
    """In as few parts as may be, none of which has two more than another: five in parts of four are three and two."""
    parts = -(-len(places) // most)
    return [list(places[len(places) * at // parts : len(places) * (at + 1) // parts]) for at in range(parts)]


def apart(
    groups: Sequence[Sequence[int]], runs: Sequence[Mapping[str, npt.NDArray[Any]]]
) -> list[dict[str, npt.NDArray[Any]]]:
    """What each text got of the runs, in the order of the texts; arrays keep their first axis, of length 1."""
    found = {
        place: {name: array[at : at + 1] for name, array in outputs.items()}
        for group, outputs in zip(groups, runs, strict=True)
        for at, place in enumerate(group)
    }
    return [found[place] for place in range(len(found))]
