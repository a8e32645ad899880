"""The encoder of a command, at work while everything else is imported and the catalog is opened.

Of a query: which encoder that will be, the store says in a hint (`indexer/encoder_hint.py`). It is a guess: the catalog
decides, and an encoder that is not the one it names is not used. Where a process may be forked safely the text is
encoded in one (`prefetch_process.py`), elsewhere in a thread, which shares the interpreter with the imports and so
gains less. Of a first run of the indexer: the one that was asked for, in a thread, and then its image tower.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
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
        from search.fast_start.prefetch_process import EarlyProcess

        return EarlyProcess(folder, text, device)
    return EarlyThread(partial(_noted, folder, text, device))


def early_indexer(folder: Path, asked: str | None, device: str | None) -> EarlyEncoder | None:
    """Begin to load the encoder of a new store in `folder`: `asked`, or the bundled one.

    None where there is a store: it may need no encoder at all.
    """
    from indexer.settings import CATALOG_NAME

    if (folder / CATALOG_NAME).exists():
        return None
    return EarlyThread(partial(_asked, asked, device), _load_image_tower, new=True)


class EarlyThread:
    """Loads in a thread. `new`: what was asked for a new store, not what a note says of an old one.

    `then`: what goes on with the encoder while it is handed over; what it loads, encoding waits for.
    """

    def __init__(
        self,
        load: Callable[[], Encoder | None],
        then: Callable[[Encoder], None] | None = None,
        *,
        new: bool = False,
    ) -> None:
        self._load = load
        self._then = then
        self._new = new
        self._found: Encoder | None = None
        self._loaded = threading.Event()
        threading.Thread(target=self._run, name="early-encoder").start()

    def get(self, stored: EncoderId | None) -> Encoder | None:
        """The encoder, when it is that of the catalog."""
        self._loaded.wait()
        found = self._found
        if stored is None:
            return found if self._new else None
        return found if found is not None and found.identity.matches(stored) else None

    def _run(self) -> None:
        # What goes wrong, the ordinary way meets too, and says so.
        with suppress(Exception):
            try:
                self._found = self._load()
            finally:
                self._loaded.set()
            if self._found is not None and self._then is not None:
                self._then(self._found)


def _noted(folder: Path, text: str, device: str | None) -> Encoder | None:
    """Encodes the text once: a graph's first run takes ten times as long as the others."""
    from indexer.encoder_hint import read_encoder_hint
    from indexer.encoders.registry import load_encoder

    noted = read_encoder_hint(folder)
    if noted is None:
        return None
    encoder = load_encoder(noted.name, device, stored=noted)
    encoder.encode_texts([text])
    return encoder


def _asked(asked: str | None, device: str | None) -> Encoder:
    from indexer.encoders.registry import BUNDLED, load_encoder

    return load_encoder(BUNDLED if asked is None else asked, device)


def _load_image_tower(encoder: Encoder) -> None:
    load = getattr(encoder, "load_image_tower", None)  # of those whose towers load apart
    if load is not None:
        load()
