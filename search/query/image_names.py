"""Which words of a line are the name of an image: the longest run of them that is one, so that names may hold spaces,
brackets, commas, colons and signs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from indexer.errors import SearchError
from search.query.lexer import Token

#: The path of the image that a text names, or None where it is words. Raises SearchError for what is neither.
NamesImage = Callable[[str], "str | None"]

#: Tokens behind the first that one name may go over.
MOST_FOLLOWING: Final = 16
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{2,5}$")


def named_image(line: str, begin: int, following: Sequence[Token], names_image: NamesImage) -> tuple[str, int] | None:
    """The path of the image that the text from `begin` on names, which ends within `following`, and how many of them
    belong to it; None where it is not there. One word alone is not asked for here."""
    ends: list[tuple[int, int]] = []
    for count, token in enumerate(following, 1):
        if token.kind in ("quoted", "end", "|") or token.weight is not None:
            break
        if token.kind == "word" and _SUFFIX.search(token.text):
            ends.append((count, token.end))
    for count, end in reversed(ends):
        try:
            path = names_image(line[begin:end])
        except SearchError:  # several words need not be a name
            continue
        if path is not None:
            return path, count
    return None
