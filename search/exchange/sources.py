"""What can be imported, told by what lies at a path."""

from __future__ import annotations

from pathlib import Path

from indexer.errors import UsageError
from indexer.reach import beginning
from search.exchange import clip_retrieval_source, npy_source, parquet_source, rclip_source
from search.exchange.manifest import NAME, Manifest
from search.exchange.source import Source

#: How a file of SQLite begins.
_DATABASE = b"SQLite format 3\0"


def source_at(path: Path) -> Source:
    """What lies at a path. Raises UsageError where it is nothing that can be imported."""
    if path.is_dir():
        manifest = Manifest.read(path)
        if manifest is None and (path / NAME).exists():
            raise UsageError(f"{path / NAME} does not read as that of an export; export it again.")
        if manifest is not None and manifest.format == "npy":
            return npy_source.NpySource(path, manifest)
        if manifest is not None and manifest.format == "parquet":
            return parquet_source.ParquetSource(path, manifest)
        if manifest is not None or ((path / "img_emb").is_dir() and (path / "metadata").is_dir()):
            return clip_retrieval_source.ClipRetrievalSource(path, manifest)
        databases = sorted(each for each in path.iterdir() if each.is_file() and _is_database(each))
        if len(databases) == 1:
            return rclip_source.RclipSource(databases[0])
    elif path.is_file() and _is_database(path):
        return rclip_source.RclipSource(path)
    raise UsageError(
        f"{path} is nothing that can be imported; name the folder of an export, one of clip-retrieval with img_emb and "
        "metadata, or the database of rclip."
    )


def _is_database(path: Path) -> bool:
    try:
        return beginning(path, len(_DATABASE)) == _DATABASE
    except (OSError, ValueError):
        return False
