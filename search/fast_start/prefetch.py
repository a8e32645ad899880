"""The encoder of a command, on its way while everything else is imported and the catalog is opened.

Of a query: which encoder that will be, a hint in the store says (`indexer/encoder_hint.py`). Its texts are encoded with
it in a forked process, where one may be forked safely: loading a runtime and importing a database toolkit then take
the time of the longer one. (In a thread, which shares the interpreter with the imports, nothing is gained.)

Of a first run of the indexer: the one that was asked for, in a thread, and then its image tower.

Either is a guess, which the catalog confirms or not. Whatever goes wrong here, the ordinary way meets too, and says so.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.encoders.base import Encoder, EncoderId

#: What starts threads or holds devices, which a forked process would find in an unknown state.
_UNFORKABLE: Final = frozenset({"openvino", "torch", "faiss"})


class Prefetch(Protocol):
    """An encoder on its way."""

    def get(self, stored: EncoderId | None) -> Encoder | None:
        """The encoder, when it is that of the catalog; `stored` None: of a store that has none yet. Waits for it."""
        ...


def prefetch_texts(
    folder: Path,
    texts: tuple[str, ...],
    device: str | None,
    class_names: tuple[str, ...] = (),
    templates: bool | None = None,
    subtracted: tuple[str, ...] = (),
) -> Prefetch | None:
    """Begin to encode the texts of a query with the encoder that the hint of the store in `folder` names; None where
    that would gain nothing. `class_names`: which of them are such; `templates`: whether these are asked for in
    templates. `subtracted`: those of them that are subtracted."""
    if sys.platform != "linux" or threading.active_count() > 1 or _UNFORKABLE & sys.modules.keys():
        return None
    with suppress(OSError):  # no process may be added, no descriptor is left
        return _Child(folder, texts, device, class_names, templates, subtracted)
    return None


def prefetch_encoder(folder: Path, asked: str | None, device: str | None) -> Prefetch | None:
    """Begin to load the encoder of a new store in `folder`: `asked`, or the bundled one.

    None where there is a store: it may need no encoder at all.
    """
    from indexer.reach import is_missing
    from indexer.settings import ADDRESS_NAME, CATALOG_NAME
    from indexer.swap import REPAIRED_NAME

    with suppress(RuntimeError):  # no thread may be added
        if all(is_missing(folder / name) for name in (CATALOG_NAME, REPAIRED_NAME, ADDRESS_NAME)):
            return _Thread(folder, asked, device)
    return None


class _Child:
    """A forked process, which sends `EncodedTexts` or nothing, and holds none of our outputs: nobody waits for it."""

    def __init__(
        self,
        folder: Path,
        texts: tuple[str, ...],
        device: str | None,
        class_names: tuple[str, ...],
        templates: bool | None,
        subtracted: tuple[str, ...],
    ) -> None:
        import search.fast_start.prefetched_encoder  # noqa: F401 (once, for both)

        self._folder, self._device = folder, device
        self._pipe, answer = os.pipe()
        self._pid: int | None = os.fork()
        if self._pid == 0:
            os.close(self._pipe)
            _encode(folder, texts, device, class_names, templates, subtracted, answer)
        os.close(answer)

    def get(self, stored: EncoderId | None) -> Encoder | None:
        from search.fast_start.prefetched_encoder import EncodedTexts, PrefetchedEncoder

        if self._pid is None or stored is None:
            return None
        with open(self._pipe, "rb") as pipe:
            data = pipe.read()
        with suppress(ChildProcessError):  # where SIGCHLD is ignored, the system takes children away by itself
            os.waitpid(self._pid, 0)
        self._pid = None
        try:
            known: EncodedTexts = pickle.loads(data)  # noqa: S301 (of our own child)
        except (EOFError, pickle.UnpicklingError):  # it did not come to an end
            return None
        return PrefetchedEncoder(known, self._folder, self._device) if known.identity.matches(stored) else None


def _encode(
    folder: Path,
    texts: tuple[str, ...],
    device: str | None,
    class_names: tuple[str, ...],
    templates: bool | None,
    subtracted: tuple[str, ...],
    answer: int,
) -> NoReturn:
    """In the child: never returns into the caller's code, and runs none of its clean-up."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        from dataclasses import replace

        from indexer.encoder_hint import read_encoder_hint
        from indexer.encoders.adapted_spec import in_store
        from indexer.encoders.registry import open_encoder
        from indexer.encoders.templates import captions_of, class_name_forms
        from search.fast_start.prefetched_encoder import encode_ahead

        hint = read_encoder_hint(folder)
        if hint is not None:
            hint = replace(hint, name=in_store(hint.name, folder))
            encoder = open_encoder(folder, hint, None, device)
            captions = captions_of(encoder, subtracted, templates).values()
            forms = tuple(form for name in class_names for form in class_name_forms(encoder, name, templates))
            data = pickle.dumps(encode_ahead(encoder, tuple(dict.fromkeys((*texts, *captions))), forms))
            with open(answer, "wb") as pipe:
                pipe.write(data)
    finally:
        os._exit(0)


class _Thread:
    """Hands the encoder over as soon as it is loaded, and goes on with its image tower."""

    def __init__(self, folder: Path, asked: str | None, device: str | None) -> None:
        self._encoder: Encoder | None = None
        self._loaded = threading.Event()
        threading.Thread(target=self._load, args=(folder, asked, device), name="prefetch").start()

    def get(self, stored: EncoderId | None) -> Encoder | None:
        self._loaded.wait()
        encoder = self._encoder
        return encoder if encoder is not None and (stored is None or encoder.identity.matches(stored)) else None

    def _load(self, folder: Path, asked: str | None, device: str | None) -> None:
        with suppress(Exception):
            try:
                from indexer.encoders.registry import open_encoder

                self._encoder = open_encoder(folder, None, asked, device)
            finally:
                self._loaded.set()
            load = getattr(self._encoder, "load_image_tower", None)  # of those whose towers load apart
            if load is not None:
                load()
