"""`search calibrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.resident.library_context import library as library_of
from search.shell.exit_codes import FOUND
from search.shell.options import (
    AS_JSON,
    DEVICE,
    IMAGES,
    MOVED_ENCODER,
    NO_RERANK,
    RERANK,
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

    pairs: str = option(
        "--pairs", default=..., metavar="FILE", help="Indexed images and their captions: .jsonl or .csv."
    )
    images: str | None = IMAGES
    store: Path | None = STORE
    split: str | None = option("--split", metavar="NAME", help='Only rows with this "split"; keep others to check on.')
    out: Path | None = option("--out", metavar="FILE", help="Write this file (default: calibration.json in the store).")
    seed: int = option("--seed", default=0, metavar="N", help="Of the parts that the fit is checked on.")
    rerank: int | None = RERANK
    no_rerank: bool = NO_RERANK
    reranker: str | None = RERANKER
    as_json: bool = AS_JSON
    encoder: str | None = MOVED_ENCODER
    device: str | None = DEVICE


def run(options: CalibrateOptions) -> int:
    """Fit the hits' probabilities to your own pairs of images and texts."""
    from search.calibration.calibrate import CalibrationSettings
    from search.rerank.stage import DEFAULT_COUNT
    from search.shell import printing
    from search.shell.evaluation_table import fit_lines
    from search.shell.progress_bar import listener
    from search.shell.wording import worded

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
