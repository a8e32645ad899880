"""Calls that give the map of a collection."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from indexer.arguments import checked, optional
from indexer.catalog.encoders import Encoders
from indexer.catalog.transaction import Transaction
from indexer.catalog.vector_pages import VectorPages
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import EncoderId
from indexer.encoders.batches import encode_texts
from indexer.encoders.registry import check_encoder
from indexer.progress import Progress, Silent
from indexer.vectors.base import VectorIndex
from indexer.vectors.refresh import index_key
from search.arguments import progress_given
from search.calls.field_values import values_of
from search.calls.opened import Opened, OpenStore

if TYPE_CHECKING:
    from search.projection.photo_map import PhotoMap

#: Keywords that groups may be called, those of most photographs.
_KEYWORDS: Final = 200
_LONGEST: Final = 30


class Mapping(Opened):
    """See `search.Library`."""

    @checked(progress=optional(progress_given))
    def map(self, *, progress: Progress | None = None) -> PhotoMap:
        """The photographs as points on a plane, near each other where they are alike, in groups that have names.

        `PhotoMap.ids` (n,) int64, `.positions` (n, 2) float32 from -1 to 1, `.clusters`. It is made once (a minute for
        10,000 photographs on one core) and kept in the folder `map` of the store; photographs that came since lie
        beside those that they are like, until they are more than a tenth of all: then it is made anew. A
        store that cannot be written keeps none. Copies are points of their own.

        Raises UsageError where the package openTSNE is not installed, StoreMissingError, StoreError, EncoderError, and
        what `progress` raises.
        """
        from search.projection.everyday_words import EVERYDAY_WORDS
        from search.projection.layout import check_installed
        from search.projection.making import Material, make_map
        from search.projection.map_file import write_map

        found = self.kept_map()
        if found is not None:
            return found
        check_installed()
        told = progress or Silent()
        with self._reading() as opened:
            with opened.store.catalog.snapshot() as snapshot:
                row, identity = Encoders(snapshot).required()
                key, generation = index_key(snapshot, identity), snapshot.generation
                names = tuple(dict.fromkeys((*EVERYDAY_WORDS, *_keywords(snapshot))))
            told.phase("Reading the words")
            encoder = self._session(opened, with_reranker=False).encoder
            check_encoder(self.folder, identity, encoder.identity)
            texts = [f"a photo of {name}" for name in names]
            vectors = encode_texts(encoder, texts).vectors
            index = _index(opened, identity)
            told.phase("Reading the photographs")
            source = VectorPages(opened.store.catalog, row, identity.dimension)
            material = Material(source.ids(), source.batches, identity.dimension, index, generation, names, vectors)
            found = make_map(material, told)
            with suppress(OSError):
                write_map(self.folder, key, found)
        return found

    def kept_map(self) -> PhotoMap | None:
        """The map as `map` gives it, where one is kept that need not be made anew; None otherwise.

        Raises StoreMissingError, StoreError.
        """
        from search.projection.map_file import read_map
        from search.projection.placing import brought_up, is_current

        with self._reading() as opened:
            with opened.store.catalog.snapshot() as snapshot:
                active = Encoders(snapshot).active()
                kept = None if active is None else read_map(self.folder, index_key(snapshot, active[1]))
                if active is None or kept is None or kept.generation == snapshot.generation:
                    return kept
                row, identity = active
                there, generation = Vectors(snapshot).ids("image", row), snapshot.generation
            if not is_current(kept, there):
                return None
            source = VectorPages(opened.store.catalog, row, identity.dimension)
            index = _index(opened, identity)
            return brought_up(kept, there, index, source.batches, source.vectors_of, identity.dimension, generation)


def _index(opened: OpenStore, identity: EncoderId) -> VectorIndex | None:
    found = opened.engine.index("image", identity)
    return None if found is None else found.index


def _keywords(snapshot: Transaction) -> list[str]:
    """Those of most photographs that are plain words."""
    found = sorted(values_of(snapshot, "keyword", ()), key=lambda each: (-each.count, each.value))
    plain = (each.value for each in found if len(each.value) <= _LONGEST)
    return [word.lower() for word in plain if word.replace(" ", "").replace("-", "").isalpha()][:_KEYWORDS]
