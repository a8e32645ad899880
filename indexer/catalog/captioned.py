"""Which captions are about which photographs, by content: what an encoder can be measured on."""

from __future__ import annotations

import numpy as np
from sqlalchemy import select

from indexer.catalog.schema import file, item
from indexer.catalog.statements import VISIBLE
from indexer.catalog.transaction import Part
from indexer.types import Int64


class Captioned(Part):
    """Contents of captions and photographs that can be found."""

    def pairs(self) -> Int64:
        """(n, 2) row ids of contents: a caption of a table or file beside photographs, and the photograph that it is
        about, in the order of the captions."""
        described, shown = file.alias(), item.alias()
        statement = (
            select(item.c.content_id, shown.c.content_id)
            .join(file, file.c.id == item.c.file_id)
            .join(described, described.c.path == item.c.about)
            .join(shown, shown.c.file_id == described.c.id)
            .where(item.c.kind == "text", file.c.role == "captions", VISIBLE)
            .where(described.c.state == "present", shown.c.kind == "image")
            .order_by(item.c.id)
        )
        rows = [(row[0], row[1]) for row in self._read(statement)]
        return np.array(rows, np.int64).reshape(-1, 2)

    def photographs(self) -> Int64:
        """Contents of all photographs, (m,) ascending, each once."""
        statement = (
            select(item.c.content_id)
            .join(file, file.c.id == item.c.file_id)
            .where(item.c.kind == "image", VISIBLE)
            .distinct()
            .order_by(item.c.content_id)
        )
        return np.fromiter(self._read(statement).scalars(), np.int64)
