"""Which storage a path lies in. Imports the client of a store of objects with the first URL."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from indexer.storage.base import Storage
from indexer.storage.named_files import TEXTS, LocalTable, NamedFiles, is_table
from indexer.storage.places import container_of, is_url
from indexer.storage.tars import LOCAL, Tars

if TYPE_CHECKING:
    from indexer.storage.remote import Remote


_TABLES: Final = LocalTable()


def folder_storage(path: str) -> Storage | None:
    """Who lists what lies below `path` and looks at it: a container is a folder. None: the file system itself."""
    container = container_of(path)
    if container is not None:
        return _inside(container)
    return _remote(path) if is_url(path) else None


def file_storage(path: str) -> Storage | None:
    """Who reads the file at `path`: a container is a file. None: the file system itself."""
    container = container_of(path)
    if container not in (None, path):
        assert container is not None
        return _inside(container)
    return _remote(path) if is_url(path) else None


def table_of(path: str) -> NamedFiles | None:
    """The table of names whose texts a path stands for; None for other paths."""
    container = container_of(path)
    if container is None or path != f"{container}/{TEXTS}" or not is_table(container):
        return None
    storage = _inside(container)
    assert isinstance(storage, NamedFiles)
    return storage


@lru_cache(maxsize=8)
def _inside(container: str) -> Storage:
    if is_table(container):
        return NamedFiles(_remote(container) if is_url(container) else _TABLES, container, file_storage)
    return Tars(_remote(container) if is_url(container) else LOCAL, container)


def _remote(url: str) -> Remote:
    from indexer.storage.remote import remote

    return remote(url)
