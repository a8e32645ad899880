"""open_clip models that were fine-tuned, from the folder that a training left.

`AdaptedModel` is read from the folder, handed to `OpenClipEncoder`, and puts the trained tensors into the base there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.encoders import adapted_files
from indexer.encoders.adapted_files import AdaptedDescription
from indexer.encoders.base import EncoderId


@dataclass(frozen=True, slots=True)
class AdaptedModel:
    """The adapted encoder in `folder`, of a method that changes the model itself."""

    folder: Path
    description: AdaptedDescription

    @property
    def identity(self) -> EncoderId:
        """That of the adapted encoder."""
        return self.description.identity(self.folder)

    @property
    def checkpoint(self) -> Path:
        """The file of the trained tensors. Raises EncoderUnavailableError."""
        return adapted_files.weights_path(self.folder)

    def check_base(self, base: EncoderId) -> None:
        """Raise EncoderMismatchError unless it was trained on this model."""
        adapted_files.check_base(self.folder, self.description, base)

    def apply(self, model: Any) -> None:
        """Make the adapted model of the base, in place. Raises EncoderUnavailableError when what was trained does not
        fit it, or is damaged, or a package is missing."""
        from indexer.encoders.openclip_adaptation import Adaptation
        from indexer.errors import UsageError

        try:
            adaptation = Adaptation(model, self.description.method, self.description.settings)
            adaptation.load(adapted_files.load_delta(self.folder, self.description))
        except (UsageError, ValueError, KeyError, TypeError) as error:
            raise adapted_files.damaged(self.folder / adapted_files.DESCRIPTION, str(error).rstrip(".")) from error
        adaptation.finish()
