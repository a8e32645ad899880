"""How long a photograph took in the last run that encoded some: what another encoder will take is reckoned from it."""

from __future__ import annotations

import math

from indexer.catalog.catalog import Catalog
from indexer.catalog.meta import PACE, Meta
from indexer.catalog.transaction import Transaction
from indexer.types import Report

#: Photographs of a run that say something: before them a run waits for its models.
ENOUGH = 32


def keep_pace(catalog: Catalog, report: Report) -> None:
    """Keep the seconds a photograph of a run that is through, with the name of its encoder."""
    if report.encoded >= ENOUGH and report.seconds > 0:
        with catalog.batch() as batch:
            Meta(batch).set(PACE, f"{report.seconds / report.encoded:.6f} {report.encoder}")


def read_pace(snapshot: Transaction, encoder: str) -> float | None:
    """Seconds a photograph, of whole runs with this encoder on this machine; None where none was measured."""
    seconds, _, name = (Meta(snapshot).get(PACE) or "").partition(" ")
    try:
        found = float(seconds)
    except ValueError:
        return None
    return found if name == encoder and math.isfinite(found) and found > 0 else None
