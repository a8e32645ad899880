"""The encoder of a command, at work while everything else is imported and the catalog is opened.

Of a query: which encoder that will be, the store says in a note (`indexer/notes.py`). The note is a guess: the catalog
decides, and an encoder that is not the one it names is not used. Where a process may be forked safely the text is
encoded in one (`early_process.py`), elsewhere in a thread, which shares the interpreter with the imports and so gains
less. Of a first run of the indexer: the one that was asked for, in a thread, its image tower loaded.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from indexer.encoders.base import Encoder, EncoderId

#: What starts threads or holds devices, which a forked process would find in an unknown state.
_UNFORKABLE: Final = frozenset({"openvino", "torch", "faiss"})


class EarlyEncoder(Protocol):
    """An encoder on its way."""

    def get(self, stored: EncoderId | None) -> Encoder | None:
        """The encoder, when it is that of the catalog; `stored` None: of a store that has none yet. Waits for it."""
        ...


def early_encoder(folder: Path, text: str, device: str | None) -> EarlyEncoder:
    """Begin to load what the note of the store in `folder` names, and to encode `text` with it."""
    if sys.platform == "linux" and threading.active_count() == 1 and not _UNFORKABLE & sys.modules.keys():
        from search.early_process import EarlyProcess

        return EarlyProcess(folder, text, device)
    return EarlyThread(partial(_noted, folder, text, device))


def early_indexer(folder: Path, asked: str | None, device: str | None) -> EarlyEncoder | None:
    """Begin to load the encoder of a new store in `folder`: `asked`, or the bundled one.

    None where there is a store: it may need no encoder at all.
    """
    from indexer.settings import CATALOG_NAME

    if (folder / CATALOG_NAME).exists():
        return None
    return EarlyThread(partial(_for_images, asked, device), new=True)


class EarlyThread:
    """Loads in a thread. `new`: what was asked for a new store, not what a note says of an old one."""

    def __init__(self, load: Callable[[], Encoder | None], *, new: bool = False) -> None:
        self._load = load
        self._new = new
        self._found: Encoder | None = None
        self._thread = threading.Thread(target=self._run, name="early-encoder")
        self._thread.start()

    def get(self, stored: EncoderId | None) -> Encoder | None:
        """The encoder, when it is that of the catalog."""
        self._thread.join()
        found = self._found
        if stored is None:
            return found if self._new else None
        return found if found is not None and found.identity.matches(stored) else None

    def _run(self) -> None:
        try:
            self._found = self._load()
        except Exception:  # the ordinary way meets the same trouble, and says so
            self._found = None


def _noted(folder: Path, text: str, device: str | None) -> Encoder | None:
    """Encodes the text once: a graph's first run takes ten times as long as the others."""
    from indexer.encoders.registry import load_encoder
    from indexer.notes import noted_encoder

    noted = noted_encoder(folder)
    if noted is None:
        return None
    encoder = load_encoder(noted.name, device, stored=noted)
    encoder.encode_texts([text])
    return encoder


def _for_images(asked: str | None, device: str | None) -> Encoder:
    from indexer.encoders.base import RowEncoder
    from indexer.encoders.registry import BUNDLED, load_encoder

    encoder = load_encoder(BUNDLED if asked is None else asked, device)
    if isinstance(encoder, RowEncoder):
        encoder.load_image_tower()
    return encoder
