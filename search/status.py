"""What a store holds, as a value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from indexer.catalog.contents import Contents
from indexer.catalog.encoders import Encoders
from indexer.catalog.exclusions import Exclusions
from indexer.catalog.files import Files
from indexer.catalog.items import Items
from indexer.catalog.roots import Root, Roots
from indexer.catalog.tokens import Tokens
from indexer.catalog.transaction import Transaction
from indexer.encoders.base import EncoderId
from indexer.files.kinds import LeftOut, by_kind, suffix_of
from indexer.pipeline.pace import read_pace
from indexer.store import Store
from indexer.thumbnails.cache import ThumbnailCache
from indexer.training.work_folder import UnfinishedTraining, unfinished
from indexer.types import KINDS, Failure
from indexer.vectors.base import IndexState
from indexer.vectors.refresh import index_state
from search.classification.probe_file import StoredProbe, probes_in


@dataclass(frozen=True, slots=True)
class TokenState:
    """Tokens for reranking, as `status` shows them: the images and texts that have them, and bytes an image."""

    wanted: bool
    images: int
    texts: int
    image_bytes: int


@dataclass(frozen=True, slots=True)
class ThumbnailState:
    """Thumbnails that are kept: how many `files`, two a photograph at most, and their `bytes`; `most_bytes` is the
    bound."""

    files: int
    bytes: int
    most_bytes: int


@dataclass(frozen=True, slots=True)
class Status:
    """What a store holds. Counts: visible images, a file each, and the same without copies (`photographs`); visible
    texts; files that failed, vanished, are hidden because patterns of their root leave them out now (`newly_ignored`),
    or are something else (`other`).

    `left_out`: those others by kind. `exclusions`: paths below roots that were forgotten and stay out.
    `former_encoder`: the one that answered before, whose vectors are kept. `pace`: seconds a photograph in the last run
    that encoded many. `probes`: what `classify` can ask. `trainings`: those that were interrupted, or are running: the
    same call goes on with one, `compact(trainings=True)` lets them go.
    """

    folder: str
    encoder: EncoderId | None
    images: int
    photographs: int
    texts: int
    failed: int
    vanished: int
    newly_ignored: int
    other: int
    left_out: tuple[LeftOut, ...]
    roots: tuple[Root, ...]
    exclusions: tuple[str, ...]
    indexes: dict[str, IndexState | None]
    tokens: TokenState | None
    thumbnails: ThumbnailState
    bytes: int
    failures: tuple[Failure, ...]
    former_encoder: EncoderId | None = None
    pace: float | None = None
    probes: tuple[StoredProbe, ...] = ()
    trainings: tuple[UnfinishedTraining, ...] = ()


def read_status(store: Store) -> Status:
    """What `store` holds. Raises StoreError."""
    size = store.size()
    with store.catalog.snapshot() as snapshot:
        store.follow(snapshot)
        active, former = Encoders(snapshot).active(), Encoders(snapshot).former()
        files = Files(snapshot).counts()
        return Status(
            str(store),
            None if active is None else active[1],
            Items(snapshot).count("image"),
            Items(snapshot).photographs(Contents(snapshot).copied()),
            Items(snapshot).count("text"),
            files["failed"],
            files["vanished"],
            files["ignored"],
            files["other"],
            by_kind(Counter(map(suffix_of, Files(snapshot).others()))) if files["other"] else (),
            tuple(Roots(snapshot).all()),
            tuple(Exclusions(snapshot).all()),
            {kind: index_state(snapshot, store.vectors, kind) for kind in KINDS},
            None if active is None else _token_state(snapshot, active[0]),
            _thumbnail_state(store),
            size,
            tuple(Failure(path, reason) for path, reason in Files(snapshot).failures()),
            None if former is None else former[1],
            None if active is None else read_pace(snapshot, active[1].name),
            tuple(probes_in(store.folder, None if active is None else active[1])),
            unfinished(store.folder),
        )


def _thumbnail_state(store: Store) -> ThumbnailState:
    cache = ThumbnailCache(store.folder)
    sizes = [each.bytes for each in cache.all()]
    return ThumbnailState(len(sizes), sum(sizes), cache.most_bytes)


def _token_state(snapshot: Transaction, encoder_row: int) -> TokenState | None:
    """None where the encoder yields none, as far as this store has met."""
    shape = Tokens(snapshot).shape(encoder_row)
    if shape is None:
        return None
    counts = Tokens(snapshot).count_with(encoder_row)
    return TokenState(Tokens(snapshot).wanted, counts["image"], counts["text"], shape.regions * shape.width)
