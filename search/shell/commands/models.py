"""`search models`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from search.console.exit_codes import FOUND
from search.shell.options import AS_JSON, Options, option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.encoders.registry import EncoderInfo


class ModelsOptions(Options):
    """The options of `search models`."""

    show_all: bool = option("--all", default=False, help="Every open_clip model (imports open_clip).")
    as_json: bool = AS_JSON


def run(options: ModelsOptions) -> int:
    """The encoders that an index can be made with."""
    from indexer.encoders.registry import list_encoders
    from search.shell.printing import print_json

    encoders = list_encoders(all=options.show_all)
    if options.as_json:
        print_json([dataclasses.asdict(encoder) for encoder in encoders])
    else:
        _print_table(encoders)
    return FOUND


def _print_table(encoders: Sequence[EncoderInfo]) -> None:
    """Name, dimensions, size on disk, languages, and what to know about each."""
    from search.shell.printing import print_line

    rows = [
        (
            encoder.name,
            "" if encoder.dimension is None else f"{encoder.dimension}",
            "" if encoder.megabytes is None else f"{encoder.megabytes:,} MB",
            encoder.languages,
            encoder.note,
        )
        for encoder in encoders
    ]
    name, dimension, size, languages, _ = (max(len(cell) for cell in column) for column in zip(*rows, strict=True))
    for row in rows:
        line = f"{row[0]:<{name}}  {row[1]:>{dimension}}  {row[2]:>{size}}  {row[3]:<{languages}}  {row[4]}"
        print_line(line.rstrip())
