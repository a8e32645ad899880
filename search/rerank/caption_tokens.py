"""Vectors and word tokens of the captions that are trained on; what had to be encoded is kept beside the training."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from indexer.atomic import write_atomically
from indexer.counted import counted
from indexer.encoders.base import Encoder, TokenShape
from indexer.encoders.batches import encode_texts
from indexer.private import make_folder
from indexer.progress import Progress
from indexer.types import Float32, Int8, Int64
from search.ground_truth.texts import StoredText

_CAPTIONS = "captions.npz"


def caption_tokens(
    texts: Sequence[str],
    stored: Mapping[str, StoredText],
    encoder: Encoder,
    work: Path,
    progress: Progress,
    *,
    keep: str = _CAPTIONS,
) -> tuple[Float32, Int8, Int64]:
    """Vectors (t, d) float32, words (m, w) int8 and offsets (t + 1,) int64 of texts; some are `stored`, the others are
    kept in the file `keep` of `work`."""
    missing = [text for text in texts if text not in stored]
    have = {**stored, **_encoded(missing, encoder, work / keep, progress)}
    vectors = np.stack([have[text][0] for text in texts])  # (t, d)
    words = [have[text][1] for text in texts]
    lengths = np.array([len(each) for each in words], np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])  # (t + 1,)
    return vectors, np.concatenate(words), offsets


def _encoded(texts: list[str], encoder: Encoder, kept: Path, progress: Progress) -> dict[str, StoredText]:
    """Texts with their vectors and tokens; from the file `kept` if they are there."""
    if not texts:
        return {}
    recipe = [encoder.identity.to_json(), asdict(encoder.token_shape or TokenShape(0, 0, 0, 0)), texts]
    key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()
    # Absent or damaged ones are made again; of damaged archives many kinds are raised.
    with (
        suppress(Exception),
        np.load(kept, allow_pickle=False) as held,
    ):
        if str(held["key"]) == key:
            words = np.split(held["words"], held["offsets"][1:-1])
            return dict(zip(texts, zip(held["vectors"], words, strict=True), strict=True))
    progress.phase(f"Encoding {counted(len(texts), 'caption')}")
    encoded = encode_texts(encoder, texts, tokens=True)
    words = list(encoded.tokens or ())  # each (t, width)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(each) for each in words])])  # (t + 1,)
    stream = io.BytesIO()
    np.savez(stream, key=np.array(key), vectors=encoded.vectors, words=np.concatenate(words), offsets=offsets)
    make_folder(kept.parent)
    write_atomically(kept, stream.getvalue())
    return dict(zip(texts, zip(encoded.vectors, words, strict=True), strict=True))
