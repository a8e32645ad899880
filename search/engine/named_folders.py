"""Whether a query is the name of a folder that the answer makes little of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Final

from search.engine.fusion import WordMatch
from search.query.quoting import quoted_where_needed

#: So many folders above a file are looked for by their names (`indexer.catalog.words`).
_ABOVE: Final = 3
#: Shares of a query's words are sums of floats.
_ALL: Final = 1 - 1e-6
#: What would be a pattern of `path:`.
_OF_PATTERNS: Final = frozenset("*?")


def named_in_full(matches: Mapping[int, WordMatch], trusted: float) -> list[int]:
    """The photographs whose names say all words of a query; none where names are `trusted` in full: they stand in front
    then."""
    if trusted >= 1:
        return []
    return [number for number, match in matches.items() if match.named and match.named + match.share >= _ALL]


def said_of_folder(text: str, paths: Iterable[str]) -> str | None:
    """A sentence with the filter that lists a folder of these `paths` whose whole name `text` is, letter case aside;
    None where there is none."""
    wanted = _plain(text)
    for path in paths:
        for folder in islice(Path(path).parents, _ABOVE):
            if _plain(folder.name) == wanted and not _OF_PATTERNS & set(folder.name):
                return (
                    f"“{folder.name}” is the name of a folder; `path:{quoted_where_needed(folder.name)}` lists the "
                    "photographs in it."
                )
    return None


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
