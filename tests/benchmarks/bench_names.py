"""What names of folders do to answers: names that are right, and names that are wrong.

    python tests/benchmarks/bench_names.py CALTECH101 --split train [--json PATH]

CALTECH101: a folder with `captions.jsonl` (image, captions: the name of its class, split) and `images/`. Ten
photographs of each class of the split lie in a folder, named by its class in one collection (which makes the answer
trivial) and by another class, drawn with a fixed seed, in the other. The names of the classes are the queries. Meaning
alone is the answer without words, reranker included. The bundled encoder. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import search
from tests.benchmarks.machine import about, save

SEED = 13
OF_A_CLASS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("caltech101", type=Path)
    parser.add_argument("--split", default="train")
    parser.add_argument("--store", type=Path, help="keep the collections here, and use them again")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    classes = drawn(given.caltech101, given.split)
    names = list(classes)
    found: dict[str, Any] = {**about(split=given.split, classes=len(classes), photographs=OF_A_CLASS * len(classes))}
    with tempfile.TemporaryDirectory() as folder, search.open((given.store or Path(folder)) / "store") as library:
        photos = (given.store or Path(folder)) / "photos"
        for title, folders in (("wrong", shuffled(names)), ("right", names)):
            place(classes, dict(zip(names, folders, strict=True)), given.caltech101 / "images", photos)
            library.index(photos)
            for by_words in (False, True):
                answers = ask(library, classes, by_words=by_words)
                found[f"{title} names, {'both' if by_words else 'meaning'}"] = figures(answers)
    for name, values in found.items():
        print(f"{name:20}", values)
    if given.json:
        save(given.json, found)


def drawn(folder: Path, split: str) -> dict[str, list[str]]:
    """Names of images by class."""
    of_class = defaultdict(list)
    for line in (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["split"] == split:
            of_class[row["captions"][0]].append(row["image"])
    draw = random.Random(SEED)
    return {name: draw.sample(sorted(of_class[name]), OF_A_CLASS) for name in sorted(of_class)}


def shuffled(names: Sequence[str]) -> list[str]:
    """The same names, none at its own place."""
    order = random.Random(SEED).sample(range(len(names)), len(names))
    after = dict(zip(order, [*order[1:], order[0]], strict=True))
    return [names[after[place]] for place in range(len(names))]


def place(classes: Mapping[str, Sequence[str]], folders: Mapping[str, str], images: Path, photos: Path) -> None:
    """Photographs as links, those of each class in the folder that it is given."""
    shutil.rmtree(photos, ignore_errors=True)
    for name, chosen in classes.items():
        (photos / folders[name]).mkdir(parents=True)
        for number, image in enumerate(chosen):
            os.symlink((images / image).resolve(), photos / folders[name] / f"{names_of(image)}{number}.jpg")


def names_of(image: str) -> str:
    """A name of a file that says nothing, always the same."""
    return f"IMG_{zlib.crc32(image.encode()):08d}_"


def ask(library: search.Library, classes: Mapping[str, Sequence[str]], *, by_words: bool) -> list[list[bool]]:
    """Of each class whether the hits for its name are right, all photographs in their order."""
    right = {names_of(image): name for name, chosen in classes.items() for image in chosen}
    total = sum(map(len, classes.values()))
    answers = []
    for name in classes:
        hits = library.query(name, k=total, by_words=by_words)
        answers.append([right[os.path.basename(hit.path)[: -len("0.jpg")]] == name for hit in hits])
    return answers


def figures(answers: Sequence[Sequence[bool]]) -> dict[str, float]:
    """In percent: first hits that are right, right ones of the first ten, mean average precision."""
    first = np.mean([answer[0] for answer in answers])
    ten = np.mean([np.mean(answer[:10]) for answer in answers])
    precisions = []
    for answer in answers:
        places = np.flatnonzero(answer) + 1  # (r,)
        precisions.append(float((np.arange(1, len(places) + 1) / places).mean()))
    percent = {"first": first, "of ten": ten, "mAP": np.mean(precisions)}
    return {name: round(100 * float(value), 1) for name, value in percent.items()}


if __name__ == "__main__":
    main()
