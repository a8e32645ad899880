"""What a reranker is trained on: the tokens and vectors of a table's images and captions, joined and split."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from indexer.catalog.encoders import Encoders
from indexer.catalog.tokens import Tokens
from indexer.catalog.transaction import Transaction
from indexer.counted import counted
from indexer.encoders.base import Encoder, TokenShape
from indexer.errors import EncoderError, StoreMissingError, UsageError
from indexer.files.names import as_named
from indexer.progress import Progress
from indexer.store import Store
from indexer.types import Float32, Int8
from search.ground_truth.ground_truth import GroundTruth, resolve
from search.ground_truth.pairs import read_captions
from search.ground_truth.texts import StoredText, stored_texts
from search.rerank.caption_tokens import caption_tokens
from search.rerank.clozes import clozes_of
from search.rerank.token_pairs import Bools, TokenPairs

#: Names of splits, as data sets write them; every other one is trained on.
VALIDATION_SPLITS: Final = ("val", "valid", "validation", "dev")
TEST_SPLITS: Final = ("test",)

#: Fewer images than these teach nothing, and tell nothing (half of the held-out ones choose, half measure).
MIN_TRAINED: Final = 100
MIN_VALIDATED: Final = 40
#: More than these tell no more, and take longer to measure than to train.
MAX_VALIDATED: Final = 2_000
#: Share of the images that is held out when the table names no validation split.
HELD_OUT: Final = 0.1

#: Contents whose tokens are read at once: 3 MB for the bundled encoder.
_PAGE = 1_000


def required_shape(encoder: Encoder) -> TokenShape:
    """The shape of the encoder's tokens. Raises EncoderError when it yields none."""
    if encoder.token_shape is None:
        raise EncoderError(
            f"The encoder {encoder.identity.name} yields no tokens, so no reranker can be trained for it; "
            "index with another one (see `list_encoders()`)."
        )
    return encoder.token_shape


def prepare(
    table: str,
    images: str | None,
    store: Store,
    encoder: Encoder,
    work: Path,
    progress: Progress,
    *,
    clozes: bool = False,
) -> TokenPairs:
    """Read the table of captions, find its images in the store, and encode the captions that the store lacks
    (kept in `work`).

    `images`: the folder that names in the table are relative to, by default the table's own. `clozes`: with captions
    that lack a word. Raises UsageError when there are too few, with the number needed; PathNotFoundError, EncoderError,
    StoreMissingError, StoreError.
    """
    shape = required_shape(encoder)
    if os.path.isdir(table) or os.path.splitext(table)[1].lower() not in {".jsonl", ".csv"}:
        raise UsageError(f"`table` takes a table of images and captions (.jsonl or .csv), and {table} is none.")
    progress.phase(f"Reading {table}")
    pairs = read_captions(table, images=images)
    hint = os.path.dirname(as_named(table)) if images is None else as_named(images)
    with store.catalog.snapshot() as snapshot:
        active = Encoders(snapshot).active()
        if active is None:
            raise StoreMissingError(f"This index is empty; fill it with `index({hint!r})`, then train.")
        row, identity = active
        truth = resolve(pairs, snapshot, row, identity.dimension, hint)
        named = len({path for path, _ in pairs.rows})
        tokens, there = _image_tokens(truth, snapshot, row, shape)
        stored = stored_texts(truth.texts, snapshot, row, identity.dimension, shape)
        held = {
            split: _contents_of(table, images, split, snapshot, row, identity.dimension)
            for split in (*VALIDATION_SPLITS, *TEST_SPLITS)
        }
    notes = list(truth.notes)
    if not there.all() and there.any():
        notes.append(
            f"{int((~there).sum()):,} of {len(there):,} indexed images have no tokens and are left out; "
            "`index()` adds them."
        )
    tested = np.isin(truth.contents, sorted(set().union(*(held[split] for split in TEST_SPLITS))))  # (n,)
    if tested.any():
        notes.append(f"{int(tested.sum()):,} images of the split test are not used.")
    held_out = np.isin(truth.contents, sorted(set().union(*(held[split] for split in VALIDATION_SPLITS))))  # (n,)
    kept = there & ~tested  # (n,)
    _check_enough(int(kept.sum()), len(truth.images), named, int(there.sum()), int((there & tested).sum()), hint)
    if not held_out[kept].any():
        held_out = _hold_out(truth.vectors, kept, max(MIN_VALIDATED, round(HELD_OUT * int(kept.sum()))))
    if int((kept & held_out).sum()) > MAX_VALIDATED:
        chosen = _hold_out(truth.vectors, kept & held_out, MAX_VALIDATED)
        notes.append(
            f"{int((kept & held_out & ~chosen).sum()):,} held-out images are not used: {MAX_VALIDATED:,} tell enough."
        )
        kept, held_out = kept & (chosen | ~held_out), chosen
    _check_split(int((kept & ~held_out).sum()), int((kept & held_out).sum()))
    return _encode(truth, tokens, kept, held_out, stored, encoder, work, progress, tuple(notes), clozes)


