"""A probe and the class names on a labelled set, with its official split, as `search probe train --test` measures them:

    python -m tools.bundled.classify --data FOLDER [--set caltech101] [--json FILE]

The photographs stay where they are: a temporary folder by class has links to them. All is chosen by cross-validation
inside `train`; `test` is measured on once, at the end.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import search
from search.shell.classification_table import training_lines
from search.shell.progress_bar import listener
from tools.bundled.datasets import read_captions


def by_class(folder: Path, into: Path) -> None:
    """Links `into/SPLIT/CLASS/NAME` to the photographs of a set whose only captions are class names."""
    for row in read_captions(folder):
        link = into / str(row.split) / row.captions[0] / row.path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(row.path.resolve())


def main() -> None:
    """Print the table of the command line; with `--json` write all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the sets")
    parser.add_argument("--set", default="caltech101", help="which of them")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        by_class(arguments.data / arguments.set, folder)
        with search.open(folder / "none.search") as library, listener(quiet=False) as progress:
            found = library.train_probe(
                folder / "train", test=folder / "test", out=folder / "probe.safetensors", progress=progress
            )
    for line in training_lines(found):
        print(line)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found.to_json(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
