"""Calls that give what is stored, without asking for anything like it: items page by page, vectors; and vectors of
what is not stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from indexer import arguments
from indexer.arguments import checked, instance, one_of, optional, several, whole
from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Item, Items
from indexer.catalog.selection import Listed, Selection, Sorted
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.counted import counted
from indexer.encoders.batches import encode_texts
from indexer.errors import EmptyQueryError
from indexer.progress import Progress, Silent
from indexer.types import KINDS, Float32, Int64, Kind
from search.arguments import progress_given
from search.calls.cursor import Cursor, listing_of
from search.calls.opened import Opened
from search.engine.dated import dated_items
from search.query.pictures import path_or_content
from search.query.resolve import resolve

if TYPE_CHECKING:
    from indexer.catalog.criteria import Criterion
    from search.query.filter import Filter
    from search.query.pictures import Picture

#: Items of one page, at most; what `items` reads at once.
MAX_PAGE: Final = 10_000
_AT_ONCE: Final = 1_000
#: What `embed` has in memory at once.
_ENCODED: Final = 64
SORTED: Final = ("date", "-date", "name", "-name", "size", "-size")
_MAX_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page:
    """Some `items` of a listing; `cursor`: where the next page begins, None behind the last item."""

    items: tuple[Item, ...]
    cursor: str | None


def items_of(page_at: Callable[..., Page]) -> Iterator[Item]:
    """The items of all pages; `page_at`: gives the first one, and with a `cursor` that which begins there."""
    page = page_at()
    yield from page.items
    while page.cursor is not None:
        page = page_at(cursor=page.cursor)
        yield from page.items


class Listing(Opened):
    """See `search.Library`."""

    @checked(
        where=optional(instance("search.query.filter", "Filter")),
        kind=one_of(KINDS),
        sort=optional(one_of(SORTED)),
        limit=whole(1, MAX_PAGE),
        cursor=optional(arguments.text),
    )
    def page(
        self,
        *,
        where: Filter | None = None,
        kind: Kind = "image",
        sort: Sorted | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """The next `limit` items that `where` leaves (None: all), of which each is a file: copies are items too.

        `kind`: "image", or "text" for captions of indexed photographs. `sort`: as for `query`; None: as they were
        indexed. `cursor`: `Page.cursor` of the page before, with the other arguments as there. While others index, no
        item comes twice, and none is missed that was there at the first page and still is; what came since does not
        show; a photograph that was renamed is a new item. (With `sort`: as long as an item keeps what it is sorted by.)

        Raises UsageError for a cursor of another listing or store, StoreMissingError, StoreError.
        """
        listing = listing_of(where, kind, sort)
        criterion = None if where is None else resolve(where).criterion
        with self._reading() as opened, opened.store.catalog.snapshot() as snapshot:
            generation = snapshot.generation
            begun = None if cursor is None else Cursor.read(cursor, listing, generation)
            newest = Items(snapshot).newest() if begun is None else begun.newest
            after = None if begun is None else begun.after
            listed, more = _next(snapshot, criterion, kind, sort, after, limit, newest)
            rows = Items(snapshot).get([each.id for each in listed])
            found = dated_items(snapshot, [rows[each.id] for each in listed if each.id in rows])
        first = generation if begun is None else begun.generation
        return Page(found, str(Cursor(listing, first, newest, listed[-1])) if more else None)

    @checked(
        where=optional(instance("search.query.filter", "Filter")), kind=one_of(KINDS), sort=optional(one_of(SORTED))
    )
    def items(self, *, where: Filter | None = None, kind: Kind = "image", sort: Sorted | None = None) -> Iterator[Item]:
        """All items that `where` leaves, one by one, as `page` gives them; few are in memory at a time.

        No transaction stays open in between: the loop may query, and others may index. Raises what `page` raises.
        """
        return items_of(partial(self.page, where=where, kind=kind, sort=sort, limit=_AT_ONCE))

    @checked(ids=several(whole(0, _MAX_ID)))
    def vectors(self, ids: Sequence[int]) -> tuple[Int64, Float32]:
        """The stored vectors of items: ids (m,) int64 of those that are there, in the order given, and their vectors
        (m, d) float32, unit norm. Raises StoreMissingError, StoreError, UsageError for a store without an encoder."""
        with self._reading() as opened, opened.store.catalog.snapshot() as snapshot:
            row, identity = Encoders(snapshot).required()
            found = Vectors(snapshot).of_items(ids, row, identity.dimension).vectors
        there = [number for number in ids if number in found]
        vectors = np.array([found[number] for number in there], np.float32)
        return np.array(there, np.int64), vectors.reshape(len(there), identity.dimension)

    @checked(
        texts=optional(several(arguments.text)),
        images=optional(several(path_or_content)),
        progress=optional(progress_given),
    )
    def embed(
        self,
        *,
        texts: Sequence[str] | None = None,
        images: Sequence[Picture] | None = None,
        progress: Progress | None = None,
    ) -> Float32:
        """Vectors (n, d) float32, unit norm, of texts or of images (as `search.Query` takes them), by the store's
        encoder: comparable with `vectors` by their inner product.

        Both go through the encoder in batches, images are decoded on all cores. An indexed photograph has the vector
        that is stored. A text of which the encoder knows no word ("🐱"), which no query may be, has a vector all the
        same; it says nothing. Raises TypeError unless exactly one of both is given, EmptyQueryError for a blank text,
        PathNotFoundError, FileError for an image that does not decode, StoreMissingError, EncoderError, StoreError, and
        what `progress` raises.
        """
        if (texts is None) == (images is None):
            raise TypeError("`embed` takes one of `texts` and `images`.")
        blank = next((place for place, text in enumerate(texts or ()) if not text.strip()), None)
        if blank is not None:
            raise EmptyQueryError(f"`texts[{blank}]` is blank, and has nothing to encode; leave it out.")
        with self._reading() as opened:
            session = self._session(opened, with_reranker=False)
            encoder, told = session.encoder, progress or Silent()
            count = len(texts if texts is not None else images or ())
            told.phase(f"Encoding {counted(count, 'text' if texts is not None else 'image')}")
            told.total(count)
            rows = [np.empty((0, encoder.identity.dimension), np.float32)]
            for start in range(0, count, _ENCODED):
                if texts is not None:
                    rows.append(encode_texts(encoder, texts[start : start + _ENCODED]).vectors)
                else:
                    from search.engine.embedded import embed_images  # brings what decodes images

                    some = (images or ())[start : start + _ENCODED]
                    rows.append(embed_images(some, encoder, opened.store.catalog))
                told.advance(len(rows[-1]))
            return np.concatenate(rows)


def _next(
    snapshot: Transaction,
    criterion: Criterion | None,
    kind: Kind,
    sort: Sorted | None,
    after: Listed | None,
    limit: int,
    newest: int,
) -> tuple[list[Listed], bool]:
    """The next items up to the id `newest`, and whether there may be more."""
    found: list[Listed] = []
    while True:
        page = Selection(snapshot).page(criterion, kind, sort, after, limit)
        for each in page:
            if each.id <= newest:
                found.append(each)
                if len(found) == limit:
                    return found, True
        if len(page) < limit:
            return found, False
        after = page[-1]
