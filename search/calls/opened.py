"""What all calls of a library share: its store, open between calls, and the models that it works with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from indexer import forking
from indexer.encoders.base import Encoder
from indexer.paths import absolute
from indexer.store import Store
from search.calls.known_copies import KnownCopies
from search.engine.engine import Engine
from search.engine.index_cache import IndexCache
from search.loaded_models import LoadedModels
from search.rerank.base import Reranker

if TYPE_CHECKING:
    from search.fast_start.prefetch import Prefetch


@dataclass(slots=True)
class OpenStore:
    """A store, and what answers over it. `copies`: of photographs, kept between calls. `users`: calls that work with
    it; `leaving`: the last of them closes it."""

    store: Store
    engine: Engine
    copies: KnownCopies = field(default_factory=KnownCopies)
    users: int = 0
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """What one call works with: the store as it is open, its encoder, the reranker where one is wanted; `notes`: what a
    person should know."""

    store: Store
    engine: Engine
    encoder: Encoder
    reranker: Reranker | None
    notes: tuple[str, ...]


class Opened:
    """The store of one folder, opened by the first call that reads it. Safe to use from several threads."""

    def __init__(
        self,
        folder: Path,
        *,
        encoder: str | Encoder | None = None,
        device: str | None = None,
        prefetch: Prefetch | None = None,
        once: bool = False,
    ) -> None:
        """See `search.open`. `prefetch`: what may turn out to be the store's encoder, on its way already. `once`: it is
        made for one query, and need not load what pays only for more."""
        self._once = once
        self.folder = Path(absolute(folder))
        self._device = device
        self._lock = forking.rlock()
        self._models = LoadedModels(self.folder, encoder, device, prefetch)
        self._opened: OpenStore | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of files and connections. The library may be used again afterwards.

        Calls of other threads that have begun are answered; the last of them closes what they work with.
        """
        with self._lock:
            opened, self._opened = self._opened, None
            self._models.forget_rerankers()
            if opened is None:
                return
            opened.leaving = True
            if opened.users:
                return
        opened.store.close()

    def reopen(self) -> None:
        """As `close`; the next call loads the models anew as well, whose files may have changed."""
        self.close()
        self._models.forget()

    @contextmanager
    def _reading(self) -> Iterator[OpenStore]:
        """The store, which stays open until the call is done with it. Raises StoreMissingError, StoreError."""
        with self._lock:
            if self._opened is None:
                store = Store.open(self.folder)
                self._opened = OpenStore(store, Engine(IndexCache(store, once=self._once)))
            opened = self._opened
            opened.users += 1
        try:
            yield opened
        finally:
            with self._lock:
                opened.users -= 1
                last = opened.leaving and not opened.users
            if last:
                opened.store.close()

    @contextmanager
    def _following(self) -> Iterator[OpenStore]:
        """As `_reading`, with what other machines have fitted in the store's folder, for calls that ask for nothing
        else of the models."""
        with self._reading() as opened:
            if opened.store.fitted is not None:
                with opened.store.catalog.snapshot() as snapshot:
                    opened.store.follow(snapshot)
            yield opened

    def _session(
        self, opened: OpenStore, reranker: str | os.PathLike[str] | Reranker | None = None, *, with_reranker: bool
    ) -> Session:
        """What a call over `opened` works with. Raises StoreError, EncoderError."""
        with opened.store.catalog.snapshot() as snapshot:
            opened.store.follow(snapshot)
            stored = opened.engine.encoder_of(snapshot)
        encoder = self._models.encoder(stored)
        second, notes = self._models.reranker(reranker, encoder) if with_reranker else (None, ())
        return Session(opened.store, opened.engine, encoder, second, (*self._models.notes(encoder), *notes))
