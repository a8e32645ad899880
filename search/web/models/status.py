"""What the store holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from pydantic import Field

import search
from indexer.encoders.base import EncoderId
from indexer.types import Kind
from indexer.vectors.base import IndexState
from search.web.models.base import Model
from search.web.models.failures import FailedFile
from search.web.shown import Shown, as_text

_MOST_NAMED: Final = 1_000


class EncoderState(Model):
    """What made the vectors."""

    name: str
    weights: str = Field(description="SHA-256 of the weights.")
    dimension: int
    preprocessing: dict[str, Any] = Field(description="How a photograph becomes its input.")

    @classmethod
    def of(cls, encoder: EncoderId | None) -> EncoderState | None:
        """An identity; None where there is none."""
        return None if encoder is None else cls(**asdict(encoder))


class Measured(Model):
    """How an index is searched, and the recall that was measured with that."""

    target: float
    recall: float = Field(description="Recall@10; 1 for an exact index.")
    width: int = Field(description="Lists that are probed, or candidates that are kept; 0 where nothing is left out.")
    proposals: int = Field(description="Candidates for ten hits, to be scored exactly.")
    queries: int


class IndexStatus(Model):
    """A vector index of one kind of items."""

    index_type: str
    count: int = Field(description="Vectors.")
    bytes: int
    behind: int = Field(description="Items that changed since it was built; they are found all the same.")
    asked: str = Field(description="The type that was wanted; another where that missed its recall.")
    generation: int = Field(description="Of the store when it was built.")
    tuned: Measured | None = Field(None, description="Left out where nothing was measured.")


class TokenStatus(Model):
    """What rerankers need: the items that have it."""

    wanted: bool
    images: int
    texts: int
    image_bytes: int


class ThumbnailStatus(Model):
    """Thumbnails that are kept, two a photograph at most."""

    files: int
    bytes: int
    most_bytes: int = Field(description="Their bound.")


class LeftOutFiles(Model):
    """Files that are no images, of one kind and suffix."""

    kind: str
    suffix: str = Field(description='In small letters with its dot; "" for none.')
    count: int


class ProbeState(Model):
    """A trained probe of the store."""

    name: str
    encoder: str | None = Field(None, description="Whose vectors it reads. Left out of a file that cannot be read.")
    fits: bool = Field(description="Whether that is the encoder of the store: another is refused.")


class TrainingWork(Model):
    """A training that is not at its end."""

    trained: str = Field(description='"encoder" or "reranker".')
    bytes: int = Field(description="What it takes on disk.")


class StoreStatus(Model):
    """What the store holds."""

    generation: int = Field(description="Grows with each change that a search could see.")
    encoder: EncoderState | None = Field(None, description="Left out before anything was indexed.")
    former_encoder: EncoderState | None = Field(
        None, description="The one that answered before, whose vectors are kept. Left out where there is none."
    )
    pace: float | None = Field(None, description="Seconds a photograph, in the last run that encoded many.")
    probes: list[ProbeState] = Field(description="Trained probes, which `search classify` asks.")
    trainings: list[TrainingWork] = Field(description="Trainings that were interrupted, or are running.")
    images: int = Field(description="Files that are images; copies count each.")
    photographs: int = Field(description="Images without copies of one another.")
    texts: int
    failed: int = Field(description="Files that could not be read.")
    vanished: int = Field(description="Files that were not there at the last look.")
    newly_ignored: int = Field(description="Files that patterns leave out since they were indexed.")
    other: int = Field(description="Files that are neither images nor captions.")
    left_out: list[LeftOutFiles]
    failures: list[FailedFile] = Field(description="The first 1,000 of those that could not be read.")
    exclusions: list[str] = Field(description="What was forgotten below indexed folders and stays out; 1,000 at most.")
    collections: int = Field(description="Indexed folders.")
    bytes: int = Field(description="What the store takes on disk.")
    indexes: dict[Kind, IndexStatus | None]
    tokens: TokenStatus | None = None
    thumbnails: ThumbnailStatus
    folder: str = Field(description="The name of the store.")
    path: str | None = Field(None, description="Where it is, with `paths=true` where the server tells it.")

    @classmethod
    def of(cls, status: search.Status, generation: int, shown: Shown) -> StoreStatus:
        """As a library has it."""
        return cls(
            generation=generation,
            encoder=EncoderState.of(status.encoder),
            former_encoder=EncoderState.of(status.former_encoder),
            pace=status.pace,
            probes=[ProbeState(name=each.name, encoder=each.encoder, fits=each.fits) for each in status.probes],
            trainings=[TrainingWork(trained=each.trained, bytes=each.bytes) for each in status.trainings],
            images=status.images,
            photographs=status.photographs,
            texts=status.texts,
            failed=status.failed,
            vanished=status.vanished,
            newly_ignored=status.newly_ignored,
            other=status.other,
            left_out=[
                LeftOutFiles(kind=each.kind, suffix=as_text(each.suffix), count=each.count) for each in status.left_out
            ],
            failures=[FailedFile.of(each, shown) for each in status.failures[:_MOST_NAMED]],
            exclusions=[shown.path(each) or shown.relative(each) for each in status.exclusions[:_MOST_NAMED]],
            collections=len(status.roots),
            bytes=status.bytes,
            indexes={kind: _index(state) for kind, state in status.indexes.items()},  # type: ignore[misc]
            tokens=None
            if status.tokens is None
            else TokenStatus(
                wanted=status.tokens.wanted,
                images=status.tokens.images,
                texts=status.tokens.texts,
                image_bytes=status.tokens.image_bytes,
            ),
            thumbnails=ThumbnailStatus(**asdict(status.thumbnails)),
            folder=as_text(shown.store.name),
            path=shown.path(status.folder),
        )


def _index(state: IndexState | None) -> IndexStatus | None:
    if state is None:
        return None
    return IndexStatus(
        index_type=state.index_type,
        asked=state.asked,
        count=state.count,
        bytes=state.bytes,
        behind=state.behind,
        generation=state.generation,
        tuned=None if state.tuned is None else Measured(**asdict(state.tuned)),
    )
