"""How a command comes by its library: opened for itself, or lent by the process that keeps it open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.paths import absolute
from indexer.settings import default_store

if TYPE_CHECKING:
    from search.fast_start.prefetch import Prefetch
    from search.library import Library

#: Store, encoder and device, as the command was told, -> the library.
Opener = Callable[[Path | None, str | None, str | None], AbstractContextManager["Library"]]

_lender: ContextVar[Opener | None] = ContextVar("lender", default=None)


def folder_of(store: Path | None) -> Path:
    """The folder of the store that a command was told of, as a library names it."""
    return Path(absolute(default_store() if store is None else store))


def library(
    store: Path | None,
    encoder: str | None = None,
    device: str | None = None,
    prefetch: Prefetch | None = None,
    *,
    once: bool = False,
) -> AbstractContextManager[Library]:
    """The library that a command works with, to be entered once. `prefetch`, `once`: see `Library`; a library that is
    lent has its encoder, and is asked again."""
    lender = _lender.get()
    if lender is not None:
        return lender(store, encoder, device)
    from search.library import Library

    return Library(folder_of(store), encoder=encoder, device=device, prefetch=prefetch, once=once)


def is_lent() -> bool:
    """Whether this command runs in a resident process, for another one."""
    return _lender.get() is not None


@contextmanager
def lent_by(lender: Opener) -> Iterator[None]:
    """What runs inside, in this thread, gets its libraries from `lender`."""
    token = _lender.set(lender)
    try:
        yield
    finally:
        _lender.reset(token)
