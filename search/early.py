"""The encoder of a query, loaded in a thread while everything else is imported and the catalog is opened.

Which encoder that will be, the store says in a note (`indexer/notes.py`). The note is a guess: the catalog decides,
and an encoder that is not the one it names is not used.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.encoders.base import Encoder, EncoderId


class EarlyEncoder:
    """Begins to load what the note of the store in `folder` names, and to encode `text` with it: a graph's first run
    takes ten times as long as the others."""

    def __init__(self, folder: Path, text: str, device: str | None) -> None:
        self._found: Encoder | None = None
        self._thread = threading.Thread(target=self._load, args=(folder, text, device), name="early-encoder")
        self._thread.start()

    def get(self, stored: EncoderId) -> Encoder | None:
        """The encoder, when it is that of the catalog."""
        self._thread.join()
        found = self._found
        return found if found is not None and found.identity.matches(stored) else None

    def _load(self, folder: Path, text: str, device: str | None) -> None:
        try:
            from indexer.encoders.registry import load_encoder
            from indexer.notes import noted_encoder

            noted = noted_encoder(folder)
            if noted is not None:
                encoder = load_encoder(noted.name, device, stored=noted)
                encoder.encode_texts([text])
                self._found = encoder
        except Exception:  # the ordinary way meets the same trouble, and says so
            self._found = None
