"""A row of an export as an import takes it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from indexer.pipeline.take_over import GivenImage
from search.exchange.source import SourceRow


def row_of(said: Mapping[str, Any]) -> SourceRow:
    """Raises ValueError, KeyError or TypeError for one that no export wrote."""
    kind, raw = said["kind"], said.get("path_bytes")
    path, origin, text = os.fsdecode(raw) if raw else said["path"], said.get("source"), said.get("text")
    digest = bytes.fromhex(said["digest"])
    if kind not in ("image", "text") or not isinstance(path, str) or not os.path.isabs(path) or len(digest) != 32:
        raise ValueError("no row of an export")
    if not isinstance(origin, str | None) or not isinstance(text, str if kind == "text" else str | None):
        raise ValueError("no row of an export")
    return SourceRow(kind, GivenImage(path, digest), text, origin)