def _image_tokens(truth: GroundTruth, snapshot: Transaction, row: int, shape: TokenShape) -> tuple[Int8, Bools]:
    """(n, r, w) int8 and whether each image has them, (n,)."""
    count = len(truth.contents)
    tokens = np.zeros((count, shape.regions, shape.width), np.int8)
    there = np.zeros(count, bool)
    if Tokens(snapshot).shape(row) != shape:  # none, or made in another way
        return tokens, there
    for start in range(0, count, _PAGE):
        page = [int(content) for content in truth.contents[start : start + _PAGE]]
        found = Tokens(snapshot).of_contents(page, row, shape.width)
        for position, content in enumerate(page, start):
            each = found.get(content)
            if each is not None and each.shape == tokens.shape[1:]:
                tokens[position], there[position] = each, True
    return tokens, there


def _contents_of(
    table: str, images: str | None, split: str, snapshot: Transaction, row: int, dimension: int
) -> set[int]:
    """Contents of the images of a split: by content, so that a copy under another name does not cross over."""
    if table.lower().endswith(".csv"):  # has no splits
        return set()
    try:
        pairs = read_captions(table, split, images)
    except UsageError:  # not one of its rows is good
        return set()
    return {int(content) for content in resolve(pairs, snapshot, row, dimension, "").contents}


def _hold_out(vectors: Float32, among: Bools, count: int) -> Bools:
    """(n,): `count` of the images, chosen by a digest of their vectors, so that they are the same every time."""
    digests = {int(place): hashlib.sha256(vectors[place].tobytes()).digest() for place in np.flatnonzero(among)}
    chosen = np.zeros(len(vectors), bool)
    chosen[sorted(digests, key=lambda place: (digests[place], place))[:count]] = True
    return chosen


def check_not_only_tested(kept: int, tested: int) -> None:
    """Raises UsageError where the split test takes what is needed."""
    needed = MIN_TRAINED + MIN_VALIDATED
    if kept < needed <= kept + tested:
        raise UsageError(
            f"The table marks {tested:,} of {kept + tested:,} images as of the split test, which is never trained on, "
            f"and {needed:,} others or more are needed; mark fewer."
        )


def _check_enough(kept: int, indexed: int, named: int, with_tokens: int, tested: int, hint: str) -> None:
    needed = MIN_TRAINED + MIN_VALIDATED
    if kept >= needed:
        return
    if not named:
        raise UsageError(f"The table names no image that is there; {needed:,} or more with captions are needed.")
    if indexed < min(named, needed):
        raise UsageError(
            f"{indexed:,} of the {named:,} images of the table are in the index, and {needed:,} or more are needed; "
            f"run `index({hint!r})` first."
        )
    if with_tokens < min(indexed, needed):
        raise UsageError(
            f"{with_tokens:,} of the {indexed:,} indexed images of the table have tokens, and {needed:,} or more are "
            "needed; run `index()` first, which adds them."
        )
    check_not_only_tested(kept, tested)
    raise UsageError(
        f"The table has captions of {counted(kept, 'different image')} to learn from, and {needed:,} or more are "
        "needed; add pairs, or use the reranker that ships with the product."
    )


def _check_split(trained: int, validated: int) -> None:
    if trained < MIN_TRAINED or validated < MIN_VALIDATED:
        raise UsageError(
            f"The table has {trained:,} images to train on and {validated:,} of the split val, and at least "
            f"{MIN_TRAINED:,} and {MIN_VALIDATED:,} are needed; add pairs, or leave the splits out."
        )


def _encode(
    truth: GroundTruth,
    tokens: Int8,
    kept: Bools,
    held_out: Bools,
    stored: Mapping[str, StoredText],
    encoder: Encoder,
    work: Path,
    progress: Progress,
    notes: tuple[str, ...],
    clozes: bool,
) -> TokenPairs:
    """Put images and texts of the kept pairs together, numbered anew."""
    used = kept[truth.pair_images]  # (p,)
    image_numbers, pair_images = np.unique(truth.pair_images[used], return_inverse=True)  # (n,), (p,)
    text_numbers, pair_texts = np.unique(truth.pair_texts[used], return_inverse=True)  # (t,), (p,)
    texts = [truth.texts[number] for number in text_numbers]
    vectors, words, offsets = caption_tokens(texts, stored, encoder, work, progress)
    lacking = None
    if clozes:
        trained = np.unique(pair_texts[~held_out[image_numbers][pair_images]])  # (m,)
        lacking = clozes_of(texts, trained, encoder, work, progress)
    return TokenPairs(
        truth.vectors[image_numbers],
        tokens[image_numbers],
        vectors,
        words,
        offsets,
        pair_texts.astype(np.int64),
        pair_images.astype(np.int64),
        held_out[image_numbers],
        notes,
        lacking,
    )
