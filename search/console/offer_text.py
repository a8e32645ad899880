"""How the shell speaks of a better encoder: what it costs, what it brings, and the command."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from search.offers import Offer

#: The offer that stands for all: better answers for a few minutes.
SHOWN = "balanced"


def shown_offer(offers: Sequence[Offer]) -> Offer | None:
    """The one that most people should take; None where none is offered."""
    return next((offer for offer in offers if offer.name == SHOWN), None)


def offer_text(offer: Offer, store: Path | None) -> str:
    """The command, what it costs and what it brings. `store`: as it was given."""
    where = "" if store is None else f" --store {quote(str(store))}"
    return (
        f"`search index --reencode --encoder {offer.name}{where}` ({cost_text(offer)}; as published, "
        f"{recall_text(offer.recall)} of COCO); `search models` has others"
    )


def cost_text(offer: Offer) -> str:
    """Megabytes to fetch, and the time for this collection where it is known."""
    fetch = f"{offer.megabytes / 1000:.1f} GB to fetch once"
    return fetch if offer.seconds is None else f"{fetch}, about {duration_text(offer.seconds)} for this collection"


def recall_text(recall: float) -> str:
    """What a recall at 1 means."""
    return f"the right photograph first for {100 * recall:.0f} of 100 captions"


def duration_text(seconds: float) -> str:
    """A length of time as a person says it, rounded to what an estimate knows."""
    if seconds < 90:
        return f"{max(10, round(seconds, -1)):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds >= 10 * 3600 else f"{seconds / 3600:.1f} h"
