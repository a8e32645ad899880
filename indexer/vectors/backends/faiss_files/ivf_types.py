"""The types of inverted files that there are, a row each: a new one is a row here and a name in `base.IndexType`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import faiss as _faiss

from indexer.vectors.backends.faiss_files import tuning
from indexer.vectors.base import IndexType

faiss: Any = _faiss  # typed loosely: its stubs differ between versions, and from what its Python layer takes


@dataclass(frozen=True, slots=True)
class IvfType:
    """`code`: how vectors are kept, as `faiss.index_factory` names it, for so many dimensions and training rows.
    `holds`: whether a FAISS index is of this type. `better`: what is built where it misses the recall that was asked
    for, however hard it looks; after these, a flat index."""

    code: Callable[[int, int], str]
    holds: Callable[[Any], bool]
    better: tuple[IndexType, ...] = ()


def _product_code(dimension: int, rows: int) -> str:
    if rows < tuning.PQ_LEAST:
        return "Flat"
    return f"PQ{tuning.product_codes(dimension)}x8np"  # np: without the minute of polysemous training


def _is_sq8(core: Any) -> bool:
    return isinstance(core, faiss.IndexIVFScalarQuantizer) and core.sq.qtype == faiss.ScalarQuantizer.QT_8bit


IVF_TYPES: Final[dict[IndexType, IvfType]] = {
    "ivf-flat": IvfType(lambda dimension, rows: "Flat", lambda core: isinstance(core, faiss.IndexIVFFlat)),
    "ivf-sq8": IvfType(lambda dimension, rows: "SQ8", _is_sq8),
    "ivf-pq": IvfType(_product_code, lambda core: isinstance(core, faiss.IndexIVFPQ), better=("ivf-sq8",)),
}


def better_types(index_type: IndexType) -> tuple[IndexType, ...]:
    """What is built in turn where an approximate type misses the recall."""
    return ("ivf-sq8",) if index_type == "hnsw" else IVF_TYPES[index_type].better


def structure_of(core: Any) -> str:
    """What a FAISS index holds: "flat", "hnsw", a type of inverted file, or FAISS's own name for anything else."""
    if isinstance(core, faiss.IndexFlat):
        return "flat"
    if isinstance(core, faiss.IndexHNSW):
        return "hnsw"
    return next((name for name, kind in IVF_TYPES.items() if kind.holds(core)), type(core).__name__)
