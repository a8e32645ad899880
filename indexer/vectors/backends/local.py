"""The vector backend of a store that lies in a folder."""

from __future__ import annotations

from pathlib import Path

from indexer.vectors.backend import VectorBackend
from indexer.vectors.backends.faiss_files.file_backend import FaissFiles


def local_backend(folder: Path) -> VectorBackend:
    """The indexes that lie in `folder`, which need not exist yet."""
    return FaissFiles(folder)
