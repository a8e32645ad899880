"""What one search may return, in the forms that FAISS takes."""

from __future__ import annotations

from typing import Any

import faiss as _faiss
import numpy as np

from indexer.vectors.backends.faiss_files.id_table import Mask

faiss: Any = _faiss  # typed loosely: its stubs differ between versions, and from what its Python layer takes


class Selector:
    """The positions that one call may return: `count` of `total`, those where `mask` is true."""

    def __init__(self, mask: Mask | None, total: int) -> None:
        self.mask = mask  # (n,) bool, None for all
        self.total = total
        self.count = total if mask is None else int(np.count_nonzero(mask))

    @property
    def share(self) -> float:
        return self.count / self.total

    def bitmap(self) -> Any:
        if self.mask is None:
            return None
        return faiss.IDSelectorBitmap(np.packbits(self.mask, bitorder="little"))

    def list_or_bitmap(self) -> Any:
        """For flat indexes only: they go straight to listed positions, others would search the list for each."""
        if self.mask is None or self.count * 4 > self.total:
            return self.bitmap()
        return faiss.IDSelectorArray(np.flatnonzero(self.mask))
