"""The lists of an inverted file that FAISS reads where they lie in a mapped file: compared when first probed."""

from __future__ import annotations

from typing import Any

import numpy as np

from indexer.page_sums import Bytes
from indexer.types import Int64
from indexer.vectors.backends.faiss_files.blocks import Check

#: Bytes of a position in a list.
_POSITION = 8


class UncheckedLists:
    """The lists of `core`, an `IndexIVF` whose lists lie in `memory` (size,) uint8: codes, then positions, of each."""

    def __init__(self, core: Any, memory: Bytes, check: Check) -> None:
        self._lists = core.invlists
        self._row = int(core.code_size) + _POSITION
        self._start = int(memory.ctypes.data)
        self._check = check
        self._right = np.zeros(int(core.nlist), np.bool_)  # (lists,) those that were compared

    def check(self, numbers: Int64) -> None:
        """Compare those of the lists `numbers` (q, lists), -1 for none, that were not yet. Raises StoreDamagedError."""
        if self._right[numbers].all():
            return
        for number in np.unique(numbers[numbers >= 0]).tolist():
            size = 0 if self._right[number] else self._lists.list_size(number)
            if size:
                start = int(self._lists.get_codes(number)) - self._start
                self._check(start, start + size * self._row)
            self._right[number] = True
