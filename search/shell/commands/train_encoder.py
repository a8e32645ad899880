"""`search train encoder`."""

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

    from indexer.progress import Progress
    from search.library import Library
    from search.training.report import EncoderReport


class TrainEncoderOptions(Options):
    """The options of `search train encoder`."""

    EXAMPLES = (
        "search train encoder --pairs captions.jsonl --images ./photos --method heads    # minutes",
        "search train encoder --pairs captions.jsonl --budget 30                         # auto, for half an hour",
    )

    pairs: Path = TRAINING_PAIRS
    images: str | None = IMAGES
    store: Path | None = STORE
    out: Path | None = option(
        "--out", metavar="FOLDER", help="Where to put it (default: into the store, which stays as it is)."
    )
    method: str = option(
        "--method",
        default="auto",
        metavar="NAME",
        help="What is changed: heads, maps behind the model, any encoder, minutes; bitfit, biases alone; "
        "prompt, the words' context; lora or adapters, small parts beside the layers; full, the layers themselves, for "
        "thousands of pairs; or auto, each in turn: the cheapest that wins on held-out pairs, an hour or more.",
    )
    budget: float | None = option(
        "--budget",
        metavar="MINUTES",
        help="After so long no further pass and no further method begins: the best so far is taken.",
    )
    epochs: int = option(
        "--epochs",
        default=10,
        metavar="N",
        help="Passes over the images, at most; heads, whose passes are short, makes five times as many.",
    )
    batch: int | None = option(
        "--batch", metavar="N", help="Pairs of a batch, each the negative of the others (default: 64; heads 256)."
    )
    chunk: int | None = option(
        "--chunk", metavar="N", help="Pairs computed at once: less memory, the same gradients (default: the batch)."
    )
    rate: float | None = option("--rate", metavar="R", help="The highest learning rate (default: the method's own).")
    rank: int = option("--rank", default=8, metavar="N", help="Of the low-rank products of lora.")
    part: str | None = option(
        "--part", metavar="NAME", help="What full trains: all, or last (last stages; the bundled encoder's default)."
    )
    augment: bool = option(
        "--augment/--no-augment", default=True, help="Change photographs and captions at random in each pass, or not."
    )
    adversarial: str | None = option(
        "--adversarial",
        metavar="NAME",
        help="Train on attacked pixels too: fgsm, or pgd (stronger, and dearer).",
    )
    epsilon: float = option(
        "--epsilon", default=4.0, metavar="N", help="Levels of 255 by which an attack may change a pixel."
    )
    restart: bool = RESTART
    seed: int = SEED
    encoder: str | None = MOVED_ENCODER
    device: str | None = TRAINED_ON
    as_json: bool = AS_JSON
    quiet: bool = TRAINING_QUIET


def run(options: TrainEncoderOptions) -> int:
    """Adapt the store's encoder to captions of your own photographs; see docs/training.md."""
    from search.console.wording import worded
    from search.shell.progress_bar import listener

    with (
        library_of(options.store, options.encoder, options.device) as library,
        listener(options.quiet or options.as_json) as progress,
    ):
        report = _trained(library, options, progress)
    report = worded(report)
    if options.as_json:
        from search.shell.printing import print_json

        print_json(report.to_json())
    else:
        from search.shell.encoder_training_table import print_encoder_training

        print_encoder_training(report)
    return FOUND


def _trained(library: Library, options: TrainEncoderOptions, progress: Progress) -> EncoderReport:
    from indexer.training.settings import AdaptationSettings

    return library.train_encoder(
        options.pairs,
        images=options.images,
        out=options.out,
        method=options.method,
        settings=AdaptationSettings(
            epochs=options.epochs,
            batch=options.batch,
            chunk=options.chunk,
            rate=options.rate,
            rank=options.rank,
            part=options.part,
            augment=options.augment,
            adversarial=options.adversarial,
            epsilon=options.epsilon,
            seed=options.seed,
        ),
        budget=options.budget,
        restart=options.restart,
        progress=progress,
    )
