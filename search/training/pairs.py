"""From a table of captions to the pairs that an encoder is trained on.

Each image that the table names is read once: its content is hashed (copies are one image, so that none is on both
sides of the split) and decoded (what does not decode is left out). Images need not be indexed. Which images are held
out the rows say ("split"), else a hash of the image's name.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from indexer.counted import counted
from indexer.errors import FileError, UsageError
from indexer.images.decoder import decode, read_file
from indexer.progress import Progress
from indexer.settings import DecodeLimits
from indexer.training.training_pairs import CHOOSE, JUDGE, TRAIN, TrainingPairs, split_by_name
from indexer.types import Candidate
from search.ground_truth.pairs import read_captions
from search.rerank.training_data import (
    HELD_OUT,
    MAX_VALIDATED,
    MIN_TRAINED,
    MIN_VALIDATED,
    TEST_SPLITS,
    VALIDATION_SPLITS,
    check_not_only_tested,
)

_THREADS: Final = 4
#: Only whether it decodes is asked: of a JPEG as small as it comes.
_SMALL: Final = (32, 32)
#: Images that a note names.
_NAMED: Final = 3
#: Of the split of a row, the one that wins where copies of one image have several.
_ORDER: Final = ("test", "val", "train")


def read_pairs(table: str, images: str | None, progress: Progress) -> TrainingPairs:
    """Read the table of captions and the images that it names.

    `images`: the folder that names in the table are relative to, by default the table's own. Raises UsageError when
    there are too few, with the number needed; PathNotFoundError.
    """
    if os.path.isdir(table) or os.path.splitext(table)[1].lower() not in {".jsonl", ".csv"}:
        raise UsageError(f"`table` takes a table of images and captions (.jsonl or .csv), and {table} is none.")
    progress.phase(f"Reading {table}")
    pairs = read_captions(table, images=images)
    paths = list(dict.fromkeys(path for path, _ in pairs.rows))
    if not paths:
        why = pairs.notes[0].rstrip(".") if pairs.notes else f"{table} has no rows"
        step = "name the images' folder with `images`" if images is None else "mend the table, or `images`"
        raise UsageError(f"No image with a caption was found, so nothing can be trained: {why}; {step}.")
    notes = list(pairs.notes)
    contents = _contents(paths, progress, notes)
    split_of = _splits(table, images)
    at: dict[str, int] = {}  # content -> number
    used: list[str] = []
    splits: dict[int, str] = {}
    for path in paths:
        content = contents.get(path)
        if content is None:
            continue
        number = at.setdefault(content, len(at))
        if number == len(used):
            used.append(path)
        splits[number] = min(splits.get(number, "train"), split_of.get(path, "train"), key=_ORDER.index)
    copies = sum(path in contents for path in paths) - len(used)
    if copies:
        notes.append(f"{counted(copies, 'image')} {'is a copy' if copies == 1 else 'are copies'} of others; one each.")
    kept = [number for number in range(len(used)) if splits[number] != "test"]
    if len(kept) < len(used):
        notes.append(f"{counted(len(used) - len(kept), 'image')} of the split test not used.")
    renumbered = {number: place for place, number in enumerate(kept)}
    rows = [
        (renumbered[at[contents[path]]], text)
        for path, text in dict.fromkeys(pairs.rows)
        if path in contents and at[contents[path]] in renumbered
    ]
    check_not_only_tested(len(kept), len(used) - len(kept))
    return _joined(
        [used[number] for number in kept],
        [content for content, number in at.items() if number in renumbered],
        [splits[number] == "val" for number in kept],
        rows,
        notes,
    )


def _joined(
    images: list[str], contents: list[str], marked: list[bool], rows: list[tuple[int, str]], notes: list[str]
) -> TrainingPairs:
    """The pairs, numbered, with a use for each image. Raises UsageError."""
    text_at: dict[str, int] = {}
    pairs = sorted({(image, text_at.setdefault(text, len(text_at))) for image, text in rows})
    if len(text_at) < 2 and len(images) > 1:
        raise UsageError(
            "All captions of the table are equal, so nothing tells the images apart; give each image captions of its "
            "own."
        )
    needed = MIN_TRAINED + MIN_VALIDATED
    if len(images) < needed:
        lost = f" ({' '.join(notes[:2]).rstrip('.')})" if notes else ""
        step = "mend the table, or `images`, or add pairs" if notes else "add pairs"
        raise UsageError(
            f"The table has captions of {counted(len(images), 'different image')} to learn from, and {needed:,} or "
            f"more are needed{lost}; {step}."
        )
    held = np.array(marked, bool)
    names = [os.path.basename(path) for path in images]
    if not held.any():
        held = split_by_name(names, max(MIN_VALIDATED, round(HELD_OUT * len(images))))
    if held.sum() < MIN_VALIDATED or (~held).sum() < MIN_TRAINED:
        raise UsageError(
            f"The table has {int((~held).sum()):,} images to train on and {int(held.sum()):,} of the split val, and at "
            f"least {MIN_TRAINED:,} and {MIN_VALIDATED:,} are needed; add pairs, or leave the splits out."
        )
    uses = np.full(len(images), TRAIN, np.int8)
    held_at = np.flatnonzero(held)
    some = split_by_name([names[at] for at in held_at], min(len(held_at), MAX_VALIDATED))
    if not some.all():
        notes.append(f"{int((~some).sum()):,} held-out images are not used: {MAX_VALIDATED:,} tell enough.")
    uses[held_at[~some]] = -1
    held_at = held_at[some]
    choosing = split_by_name([f"{names[at]}/" for at in held_at], len(held_at) // 2)  # another order than the first
    uses[held_at[choosing]], uses[held_at[~choosing]] = CHOOSE, JUDGE
    return TrainingPairs(
        tuple(images),
        tuple(contents),
        tuple(text_at),
        np.array([image for image, _ in pairs], np.int64),
        np.array([text for _, text in pairs], np.int64),
        uses,
        tuple(notes),
    )


def _contents(paths: list[str], progress: Progress, notes: list[str]) -> dict[str, str]:
    """SHA-256 of each file that decodes, by path; of the others a note."""
    progress.total(len(paths))

    def look(path: str) -> tuple[str | None, str]:
        limits = DecodeLimits()
        try:
            data = read_file(Candidate.at(path), limits)
            decode(data, limits, _SMALL)
        except (OSError, ValueError, FileError) as error:
            return None, str(error)
        return hashlib.sha256(data).hexdigest(), ""

    found: dict[str, str] = {}
    failed: list[str] = []
    with ThreadPoolExecutor(_THREADS, "reading") as pool:
        for path, (content, problem) in zip(paths, pool.map(look, paths), strict=True):
            progress.advance(1)
            if content is None:
                failed.append(f"{path} ({problem})")
            else:
                found[path] = content
    if failed:
        more = f" and {len(failed) - _NAMED:,} more" if len(failed) > _NAMED else ""
        notes.append(
            f"{counted(len(failed), 'image')} cannot be read and left out: {'; '.join(failed[:_NAMED])}{more}."
        )
    return found


def _splits(table: str, images: str | None) -> Mapping[str, str]:
    """ "val" or "test" of each image whose rows say so."""
    found: dict[str, str] = defaultdict(lambda: "train")
    if table.lower().endswith(".csv"):  # has no splits
        return {}
    for mine, names in (("val", VALIDATION_SPLITS), ("test", TEST_SPLITS)):
        for name in names:
            try:
                rows = read_captions(table, name, images).rows
            except UsageError:  # not one of its rows is good
                continue
            for path, _ in rows:
                found[path] = min(found[path], mine, key=_ORDER.index)
    return found
