"""An open_clip model in torch by its name, adapted or not: what is exported, and what runs where no export is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.encoders import adapted_files
from indexer.encoders.adapted_spec import ADAPTED_PREFIX, parse_adapted
from indexer.encoders.openclip_adapted import AdaptedModel

if TYPE_CHECKING:
    from indexer.encoders.openclip import OpenClipEncoder


def in_torch(name: str, *, device: str | None, download: bool) -> OpenClipEncoder:
    """The open_clip model, adapted or not, that `name` means. Raises what `OpenClipEncoder` raises."""
    from indexer.encoders.openclip import OpenClipEncoder

    if not name.startswith(ADAPTED_PREFIX):
        return OpenClipEncoder(name, device=device, download=download)
    folder = parse_adapted(name)
    adapted = AdaptedModel(folder, adapted_files.describe(folder))
    return OpenClipEncoder(adapted.description.base.name, device=device, download=download, adapted=adapted)
