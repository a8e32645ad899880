"""What a better encoder would cost this collection, and what it brings: the road out of the bundled one."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from indexer.distribution import FULL, installed
from indexer.encoders.device_names import shows_gpu
from indexer.encoders.graph_model import BUNDLED
from indexer.encoders.hub import is_told_offline
from indexer.encoders.presets import PRESETS, Purpose


@dataclass(frozen=True, slots=True)
class Offer:
    """An encoder to change to. `name`: what `--encoder` takes. `megabytes` to fetch once, 10^6 bytes.

    `seconds`: about how long this collection takes with it on this CPU, reckoned from the last run; None where none was
    measured, or a GPU would encode. `recall`: text-to-image R@1 on COCO's 5,000 test photographs, as published.
    """

    name: Purpose
    megabytes: int
    seconds: float | None
    recall: float
    languages: str
    licence: str


def offers(encoder: str | None, photographs: int, pace: float | None) -> tuple[Offer, ...]:
    """What could take the place of `encoder`, the one of a store of so many `photographs`, where that is the bundled
    one and others can be had on this machine; else nothing.

    `pace`: seconds a photograph, of whole runs with the bundled encoder on this machine, where they are known. Whether
    a hub can be reached is not asked: nobody's network is used for an advice.
    """
    if encoder != BUNDLED or not photographs or installed() != FULL or is_told_offline():
        return ()
    if importlib.util.find_spec("open_clip") is None:
        return ()
    known = None if pace is None or shows_gpu() else pace * photographs
    return tuple(
        Offer(
            preset.purpose,
            preset.megabytes,
            None if known is None else known * preset.times,
            preset.recall,
            preset.languages,
            preset.licence,
        )
        for preset in PRESETS
    )
