"""What answers are made with besides the index: a store's encoder, its rerankers and its calibration, loaded once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from indexer import forking
from indexer.encoders.adapted_spec import AdaptedGoneError, in_store
from indexer.encoders.answers import check_promises
from indexer.encoders.base import Encoder, EncoderId, Photographs
from indexer.encoders.batches import try_out
from indexer.encoders.presets import PREVIOUS, full_name, typed_name
from indexer.encoders.registry import check_encoder, device_notes, open_encoder, prepare_for_indexing
from indexer.errors import EncoderError, EncoderUnavailableError, UsageError
from indexer.files.fingerprint import fingerprint
from indexer.progress import Progress
from indexer.reach import shown_store
from search.calibration.calibration_file import NAME as CALIBRATION_NAME
from search.calibration.calibration_file import Calibration, find_calibration
from search.rerank.base import Reranker

if TYPE_CHECKING:
    from search.fast_start.prefetch import Prefetch


#: Rerankers that are kept, those asked for last: the store's own, and some that were named. One of BLIP has 900 MB.
MOST_RERANKERS: Final = 4


class LoadedModels:
    """The models of the store in `folder`. Safe to use from several threads.

    `encoder`: what was asked for, by name or as an object; None takes the store's own, or the bundled one for a new
    store. `prefetch`: what may turn out to be the store's encoder, on its way already.
    """

    def __init__(
        self, folder: Path, encoder: str | Encoder | None, device: str | None, prefetch: Prefetch | None = None
    ) -> None:
        self._folder = folder
        self._device = device
        self._prefetch = prefetch
        self._name = full_name(encoder) if isinstance(encoder, str) else None
        self._encoder: Encoder | None = None if encoder is None or isinstance(encoder, str) else encoder
        self._follows = encoder is None  # the store's own, also when it is encoded anew with another
        self._brought = self._encoder is not None
        self._trusted = not self._brought  # one that a program brought is looked at first
        self._rerankers: dict[str | None, tuple[object, Reranker | None, tuple[str, ...]]] = {}
        self._calibration: tuple[object, Calibration] | None = None
        self._lock = forking.rlock()

    def forget_rerankers(self) -> None:
        """Load them again when they are next wanted."""
        with self._lock:
            self._rerankers.clear()

    def forget(self) -> None:
        """Load everything again when it is next wanted; an encoder that a program brought stays."""
        with self._lock:
            self._rerankers.clear()
            self._calibration = None
            if not self._brought:
                self._encoder = None

    @property
    def is_named(self) -> bool:
        """Whether a person or a program has said which encoder is to be taken."""
        return self._brought or self._name is not None

    def encoder(
        self, stored: EncoderId | None, *, reencode: bool = False, previous: EncoderId | None = None
    ) -> Encoder:
        """The encoder to work with; `stored`: that of the store, if it has one; `previous`: the one that it had before,
        which is meant by that name where it is to be `reencode`d.

        Raises EncoderMismatchError when it is another, unless it is to take its place (`reencode`), and EncoderError
        for one that a program brought and that does not keep to the protocol: no store takes it for its own.
        """
        stored, previous = self._here(stored), self._here(previous)
        with self._lock:
            if self._name == PREVIOUS and reencode:
                self._encoder = self._previous(previous)
            if self._encoder is None and self._prefetch is not None:
                if stored is None or self._name in (None, stored.name):
                    self._encoder = self._prefetch.get(stored)
                self._prefetch = None
            if self._encoder is None or (not reencode and self._is_left(stored)):
                self._encoder = self._opened(stored, reencode)
            encoder = self._encoder
            if not self._trusted:
                check_promises(encoder)
                if stored is None or not encoder.identity.matches(stored):
                    try_out(encoder)
                self._trusted = True
        if not reencode:
            check_encoder(self._folder, stored, encoder.identity)
        return encoder

    def _here(self, identity: EncoderId | None) -> EncoderId | None:
        """By the name that an encoder of the store has on this machine."""
        return None if identity is None else replace(identity, name=in_store(identity.name, self._folder))

    def _opened(self, stored: EncoderId | None, reencode: bool) -> Encoder:
        try:
            return open_encoder(self._folder, stored, self._name, self._device, reencode=reencode)
        except AdaptedGoneError as error:
            if stored is None or self._name not in (None, stored.name):
                raise  # a person named it, and may have misspelt it
            former = self._former()
            taken = "bundled" if former is None else "previous"
            said = "encodes it anew with the bundled one" if former is None else f"takes back {typed_name(former.name)}"
            raise EncoderUnavailableError(
                f"{shown_store(self._folder)} was made with the encoder {stored.name}, which is no longer there; "
                f"put its folder back, or `open(..., encoder={taken!r}).index(reencode=True)` {said}."
            ) from error

    def _former(self) -> EncoderId | None:
        """The encoder that the store had before, where it keeps its vectors."""
        from indexer.catalog.encoders import Encoders
        from indexer.store import Store

        store = Store.open(self._folder)
        try:
            with store.catalog.snapshot() as snapshot:
                found = Encoders(snapshot).former()
            return None if found is None else found[1]
        finally:
            store.close()

    def _previous(self, identity: EncoderId | None) -> Encoder:
        if identity is None:
            raise UsageError(
                f"{shown_store(self._folder)} has no previous encoder: it was never encoded anew, or `compact()` let "
                "its vectors go; name the encoder that you want, such as `encoder='bundled'` (see `list_encoders()`)."
            )
        found = open_encoder(self._folder, identity, None, self._device, reencode=True)
        if not found.identity.matches(identity):
            raise EncoderUnavailableError(
                f"The encoder {identity.name} that {shown_store(self._folder)} had before is another one now; "
                f"`open(..., encoder={identity.name!r}).index(reencode=True)` encodes with what it is now."
            )
        return found

    def encoder_for_files(self, stored: EncoderId | None) -> Encoder:
        """The encoder for work on files, which needs no store: the one that was asked for, also where a store has
        another; else as `encoder`. Raises EncoderError."""
        return self.encoder(None if self._brought or self._name is not None else stored)

    def _is_left(self, stored: EncoderId | None) -> bool:
        """Whether the store has gone over to an encoder of another name since this one was loaded for it."""
        return (
            self._follows
            and self._encoder is not None
            and stored is not None
            and self._encoder.identity.name != stored.name
        )

    def encoder_for_indexing(self, progress: Progress, photographs: Photographs) -> tuple[Encoder, tuple[str, ...]]:
        """The loaded encoder in its fastest form, and what a person should know of it. `photographs`: some of those
        that will be encoded, which are asked for where the form is made anew."""
        with self._lock:
            assert self._encoder is not None, "loaded before"
            self._encoder, notes = prepare_for_indexing(self._encoder, self._device, progress, photographs)
            return self._encoder, notes

    def notes(self, encoder: Encoder) -> tuple[str, ...]:
        """What a person should know of the way that `encoder` runs."""
        return device_notes(encoder, self._device)

    def calibration(self, encoder: Encoder) -> Calibration:
        """What probabilities are made with; read again when the store's own file has changed."""
        state = fingerprint(self._folder / CALIBRATION_NAME)
        with self._lock:
            key = (state, encoder.identity.weights)
            if self._calibration is None or self._calibration[0] != key:
                self._calibration = key, find_calibration(self._folder, encoder.identity)
            return self._calibration[1]

    def reranker(
        self, asked: str | os.PathLike[str] | Reranker | None, encoder: Encoder
    ) -> tuple[Reranker | None, tuple[str, ...]]:
        """The reranker to work with, and what a person should know: a default one that is damaged must not keep a
        search from its answers. Loaded once, and again when its files have changed. Raises EncoderError for one that
        was asked for and cannot be used."""
        if isinstance(asked, os.PathLike):
            asked = os.fspath(asked)
        if asked is not None and not isinstance(asked, str):
            return asked, ()
        from search.rerank.registry import load_reranker, version

        with self._lock:
            state = version(asked, self._folder)
            held = self._rerankers.get(asked)
            if held is None or held[0] != state:
                try:
                    held = (state, load_reranker(asked, self._folder, encoder, self._device), ())
                except EncoderError as error:
                    if asked is not None:
                        raise
                    held = (state, None, (str(error),))
                if len(self._rerankers) >= MOST_RERANKERS:
                    del self._rerankers[next(iter(self._rerankers))]
            self._rerankers.pop(asked, None)
            self._rerankers[asked] = held  # the last one that was asked for
            return held[1:]
