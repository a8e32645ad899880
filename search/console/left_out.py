"""Files that are neither images nor captions, as people and programs read of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indexer.files.kinds import LeftOut

#: Suffixes that are named of each kind.
_SHOWN_SUFFIXES = 5


def left_out_text(found: Sequence[LeftOut]) -> str:
    """ "12 camera raw (.cr2, .nef), 3 video (.mp4)"."""
    kinds: dict[str, list[LeftOut]] = {}
    for each in found:
        kinds.setdefault(each.kind, []).append(each)
    parts = []
    for kind, members in sorted(kinds.items(), key=lambda each: -sum(one.count for one in each[1])):
        suffixes = [one.suffix or "no suffix" for one in members]
        named = ", ".join(suffixes[:_SHOWN_SUFFIXES]) + (", ..." if len(suffixes) > _SHOWN_SUFFIXES else "")
        parts.append(f"{sum(one.count for one in members):,} {kind} ({named})")
    return ", ".join(parts)


def left_out_json(found: Sequence[LeftOut]) -> list[dict[str, Any]]:
    """A kind and suffix an object, the most frequent first."""
    return [dataclasses.asdict(each) for each in found]
