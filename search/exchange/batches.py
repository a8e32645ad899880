"""What goes into an export: items with their vectors, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from indexer.catalog.catalog import Catalog
from indexer.catalog.criteria import Criterion
from indexer.catalog.exchanged import ContentOfItem, Exchanged, TextAbout
from indexer.catalog.items import Item, Items
from indexer.catalog.roots import Roots
from indexer.catalog.selection import Listed, Selection
from indexer.catalog.tokens import Tokens
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.types import Float32, Int8, Kind
from search.engine.dated import dated_items

#: Items of a batch, and of a row group of Parquet: 16 MB of vectors of 1,024 numbers.
AT_ONCE: Final = 4_096
#: The same with tokens, of which an item has some ten times as many bytes as of a vector.
AT_ONCE_WITH_TOKENS: Final = 512


@dataclass(frozen=True, slots=True)
class Row:
    """One item. `path`: the photograph; of a text the one that it is about, or the file that it came from; `source`:
    that file, where it is another. `digest`: SHA-256 of its content in hex. `text` of a text; `captions`: the texts
    about a photograph. `date`: local time, and `date_from` where it is known from. `type`: jpeg, png, ...; `size` of
    its file in bytes."""

    id: int
    kind: Kind
    path: str
    source: str | None
    digest: str
    text: str | None
    captions: tuple[str, ...]
    date: datetime | None
    date_from: str | None
    camera: str | None
    lens: str | None
    latitude: float | None
    longitude: float | None
    city: str | None
    region: str | None
    country: str | None
    width: int | None
    height: int | None
    type: str | None
    size: int | None


@dataclass(frozen=True, slots=True)
class Batch:
    """`rows` n items of one kind, `vectors` (n, d) float32, unit norm; `captions` (n, d) float32: the vector of the
    first text about each photograph, 0 where there is none. `left_out`: items whose rows or vectors are missing or
    damaged. `tokens`: of each row (t, width) int8, t = 0 where it has none; None where they are not wanted."""

    rows: list[Row]
    vectors: Float32
    captions: Float32
    left_out: int
    tokens: list[Int8] | None = None


class Batches:
    """The items of a catalog that fit `criterion` (None: all), under the encoder `row`, of `dimension`; with their
    tokens, of `token_width` numbers each, unless that is None."""

    def __init__(
        self,
        catalog: Catalog,
        criterion: Criterion | None,
        row: int,
        dimension: int,
        token_width: int | None = None,
    ) -> None:
        self._catalog = catalog
        self._criterion = criterion
        self._row = row
        self._dimension = dimension
        self._token_width = token_width
        self._at_once = AT_ONCE if token_width is None else min(AT_ONCE, AT_ONCE_WITH_TOKENS)

    def count(self, kind: Kind) -> int:
        """How many there are now."""
        with self._catalog.snapshot() as snapshot:
            if self._criterion is None:
                return Items(snapshot).count(kind)
            return Selection(snapshot).count(self._criterion, kind, 2**62, copies=True)

    def roots(self) -> list[tuple[str, tuple[str, ...]]]:
        """The indexed folders, each with its patterns."""
        with self._catalog.snapshot() as snapshot:
            return [(row.path, row.ignores) for row in Roots(snapshot).all()]

    def of(self, kind: Kind) -> Iterator[Batch]:
        """Those of a kind, ascending by id. No transaction stays open in between: others may index. What came since the
        first batch is left for the next export."""
        after: Listed | None = None
        newest: int | None = None
        while True:
            with self._catalog.snapshot() as snapshot:
                newest = Items(snapshot).newest() if newest is None else newest
                listed = Selection(snapshot).page(self._criterion, kind, None, after, self._at_once)
                wanted = [each.id for each in listed if each.id <= newest]
                batch = self._batch(snapshot, kind, wanted) if wanted else None
            if batch is not None:
                yield batch
            if len(listed) < self._at_once or len(wanted) < len(listed):
                return
            after = listed[-1]

    def _batch(self, snapshot: Transaction, kind: Kind, ids: Sequence[int]) -> Batch:
        items = Items(snapshot).get(ids)
        vectors = Vectors(snapshot).of_items(ids, self._row, self._dimension).vectors
        contents = Exchanged(snapshot).contents(ids)
        kept = [items[number] for number in ids if number in items and number in vectors and number in contents]
        kept = list(dated_items(snapshot, kept))
        texts: dict[str, list[TextAbout]] = {}
        spoken = np.zeros((len(kept), self._dimension), np.float32)
        if kind == "image":
            texts = Exchanged(snapshot).texts_about([item.path for item in kept])
            first = [texts[item.path][0].content_id if item.path in texts else -1 for item in kept]
            own = Vectors(snapshot).of_contents(list({one for one in first if one >= 0}), self._row, self._dimension)
            for at, content in enumerate(first):
                if content in own:
                    spoken[at] = own[content]
        rows = [_row(item, contents[item.id], texts.get(item.path, [])) for item in kept]
        stacked = np.array([vectors[item.id] for item in kept], np.float32).reshape(len(kept), self._dimension)
        return Batch(rows, stacked, spoken, len(ids) - len(kept), self._tokens(snapshot, [item.id for item in kept]))

    def _tokens(self, snapshot: Transaction, ids: Sequence[int]) -> list[Int8] | None:
        if self._token_width is None:
            return None
        found = Tokens(snapshot).of_items(ids, self._row, self._token_width)
        none = np.empty((0, self._token_width), np.int8)
        return [found.get(number, none) for number in ids]


def _row(item: Item, content: ContentOfItem, texts: Sequence[TextAbout]) -> Row:
    said, place = item.metadata, item.place
    latitude, longitude = (None, None) if item.position is None else item.position
    return Row(
        id=item.id,
        kind=item.kind,
        path=item.path,
        source=None if item.source == item.path else item.source,
        digest=content.digest.hex(),
        text=item.text,
        captions=tuple(dict.fromkeys(each.text for each in texts)),
        date=item.date,
        date_from=item.date_from,
        camera=None if said is None else said.camera,
        lens=None if said is None else said.lens,
        latitude=latitude,
        longitude=longitude,
        city=None if place is None else place.city,
        region=None if place is None else place.region,
        country=None if place is None else place.country,
        width=None if said is None else said.width,
        height=None if said is None else said.height,
        type=None if said is None else said.format.lower(),
        size=content.size if item.kind == "image" else None,
    )
