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
#: In a store: a folder an adapted encoder, called by its digest; none is ever replaced, as the store may be encoded
#: with it.
FOLDER: Final = "adapted"


class AdaptedGoneError(EncoderUnavailableError):
    """The folder of an adapted encoder is not there, or nothing of one is in it."""


def adapted_name(folder: Path) -> str:
    """The one spelling of an adapted encoder, what an index stores and what `--encoder` takes."""
    return f"{ADAPTED_PREFIX}{absolute(folder)}"


def in_store(name: str, store: Path) -> str:
    """The name, here, of an encoder that the catalog of the store in a folder names. One that was adapted lies in the
    store; where the folder that the name says is not there, as on another machine or after a move, it is that one."""
    if not name.startswith(ADAPTED_PREFIX):
        return name
    named = Path(name.removeprefix(ADAPTED_PREFIX))
    own = store / FOLDER / named.name
    elsewhere = named.parent.name == FOLDER and not os.path.isdir(named)
    return adapted_name(own) if elsewhere and own.is_dir() else name


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
