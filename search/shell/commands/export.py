"""`search export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.console.exit_codes import FOUND, NOTHING_FOUND
from search.shell.opened_library import library as library_of
from search.shell.options import AS_JSON, STORE, Options, argument, option

if TYPE_CHECKING:
    from pathlib import Path

    from search.exchange.layout import Format


class ExportOptions(Options):
    """The options of `search export`."""

    EXAMPLES = (
        "search export ~/vectors                                   everything, as Parquet",
        "search export ~/vectors --format npy in:2021 country:FR   some, for numpy",
        "search export ~/clip --format clip-retrieval              for clip-retrieval",
    )

    out: Path = argument("OUT", help="The folder to write: a new or an empty one.")
    line: list[str] | None = argument(
        "LINE", default=None, help="Which photographs: fields of the query language, as in:2021 (default: all)."
    )
    format: str = option(
        "--format", default="parquet", metavar="NAME", help="parquet, npy or clip-retrieval; npy needs no extra."
    )
    replace: bool = option("--replace", default=False, help="Put it in the place of an earlier export.")
    tokens: bool = option("--tokens", default=False, help="Also the reranker's tokens: ten times as many bytes.")
    store: Path | None = STORE
    as_json: bool = AS_JSON
    quiet: bool = option("--quiet", "-q", default=False, help="Show no progress.")


def run(options: ExportOptions) -> int:
    """Write vectors and what is known of the photographs to files for other programs; see docs/import-export.md."""
    import dataclasses

    from indexer.counted import counted
    from search.console.sizes import size_text
    from search.query.filter import Filter
    from search.shell.printing import print_json, print_line
    from search.shell.progress_bar import listener

    line = " ".join(options.line or ())
    where = Filter.parse(line) if line else None
    with library_of(options.store) as library, listener(options.quiet or options.as_json) as progress:
        found = library.export(
            options.out,
            format=_format(options.format),
            where=where,
            replace=options.replace,
            tokens=options.tokens,
            progress=progress,
        )
    if options.as_json:
        print_json(dataclasses.asdict(found))
    elif found.images or found.texts:
        rows = f"{counted(found.images, 'image')} and {counted(found.texts, 'text')}"
        tokens = f"tokens of {found.tokens:,}, " if options.tokens else ""
        print_line(f"{found.folder} has {rows} now, {tokens}{size_text(found.bytes)}, by {found.encoder}.")
    else:
        print_line("Nothing to export, and nothing was written.")
    if found.left_out and not options.as_json:
        print_line(f"Left out, as damaged or without a vector: {counted(found.left_out, 'item')}; search doctor looks.")
    return FOUND if found.images or found.texts else NOTHING_FOUND


def _format(name: str) -> Format:
    from search.exchange.layout import FORMATS

    for known in FORMATS:
        if known == name:
            return known
    from search.shell.slips import choice

    raise choice("--format", name, FORMATS)
