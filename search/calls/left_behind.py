"""What a store has for its present encoder, and not for what a training makes of it, whose identity is its own."""

from __future__ import annotations

from pathlib import Path

from indexer.encoders.base import Encoder
from search.calibration.calibration_file import find_calibration
from search.classification.probe_file import names_in
from search.rerank.reranker_files import find_reranker


def left_behind(store: Path, present: Encoder) -> tuple[str, ...]:
    """A note, with what brings each back; none where the folder `store` has nothing."""
    found = []
    if find_calibration(store, present.identity).entries:
        found.append("percentages, until `calibrate()`")
    if find_reranker(store, present) is not None:
        found.append("the reranker and `explain`, until `train_reranker(table=TABLE)`")
    if names := names_in(store):
        found.append(f"the probes ({', '.join(names)}), until `train_probe(FOLDER)`")
    return (f"Going over to it takes away {'; '.join(found)}.",) if found else ()
