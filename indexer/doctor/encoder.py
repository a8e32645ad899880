"""The encoder: whether the shipped one is whole, and who knows, beside the catalog, which made a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from indexer.catalog.encoders import Encoders
from indexer.catalog.mending import Witness
from indexer.doctor.finding import Finding
from indexer.encoder_hint import read_encoder_hint
from indexer.encoders.base import EncoderId
from indexer.errors import EncoderUnavailableError, StoreDamagedError
from indexer.store import Store, vectors_of
from indexer.types import KINDS
from indexer.vectors.refresh import key_of


def check_encoder(store: Store) -> Iterator[Finding]:
    """Whether the files of the encoder are whole: of the one that ships, or of graphs that were trained of it."""
    from indexer.encoders import adapted_graphs
    from indexer.encoders.adapted_spec import ADAPTED_PREFIX, in_store, parse_adapted
    from indexer.encoders.graph_model import BUNDLED, verify_bundled

    with store.catalog.snapshot() as snapshot:
        active = Encoders(snapshot).active()
    if active is not None and active[1].name == BUNDLED:
        for problem in verify_bundled():
            yield Finding("encoder", problem, "install the package again")
    elif active is not None and active[1].name.startswith(ADAPTED_PREFIX):
        try:
            problems = adapted_graphs.verify(parse_adapted(in_store(active[1].name, store.folder)))
        except EncoderUnavailableError as error:
            problems = [str(error)]
        for problem in problems:
            yield Finding("encoder", problem, "train it again, or put its folder back")


def witness(folder: Path) -> Witness:
    """What names the encoder of the store in `folder`, beside its catalog: the hint, where an index of this very store
    says that it was built with that one."""

    def identity(store: str) -> EncoderId | None:
        hint = read_encoder_hint(folder)
        return hint if hint is not None and any(_has_index(store, hint, kind) for kind in KINDS) else None

    def _has_index(store: str, hint: EncoderId, kind: str) -> bool:
        try:
            return vectors_of(folder, lambda: store).state(kind, key_of(store, hint)) is not None
        except StoreDamagedError:
            return False

    return identity
