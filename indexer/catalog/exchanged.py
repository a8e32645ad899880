"""What an export says of items besides what hits show: their contents, their files, and the texts about photographs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select

from indexer.catalog.schema import content, file, item
from indexer.catalog.statements import VISIBLE, chunks, id_chunks
from indexer.catalog.transaction import Part


class ContentOfItem(NamedTuple):
    """`digest`: SHA-256 of the photograph's file, or of b"text\\0" and the text in UTF-8. `size`: bytes of the file."""

    digest: bytes
    size: int


class TextAbout(NamedTuple):
    """A text about a photograph, by the row id of its content."""

    text: str
    content_id: int


class Exchanged(Part):
    """Read page by page, for items that are there."""

    def contents(self, item_ids: Sequence[int]) -> dict[int, ContentOfItem]:
        """By the ids of items."""
        found: dict[int, ContentOfItem] = {}
        columns = select(item.c.id, content.c.digest, file.c.size)
        joined = columns.join(content, content.c.id == item.c.content_id).join(file, file.c.id == item.c.file_id)
        for chunk in id_chunks(item_ids):
            for number, digest, size in self._read(joined.where(item.c.id.in_(chunk))):
                found[number] = ContentOfItem(digest, size)
        return found

    def texts_about(self, paths: Sequence[str]) -> dict[str, list[TextAbout]]:
        """The visible texts about the photographs at these paths, each once, in the order in which they came."""
        found: defaultdict[str, list[TextAbout]] = defaultdict(list)
        columns = select(item.c.about, item.c.text, item.c.content_id)
        texts = columns.join(file, file.c.id == item.c.file_id).where(item.c.kind == "text", VISIBLE)
        for chunk in chunks(paths):
            for about, text, content_id in self._read(texts.where(item.c.about.in_(chunk)).order_by(item.c.id)):
                one = TextAbout(text, content_id)
                if one not in found[about]:
                    found[about].append(one)
        return found
