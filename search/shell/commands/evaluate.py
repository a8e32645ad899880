"""`search eval`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.errors import UsageError
from search.console.exit_codes import FOUND, NOTHING_FOUND, SOME_FAILED
from search.shell.opened_library import library as library_of
from search.shell.options import (
    AS_JSON,
    DEVICE,
    IMAGES,
    MOVED_ENCODER,
    NO_RERANK,
    RERANK_PAIRS,
    RERANKER,
    STORE,
    Options,
    argument,
    option,
    rerank_count,
)

if TYPE_CHECKING:
    from pathlib import Path


class EvaluateOptions(Options):
    """The options of `search eval`."""

    source: str = argument("PAIRS", help="captions.jsonl or .csv; with --labels, a folder.")
    images: str | None = IMAGES
    store: Path | None = STORE
    labels: bool = option("--labels", default=False, help="PAIRS is a folder; its subfolders' names are texts.")
    split: str | None = option("--split", metavar="NAME", help='Only rows with this "split" (train, test).')
    cutoffs: str = option("-k", default="1,5,10", metavar="LIST", help="Where R@k is measured.")
    bootstrap: int = option(
        "--bootstrap", default=1_000, metavar="N", help="Resamples behind each interval; 0 for none."
    )
    seed: int = option(
        "--seed",
        default=0,
        metavar="N",
        help="Number from which chance is drawn: the resamples, and the queries that are timed.",
    )
    rerank: int | None = RERANK_PAIRS
    no_rerank: bool = NO_RERANK
    reranker: str | None = RERANKER
    as_json: bool = AS_JSON
    html: Path | None = option(
        "--html", metavar="FILE", help="Write a report: one HTML file with plots and the worst failures."
    )
    encoder: str | None = MOVED_ENCODER
    device: str | None = DEVICE


def run(options: EvaluateOptions) -> int:
    """Measure the index on your own pairs of images and texts."""
    from search.console.wording import worded
    from search.evaluation.settings import EvaluationSettings
    from search.html.evaluation_report import shown_paths, write_report
    from search.rerank.stage import DEFAULT_COUNT
    from search.shell import printing
    from search.shell.evaluation_table import print_evaluation
    from search.shell.html_file import html_file
    from search.shell.progress_bar import listener

    count = rerank_count(options.rerank, options.no_rerank, options.reranker)
    settings = EvaluationSettings(
        options.labels,
        options.split,
        _cutoffs(options.cutoffs),
        options.bootstrap,
        options.seed,
        DEFAULT_COUNT if count is None else count,
        options.images,
    )
    html = None if options.html is None else html_file("--html", options.html)
    with (
        library_of(options.store, options.encoder, options.device) as library,
        listener(options.as_json) as progress,
    ):
        found = worded(
            library.evaluate(options.source, settings=settings, progress=progress, reranker=options.reranker)
        )
        indexed = {} if html is None else library.indexed(*shown_paths(found))
    if options.as_json:
        printing.print_json(found.to_json())
    else:
        print_evaluation(found)
    if html is not None and found:
        try:
            write_report(html, found, indexed)
        except UsageError as error:  # what was measured is printed
            printing.complain(str(error))
            return SOME_FAILED
        if not options.as_json:
            printing.print_line(f"Report: {html}")
    return FOUND if found else NOTHING_FOUND


def _cutoffs(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise UsageError(f"-k takes whole numbers with commas between them, such as 1,5,10, not {text!r}.")
    return tuple(int(part) for part in parts)
