"""`search query`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from indexer.errors import ResidentError, UsageError
from search.shell.opened_library import folder_of
from search.shell.options import (
    AS_JSON,
    DEVICE,
    MOVED_ENCODER,
    NO_RERANK,
    RERANK,
    RERANKER,
    STORE,
    argument,
    option,
    rerank_count,
)
from search.shell.query_fields import FieldOptions

if TYPE_CHECKING:
    from pathlib import Path

    from search.calls.query_options import QueryOptions as CallOptions
    from search.console.answer_text import Form
    from search.library import Library


_OUTPUT, _RANKING, _RUNNING = "Output", "Ranking", "Running"


class QueryOptions(FieldOptions):
    """The options of `search query`; its fields (--in, --near ...) stand in `search/shell/query_fields.py`."""

    EXAMPLES = (
        "search query 'red car -blue in:2021 near:Paris'",
        "search query red car --not blue --in 2021 --near Paris",
        "search query 'beach.jpg + at night' --copy-to nights",
        "search query 'in:2019-06..2019-09 type:jpeg' --paths",
        "search query 'birthday min:50% sort:date'",
    )

    what: list[str] | None = argument(
        "QUERY",
        default=None,
        help="Words (a red car), the path of an image, - for an image from standard input, or a line that joins them "
        "with filters: 'red car -blue in:2021 near:Paris'.",
    )
    store: Path | None = STORE
    limit: int | None = option("-k", "--limit", metavar="N", help="How many hits (default: 10; of filters alone 50).")
    as_text: bool = option("--text", default=False, help="Take QUERY for words, even if a file is named so.")
    as_image: bool = option("--image", default=False, help="Take QUERY for the path of an image.")
    paths: bool = option("--paths", default=False, help="Print paths only, one a line.", group=_OUTPUT)
    print0: bool = option(
        "--print0", "-0", default=False, help="Like --paths, ended by NUL (for xargs -0).", group=_OUTPUT
    )
    as_json: bool = AS_JSON.under(_OUTPUT)
    sheet: Path | None = option(
        "--sheet", metavar="FILE", help="Write a contact sheet: one HTML file with everything in it.", group=_OUTPUT
    )
    opens: bool = option(
        "--open", default=False, help="Open the hits in your browser, as a contact sheet.", group=_OUTPUT
    )
    copy_to: Path | None = option(
        "--copy-to",
        metavar="FOLDER",
        help="Copy the photographs into this folder; nothing there is overwritten.",
        group=_OUTPUT,
    )
    rerank: int | None = RERANK.under(_RANKING)
    no_rerank: bool = NO_RERANK.under(_RANKING)
    reranker: str | None = RERANKER.under(_RANKING)
    explain: bool = option(
        "--explain",
        default=False,
        help="Say which words met which regions of an image; with --sheet, as heat maps.",
        group=_OUTPUT,
    )
    by_words: bool = option(
        "--by-words/--no-by-words",
        default=True,
        help="Words of captions, keywords, names and places find photographs, too; or what these show alone does.",
        group=_RANKING,
    )
    templates: bool | None = option(
        "--templates/--no-templates",
        help="Ask for the name of a thing (corgi) in several sentences of captions, or bare (default: as the encoder "
        "does by itself).",
    )
    all_copies: bool = option(
        "--all-copies",
        default=False,
        help="Copies of a photograph are hits of their own, instead of one with its paths.",
        group=_OUTPUT,
    )
    encoder: str | None = MOVED_ENCODER.under(_RUNNING)
    device: str | None = DEVICE.under(_RUNNING)
    resident: bool | None = option(
        "--resident/--no-resident",
        help="Leave a server in the background, which answers the next query at once (see `search serve`); or ask "
        "none. Without either SEARCH_RESIDENT says it, auto (leave one) or off (ask none); else one that is there is "
        "asked.",
        group=_RUNNING,
    )


def run(options: QueryOptions) -> int:
    """Find images (or captions) by words or by image; options below "Answers" are fields of QUERY, too (in:2021)."""
    from search.console.answer_text import count_shown, for_the_shell
    from search.console.given_fields import joined
    from search.query.terms import texts_to_encode
    from search.shell.opened_library import QueryLibrary, server_of
    from search.shell.opened_library import library as library_of
    from search.shell.query_argument import open_image, read_query
    from search.shell.query_fields import given_fields
    from search.shell.query_output import Wishes, answer

    _check(options)
    sheet = _sheet(options.sheet)
    count = rerank_count(options.rerank, options.no_rerank, None if options.explain else options.reranker)
    is_helped, keeps_server = _helped(options.resident)
    given = given_fields(options)
    line, said = None, tuple[str, ...]()
    if options.what or not given:
        misplaced = _said_of_options(options.what or [])
        line, said = read_query(options.what or [], as_text=options.as_text, as_image=options.as_image)
        said = (*misplaced, *said)
    query = joined(line, given, open_image)
    folder = folder_of(options.store)
    is_own = options.encoder is not None or options.device is not None or options.reranker is not None
    server = server_of(folder) if is_helped and not is_own else None
    prefetch = None
    texts = texts_to_encode(query.terms)
    if texts and options.encoder is None and server is None:
        from search.fast_start.prefetch import prefetch_texts
        from search.query.class_names import class_names, subtracted_names

        names, less = class_names(query.terms), subtracted_names(query.terms)
        prefetch = prefetch_texts(folder, texts, options.device, names, options.templates, less)

    def open_here() -> Library:
        return library_of(options.store, options.encoder, options.device, prefetch, once=True)

    asked: CallOptions = {
        "k": options.limit or count_shown(query),
        "rerank": count,
        "reranker": options.reranker,
        "explain": options.explain,
        "all_copies": options.all_copies,
        "by_words": options.by_words,
        "templates": options.templates,
    }
    with QueryLibrary(server, open_here) as library:
        results = for_the_shell(library.query(query, asked), *said)
        roots = [] if options.copy_to is None else list(library.roots())
        leaves = options.copy_to is not None or sheet is not None or options.opens
        indexed = library.indexed([path for hit in results for path in (hit.path, *hit.also)]) if leaves else {}
    wishes = Wishes(
        folder,
        query.to or "image",
        _form(options),
        sheet,
        options.opens,
        options.copy_to,
        all_wanted=options.limit is None,
    )
    code = answer(wishes, query, results, roots, indexed)
    if keeps_server:
        sys.stdout.flush()
        _start_server(folder)
    return code


def _said_of_options(words: list[str]) -> tuple[str, ...]:
    """What to say of options behind `--`. Raises UsageError."""
    if not any(word.startswith("-") for word in words):
        return ()
    from search.shell.minus import said_of_options

    return said_of_options(QueryOptions.rows(), QueryOptions.types(), words)


def _form(options: QueryOptions) -> Form:
    if options.as_json:
        return "json"
    return "paths0" if options.print0 else "paths" if options.paths else "table"


def _sheet(given: Path | None) -> Path | None:
    """Raises UsageError."""
    if given is None:
        return None
    from search.shell.html_file import html_file

    return html_file("--sheet", given)


def _check(options: QueryOptions) -> None:
    """What can fail fails before anything is looked for. Raises UsageError."""
    if options.as_text and options.as_image:
        raise UsageError("--text and --image exclude each other; give one.")
    if options.as_json and (options.paths or options.print0):
        raise UsageError("--json and --paths (or -0) exclude each other; the JSON has the paths, too.")
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"-k is the number of hits and has to be at least 1, not {options.limit}.")
    if options.copy_to is not None:
        from search.shell.copy_hits import check_folder

        check_folder(os.fspath(options.copy_to), os.fspath(folder_of(options.store)))
    if options.opens:
        from search.shell.desktop import check_desktop

        check_desktop()


def _helped(asked: bool | None) -> tuple[bool, bool]:
    """Whether a server may answer this query, and whether it is to leave one behind for the next. Raises UsageError."""
    wish = os.environ.get("SEARCH_RESIDENT", "")
    if wish not in ("", "auto", "off"):
        raise UsageError(f"SEARCH_RESIDENT takes auto or off, not {wish!r}; correct it or unset it.")
    return asked is not False and wish != "off", wish == "auto" if asked is None else asked


def _start_server(folder: Path) -> None:
    from search.resident import background, client
    from search.shell import printing

    try:
        if client.is_there(os.fspath(folder)):
            return
        background.start(os.fspath(folder))
    except ResidentError as error:  # the query is answered
        printing.complain(str(error))
