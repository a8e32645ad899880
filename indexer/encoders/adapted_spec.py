"""`adapted:FOLDER`, an encoder that was fine-tuned: read without importing anything heavy.

A relative path and `~` are resolved at once, as in `openclip_spec.py`: a name that is stored works from every folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from indexer.errors import EncoderUnavailableError
from indexer.paths import absolute

ADAPTED_PREFIX: Final = "adapted:"


class AdaptedGoneError(EncoderUnavailableError):
    """The folder of an adapted encoder is not there, or nothing of one is in it."""


def adapted_name(folder: Path) -> str:
    """The one spelling of an adapted encoder, what an index stores and what `--encoder` takes."""
    return f"{ADAPTED_PREFIX}{absolute(folder)}"


def parse_adapted(text: str) -> Path:
    """The folder that `adapted:FOLDER` names. Raises EncoderUnavailableError when it names none, AdaptedGoneError when
    it is not there."""
    named = text.strip().removeprefix(ADAPTED_PREFIX).strip()
    if not named:
        raise EncoderUnavailableError(f"{text!r} names no folder; write adapted:FOLDER, with what a training made.")
    folder = Path(absolute(named))
    if not os.path.isdir(folder):
        raise AdaptedGoneError(
            f"There is no folder {folder}, which {text!r} names; check the spelling, or train one with "
            "`train_encoder()`."
        )
    return folder
