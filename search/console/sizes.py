"""Bytes as people read them."""

from __future__ import annotations


def size_text(count: int) -> str:
    """In units of 1,000, as disks are sold: "86 MB"."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1_000:
            return f"{size:.0f} {unit}"
        size /= 1_000
    return f"{size:.1f} GB"
