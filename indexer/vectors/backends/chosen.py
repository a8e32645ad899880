"""Which vector backend a store has: files beside its catalog, or the server that its `store.toml` names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from indexer.errors import StoreDamagedError
from indexer.vectors.backend import VectorBackend
from indexer.vectors.backends.faiss_files.file_backend import FaissFiles
from indexer.vectors.backends.store_toml import STORE_TOML, VectorsPlace, vectors_place


def chosen_backend(folder: Path, inner: Path, store: Callable[[], str]) -> VectorBackend:
    """The indexes of the store in `folder`, which need not exist yet; files of them lie in `inner`. `store` gives the
    store's id, asked where there is a server.

    Raises UsageError for a `store.toml` that is wrong, or names a server to which a secret would go that is not meant
    for it (`named_hosts.py`).
    """
    place = vectors_place(folder)
    if place is None:
        return FaissFiles(inner)
    from indexer.named_hosts import check_host

    check_host(folder / STORE_TOML, place.server, place.scheme, place.host)
    return _server(place, folder, store)


def _server(place: VectorsPlace, folder: Path, store: Callable[[], str]) -> VectorBackend:
    from indexer.vectors.backends.servers.owner import Owner, default_name

    try:  # now: where the server is asked, the catalog's one transaction is taken
        own: str | StoreDamagedError = store()
    except StoreDamagedError as error:  # of a catalog that is to be repaired
        own = error

    def owner() -> Owner:
        if isinstance(own, StoreDamagedError):
            raise own
        return Owner(own, place.name or default_name(own, folder))

    if place.scheme != "postgresql":
        from indexer.vectors.backends.milvus.backend import Milvus

        return Milvus(place.url, owner)
    from indexer.vectors.backends.pgvector.backend import PgVector

    return PgVector(place.url, place.server, owner)
