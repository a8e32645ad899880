"""What the store holds."""

from __future__ import annotations

from pydantic import Field

import search
from indexer.types import Kind
from indexer.vectors.base import IndexState
from search.web.models.base import Model
from search.web.shown import Shown, as_text


class EncoderState(Model):
    """What made the vectors."""

    name: str
    weights: str = Field(description="SHA-256 of the weights.")
    dimension: int


class IndexStatus(Model):
    """A vector index of one kind of items."""

    index_type: str
    count: int = Field(description="Vectors.")
    bytes: int
    behind: int = Field(description="Items that changed since it was built; they are found all the same.")
    recall: float | None = Field(None, description="Recall@10 that was measured; left out for an exact index.")


class TokenStatus(Model):
    """What rerankers need: the items that have it."""

    wanted: bool
    images: int
    texts: int
    image_bytes: int


class LeftOutFiles(Model):
    """Files that are no images, of one kind and suffix."""

    kind: str
    suffix: str = Field(description='In small letters with its dot; "" for none.')
    count: int


class StoreStatus(Model):
    """What the store holds."""

    generation: int = Field(description="Grows with each change that a search could see.")
    encoder: EncoderState | None = Field(None, description="Left out before anything was indexed.")
    images: int
    texts: int
    failed: int = Field(description="Files that could not be read.")
    vanished: int = Field(description="Files that were not there at the last look.")
    newly_ignored: int = Field(description="Files that patterns leave out since they were indexed.")
    other: int = Field(description="Files that are neither images nor captions.")
    left_out: list[LeftOutFiles]
    collections: int = Field(description="Indexed folders.")
    bytes: int = Field(description="What the store takes on disk.")
    indexes: dict[Kind, IndexStatus | None]
    tokens: TokenStatus | None = None
    folder: str = Field(description="The name of the store.")
    path: str | None = Field(None, description="Where it is, with `paths=true` where the server tells it.")

    @classmethod
    def of(cls, status: search.Status, generation: int, shown: Shown) -> StoreStatus:
        """As a library has it."""
        encoder = status.encoder
        return cls(
            generation=generation,
            encoder=None
            if encoder is None
            else EncoderState(name=encoder.name, weights=encoder.weights, dimension=encoder.dimension),
            images=status.images,
            texts=status.texts,
            failed=status.failed,
            vanished=status.vanished,
            newly_ignored=status.newly_ignored,
            other=status.other,
            left_out=[
                LeftOutFiles(kind=each.kind, suffix=as_text(each.suffix), count=each.count) for each in status.left_out
            ],
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
            folder=as_text(shown.store.name),
            path=shown.path(status.folder),
        )


def _index(state: IndexState | None) -> IndexStatus | None:
    if state is None:
        return None
    recall = None if state.tuned is None else state.tuned.recall
    return IndexStatus(
        index_type=state.index_type, count=state.count, bytes=state.bytes, behind=state.behind, recall=recall
    )
