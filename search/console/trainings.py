"""What is said of a training that was interrupted, as text that is not yet escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.console.sizes import size_text

if TYPE_CHECKING:
    from indexer.training.work_folder import UnfinishedTraining


def training_text(found: UnfinishedTraining) -> str:
    """What it is, how to go on with it, and how to let it go."""
    return (
        f"a training of the {found.trained}, {size_text(found.bytes)} (search train {found.trained} with the same "
        "options goes on with it, search compact --trainings lets it go)"
    )
