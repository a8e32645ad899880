"""The layouts of exports by their names. What one needs is imported when it is asked for."""

from __future__ import annotations

from pathlib import Path

from indexer.encoders.base import EncoderId, TokenShape
from search.exchange.layout import Format, Layout


def layout(name: Format, folder: Path, identity: EncoderId, total: int, tokens: TokenShape | None) -> Layout:
    """The layout `name` into `folder`, for vectors of the encoder `identity`; `total`: about how many rows will come;
    `tokens`: their shape, where they come too.

    Raises UsageError where what it needs is not installed.
    """
    width = None if tokens is None else tokens.width
    if name == "npy":
        from search.exchange.npy_layout import NpyLayout

        return NpyLayout(folder, identity.dimension, width)
    from search.exchange.parquet_file import check_installed

    check_installed(name)
    if name == "parquet":
        from search.exchange.parquet_layout import ParquetLayout

        return ParquetLayout(folder, identity, tokens=tokens is not None)
    from search.exchange.clip_retrieval_layout import ClipRetrievalLayout

    return ClipRetrievalLayout(folder, identity.dimension, total, width)
