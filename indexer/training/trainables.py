"""Which encoders can be trained by which methods; what makes their `Trainable`. A new kind of encoder adds itself here.

Light: torch is imported when one is made.
"""

from __future__ import annotations

from indexer.encoders.base import EncoderId
from indexer.encoders.mapped_encoder import METHOD as HEADS
from indexer.encoders.openclip_spec import PREFIX
from indexer.training.settings import METHODS
from indexer.training.trainable import Trainable


def methods_of(base: EncoderId) -> tuple[str, ...]:
    """The methods that can adapt an encoder, from cheap to dear; `heads`, over its vectors, every one."""
    return METHODS if base.name.startswith(PREFIX) else (HEADS,)


def load_trainable(base: EncoderId, device: str | None) -> Trainable:
    """The encoder `base` with gradients, of a kind that has more methods than `heads`. Raises what
    `OpenClipTrainable` raises."""
    from indexer.training.openclip_trainable import OpenClipTrainable

    return OpenClipTrainable(base, device)
