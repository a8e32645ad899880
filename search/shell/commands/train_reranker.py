"""`search train reranker`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.console.exit_codes import FOUND
from search.shell.opened_library import library as library_of
from search.shell.options import (
    AS_JSON,
    IMAGES,
    MOVED_ENCODER,
    RESTART,
    SEED,
    STORE,
    TRAINED_ON,
    TRAINING_PAIRS,
    TRAINING_QUIET,
    Options,
    option,
)

if TYPE_CHECKING:
    from pathlib import Path


class TrainRerankerOptions(Options):
    """The options of `search train reranker`."""

    EXAMPLES = ("search train reranker --pairs captions.jsonl --images ./photos",)

    pairs: Path = TRAINING_PAIRS
    images: str | None = IMAGES
    store: Path | None = STORE
    out: Path | None = option(
        "--out", metavar="FOLDER", help="Where to put it (default: into the store, for its searches)."
    )
    epochs: int = option("--epochs", default=12, metavar="N", help="Passes over the images, in each of two steps.")
    matching: float = option(
        "--matching", default=0.0, metavar="WEIGHT", help="Of a loss of image-text matching beside the main one."
    )
    masked: float = option(
        "--masked", default=0.0, metavar="WEIGHT", help="Of a loss of guessing a word that was left out beside it."
    )
    restart: bool = RESTART
    seed: int = SEED
    encoder: str | None = MOVED_ENCODER
    device: str | None = TRAINED_ON
    as_json: bool = AS_JSON
    quiet: bool = TRAINING_QUIET


def run(options: TrainRerankerOptions) -> int:
    """Train a reranker, on images that are indexed and captions of them; it looks at the first hits of a search again,
    part by part, puts them in a better order, and says with --explain why they were found."""
    from search.console.wording import worded
    from search.shell.progress_bar import listener

    with (
        library_of(options.store, options.encoder, options.device) as library,
        listener(options.quiet or options.as_json) as progress,
    ):
        report = library.train_reranker(
            options.pairs,
            images=options.images,
            out=options.out,
            epochs=options.epochs,
            matching=options.matching,
            masked=options.masked,
            seed=options.seed,
            restart=options.restart,
            progress=progress,
        )
    report = worded(report)
    if options.as_json:
        from search.shell.printing import print_json

        print_json(report.to_json())
    else:
        from search.shell.training_table import print_training

        print_training(report)
    return FOUND
