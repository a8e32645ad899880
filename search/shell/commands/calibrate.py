"""`search calibrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.console.exit_codes import FOUND
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
    option,
    rerank_count,
)

if TYPE_CHECKING:
    from pathlib import Path


class CalibrateOptions(Options):
    """The options of `search calibrate`."""

    pairs: str | None = option(
        "--pairs", default=None, metavar="FILE", help="Indexed images and their captions: .jsonl or .csv."
    )
    reset: bool = option("--reset", default=False, help="Forget what was fitted; go back to what ships, if it does.")
    images: str | None = IMAGES
    store: Path | None = STORE
    split: str | None = option("--split", metavar="NAME", help='Only rows with this "split"; keep others to check on.')
    out: Path | None = option("--out", metavar="FILE", help="Write this file (default: calibration.json in the store).")
    seed: int = option(
        "--seed",
        default=0,
        metavar="N",
        help="Number from which chance is drawn: the parts that the fit is checked on.",
    )
    rerank: int | None = RERANK_PAIRS
    no_rerank: bool = NO_RERANK
    reranker: str | None = RERANKER
    as_json: bool = AS_JSON
    encoder: str | None = MOVED_ENCODER
    device: str | None = DEVICE


def run(options: CalibrateOptions) -> int:
    """Fit the hits' probabilities to your own pairs of images and texts."""
    from indexer.errors import UsageError
    from search.calibration.calibrate import CalibrationSettings
    from search.console.wording import worded
    from search.rerank.stage import DEFAULT_COUNT
    from search.shell import printing
    from search.shell.evaluation_table import fit_lines
    from search.shell.progress_bar import listener

    if options.reset:
        return _reset(options)
    if options.pairs is None:
        raise UsageError("Give --pairs FILE with images and their captions, or --reset to forget what was fitted.")
    count = rerank_count(options.rerank, options.no_rerank, options.reranker)
    rerank = DEFAULT_COUNT if count is None else count
    settings = CalibrationSettings(options.split, rerank, options.seed, options.images)
    with (
        library_of(options.store, options.encoder, options.device) as library,
        listener(options.as_json) as progress,
    ):
        found = worded(
            library.calibrate(
                options.pairs, out=options.out, settings=settings, progress=progress, reranker=options.reranker
            )
        )
    if options.as_json:
        printing.print_json(found.to_json())
    else:
        for line in fit_lines(found):
            printing.print_line(line)
    return FOUND


def _reset(options: CalibrateOptions) -> int:
    from indexer.errors import UsageError
    from search.shell import printing

    if options.pairs is not None or options.out is not None:
        raise UsageError("--reset and --pairs or --out exclude each other; give one of them.")
    with library_of(options.store, options.encoder, options.device) as library:
        had = library.reset_calibration()
    if options.as_json:
        printing.print_json({"reset": had})
    else:
        gone = "The probabilities that were fitted for this store are forgotten"
        none = "This store has no probabilities of its own"
        printing.print_line(f"{gone if had else none}; those that ship with its encoder hold, if any do.")
    return FOUND
