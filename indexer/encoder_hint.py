"""A hint in a store that says which encoder answers its queries, so that one can be loaded before the catalog is open.

A guess, which the catalog confirms or not: it may be missing, old, or of a store that was copied.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from indexer.atomic import write_atomically
from indexer.encoders.base import EncoderId
from indexer.reach import beginning

HINT_NAME: Final = "encoder.json"
#: Of one of ours, some hundred.
_MAX_BYTES: Final = 100_000


def write_encoder_hint(folder: Path, identity: EncoderId) -> None:
    """Leave the hint in the store in `folder`. Where it cannot be written nothing is lost but time."""
    if read_encoder_hint(folder) == identity:
        return
    with suppress(OSError):
        write_atomically(folder / HINT_NAME, identity.to_json().encode())


def read_encoder_hint(folder: Path) -> EncoderId | None:
    """What the hint says; None where there is nothing that reads."""
    try:
        return EncoderId.from_json(beginning(folder / HINT_NAME, _MAX_BYTES).decode("utf-8"))
    except (OSError, ValueError):
        return None
