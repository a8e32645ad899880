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
    """Name, dimensions, size on disk, languages, recall, and what to know about each."""
    from search.shell.printing import print_line

    rows = [
        (
            encoder.name,
            "" if encoder.dimension is None else f"d={encoder.dimension}",
            "" if encoder.megabytes is None else f"{encoder.megabytes:,} MB",
            encoder.languages,
            "" if encoder.recall is None else f"recall {100 * encoder.recall:.1f}",
            "; ".join(filter(None, (encoder.note, encoder.licence and f"licence: {encoder.licence}"))),
        )
        for encoder in encoders
    ]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for name, dimension, size, languages, recall, note in rows:
        line = (
            f"{name:<{widths[0]}}  {dimension:>{widths[1]}}  {size:>{widths[2]}}  {languages:<{widths[3]}}  "
            f"{recall:>{widths[4]}}  {note}"
        )
        print_line(line.rstrip())
    print_line()
    print_line("recall: of 100 captions, whose photograph is the first hit among COCO's 5,000, as published.")
    print_line("`search index FOLDER --encoder NAME` makes an index with one of them.")
    print_line("`search index --reencode --encoder NAME` changes an index that is there.")
