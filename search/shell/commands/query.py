"""`search query`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from indexer.errors import ResidentError, UsageError
from search.resident.library_context import folder_of, is_lent
from search.resident.library_context import library as library_of
from search.shell.exit_codes import FOUND, NOTHING_FOUND
from search.shell.options import (
    AS_JSON,
    DEVICE,
    MOVED_ENCODER,
    NO_RERANK,
    RERANK,
    RERANKER,
    STORE,
    Options,
    argument,
    option,
    rerank_count,
)

if TYPE_CHECKING:
    from pathlib import Path

    from search.query.query import Query
    from search.results import Results


class QueryOptions(Options):
    """The options of `search query`."""

    what: str = argument("QUERY", help='Words ("a red car") or the path of an image.')
    store: Path | None = STORE
    to: str = option("--to", default="image", metavar="KIND", help="What to find: image, text (captions) or any.")
    limit: int = option("-k", "--limit", default=10, help="How many hits.")
    as_text: bool = option("--text", default=False, help="Take QUERY for words, even if a file is named so.")
    as_image: bool = option("--image", default=False, help="Take QUERY for the path of an image.")
    paths: bool = option("--paths", default=False, help="Print paths only, one a line.")
    print0: bool = option("--print0", "-0", default=False, help="Like --paths, ended by NUL (for xargs -0).")
    as_json: bool = AS_JSON
    sheet: Path | None = option(
        "--sheet", metavar="FILE", help="Write a contact sheet: one HTML file with everything in it."
    )
    rerank: int | None = RERANK
    no_rerank: bool = NO_RERANK
    reranker: str | None = RERANKER
    explain: bool = option(
        "--explain",
        default=False,
        help="Say which words met which regions of an image; with --sheet, as heat maps.",
    )
    min_probability: float = option(
        "--min-probability",
        default=0.0,
        metavar="P",
        help="Leave out hits whose probability is lower, 0 to 1 (a weak one: 0.05).",
    )
    encoder: str | None = MOVED_ENCODER
    device: str | None = DEVICE
    resident: bool | None = option(
        "--resident/--no-resident",
        help="Start a process that answers the next query at once (see `search serve`); or use none "
        "(default: SEARCH_RESIDENT, auto or off; else use one that is there).",
    )


def run(options: QueryOptions) -> int:
    """Find images (or captions) by words or by image."""
    from search.query.query import TARGETS, image_query, parse, text_query

    if options.as_text and options.as_image:
        raise UsageError("--text and --image exclude each other; give one.")
    target = next((known for known in TARGETS if known == options.to), None)
    if target is None:
        raise UsageError(f"--to takes {', '.join(TARGETS)}, not {options.to!r}.")
    count = rerank_count(options.rerank, options.no_rerank, None if options.explain else options.reranker)
    keeps_resident = _keeps_resident(options.resident)
    if options.as_text:
        query = text_query(options.what)
    else:
        query = image_query(options.what) if options.as_image else parse(options.what)
    prefetch = None
    if query.text is not None and options.encoder is None and not is_lent():
        from search.fast_start.prefetch import prefetch_text

        prefetch = prefetch_text(folder_of(options.store), query.text, options.device)
    with library_of(options.store, options.encoder, options.device, prefetch, once=True) as library:
        results = library.query(
            query,
            k=options.limit,
            to=target,
            rerank=count,
            reranker=options.reranker,
            explain=options.explain,
            min_probability=options.min_probability,
        )
    _print(options, query, results)
    if keeps_resident:
        sys.stdout.flush()
        _start_resident(library.folder)
    return FOUND if results else NOTHING_FOUND


def _print(options: QueryOptions, query: Query, results: Results) -> None:
    from search.shell import printing, results_table

    if options.sheet is not None:
        from search.html.contact_sheet import write_sheet

        write_sheet(options.sheet, results, query)
    if options.as_json:
        printing.print_json(results.to_json())
    elif options.paths or options.print0:
        results_table.print_paths(results, b"\0" if options.print0 else b"\n")
        if not results and results.cut is not None:
            printing.complain(results.absence)
    else:
        results_table.print_results(results)
        if options.sheet is not None:
            printing.print_line(f"Contact sheet: {options.sheet}")


def _keeps_resident(asked: bool | None) -> bool:
    """Whether this query is to leave a resident process behind for the next one."""
    wish = os.environ.get("SEARCH_RESIDENT", "")
    if wish not in ("", "auto", "off"):
        raise UsageError(f"SEARCH_RESIDENT takes auto or off, not {wish!r}; correct it or unset it.")
    return not is_lent() and (wish == "auto" if asked is None else asked)


def _start_resident(folder: Path) -> None:
    from search.resident import background, client
    from search.shell import printing

    try:
        if client.is_there(os.fspath(folder)):
            return
        background.start(os.fspath(folder))
    except ResidentError as error:  # the query is answered
        printing.complain(str(error))
