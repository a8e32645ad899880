"""Which encoders can be trained by which methods; what makes their `Trainable`. A new kind of encoder adds itself here.

Light: torch is imported when one is made.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from indexer.encoders.base import EncoderId
from indexer.encoders.device_names import check_device
from indexer.encoders.graph_model import BUNDLED
from indexer.encoders.mapped_encoder import METHOD as HEADS
from indexer.encoders.openclip_spec import PREFIX
from indexer.errors import EncoderMismatchError
from indexer.training.settings import METHODS, AdaptationSettings
from indexer.training.trainable import Trainable

#: Of the encoder that ships, from cheap to dear: `training/graphs/adaptation.py`, after the one over its vectors.
_BUNDLED_METHODS: Final = (HEADS, "bitfit", "lora", "full")
#: It is a tenth of a CLIP model, and its last part alone is trained: it takes more, and forgets less.
_BUNDLED_FULL_RATE: Final = 1e-4


def methods_of(base: EncoderId) -> tuple[str, ...]:
    """The methods that can adapt an encoder, from cheap to dear; `heads`, over its vectors, every one."""
    if base.name.startswith(PREFIX):
        return METHODS
    return _BUNDLED_METHODS if base.name == BUNDLED else (HEADS,)


def settings_of(base: EncoderId, method: str, settings: AdaptationSettings) -> AdaptationSettings:
    """`settings`, with what was left open as `method` takes it on the encoder `base`. Of the bundled one `full` trains
    the last part: what lies before runs in OpenVINO then, and all of it in torch is many times as slow."""
    if base.name != BUNDLED or method != "full":
        return settings
    settings = replace(settings, part=settings.part or "last")
    return replace(settings, rate=settings.rate or _BUNDLED_FULL_RATE) if settings.part == "last" else settings


def load_trainable(base: EncoderId, device: str | None) -> Trainable:
    """The encoder `base` with gradients, of a kind that has more methods than `heads`. The bundled one computes on the
    CPU. Raises what `OpenClipTrainable` and `GraphTrainable` raise, and EncoderMismatchError when the encoder that
    ships is another one now."""
    if base.name != BUNDLED:
        from indexer.training.openclip_trainable import OpenClipTrainable

        return OpenClipTrainable(base, device)
    from indexer.training.graphs.trainable import GraphTrainable

    check_device(device)
    found = GraphTrainable()
    if not found.identity.matches(base):
        raise EncoderMismatchError(
            f"The encoder {BUNDLED} is another one now ({found.identity.weights[:12]}, before {base.weights[:12]}); "
            "`index(reencode=True)` first."
        )
    return found
