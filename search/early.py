"""The encoder of a query, at work while everything else is imported and the catalog is opened.

Which encoder that will be, the store says in a note (`indexer/notes.py`). The note is a guess: the catalog decides,
and an encoder that is not the one it names is not used. Where a process may be forked safely the text is encoded in one
(`early_process.py`), elsewhere in a thread, which shares the interpreter with the imports and so gains less.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from indexer.encoders.base import Encoder, EncoderId

#: What starts threads or holds devices, which a forked process would find in an unknown state.
_UNFORKABLE: Final = frozenset({"openvino", "torch", "faiss"})


class EarlyEncoder(Protocol):
    """An encoder on its way."""

    def get(self, stored: EncoderId) -> Encoder | None:
        """The encoder, when it is that of the catalog. Waits for it."""
        ...


def early_encoder(folder: Path, text: str, device: str | None) -> EarlyEncoder:
    """Begin to load what the note of the store in `folder` names, and to encode `text` with it."""
    if sys.platform == "linux" and threading.active_count() == 1 and not _UNFORKABLE & sys.modules.keys():
        from search.early_process import EarlyProcess

        return EarlyProcess(folder, text, device)
    return EarlyThread(folder, text, device)


class EarlyThread:
    """Loads the encoder and encodes the text once: a graph's first run takes ten times as long as the others."""

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
