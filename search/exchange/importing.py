"""An import: which encoder made the vectors is known, or measured, before anything is written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from indexer.catalog.encoders import Encoders
from indexer.encoder_hint import write_encoder_hint
from indexer.encoders.base import Encoder, EncoderId
from indexer.encoders.batches import encode_images
from indexer.errors import EncoderMismatchError, FileError, UsageError
from indexer.files.scope import is_below
from indexer.images.decoder import read_file
from indexer.pipeline.decode import Decoder
from indexer.pipeline.take_over import TakeOver, digest_as_given, is_turned
from indexer.pipeline.values import ImageBytes, NewImage
from indexer.progress import Progress
from indexer.settings import DEFAULT_IGNORES, IndexSettings
from indexer.store import Store
from indexer.swap import is_begun
from indexer.types import Candidate, Float32
from search.exchange.source import Source, SourceRow
from search.exchange.sources import source_at
from search.loaded_models import LoadedModels

#: Photographs that are encoded anew where a source does not say what made its vectors, and the cosine between both
#: vectors, in the mean, from which they are of one encoder: an int8 tower keeps 0.994 of its own in float32.
SAMPLE: Final = 16
ALIKE: Final = 0.99

Roots = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What came in from `source`, which is a `kind` of thing: so many `images` and `texts`, each with its vector, by
    the encoder of the name `encoder`. Left out: photographs that are `gone`, that have `changed` since, or that lie
    `outside` of the folders or were forgotten; those that their EXIF orientation turns, where what made the vectors did
    not (`turned`); vectors that are `damaged`. `tokens`: how many contents came with theirs; `tokens_left_out`: the
    source has some that the store does not keep. `cosine`: of a sample that was encoded anew, where the source does not
    say what made it. `roots`: the folders that belong to the index now."""

    source: str
    kind: str
    encoder: str
    images: int
    texts: int
    gone: int
    changed: int
    outside: int
    turned: int
    damaged: int
    tokens: int
    tokens_left_out: bool
    cosine: float | None
    roots: tuple[str, ...]


def import_from(
    folder: Path, path: Path, named: Sequence[str], models: LoadedModels, device: str | None, progress: Progress
) -> Imported:
    """Into the store at `folder`. `named`: the folders of the photographs; none: as the source says, or the one that
    holds all of them. Raises UsageError, EncoderMismatchError, EncoderError, StoreError."""
    progress.phase(f"Looking at {path}")
    source = source_at(path)
    encoder = _encoder(folder, path, source, models, device)
    common = _check_whole(path, source, encoder)
    roots = _roots(path, source, named, common)
    cosine = None if source.identity is not None else _check_sample(path, source, encoder, roots)
    store = Store.create(folder)
    try:
        with store.writing():
            work = TakeOver(store, encoder, roots, source.tokens)
            _take(work, source, progress)
            work.finish(progress)
            write_encoder_hint(folder, encoder.identity)
    finally:
        store.close()
    taken = work.taken
    return Imported(
        str(path),
        source.name,
        encoder.identity.name,
        taken.images,
        taken.texts,
        taken.gone,
        taken.changed,
        taken.outside,
        taken.turned,
        taken.damaged,
        taken.tokens,
        source.tokens is not None and not work.keeps_tokens,
        cosine,
        tuple(root for root, _ in roots),
    )


def _take(work: TakeOver, source: Source, progress: Progress) -> None:
    """Vectors of texts first: photographs and captions files, when they are read, find theirs."""
    origins: dict[str, None] = {}
    progress.phase("Taking over the texts")
    for rows, vectors in _vectors(source):
        at = [place for place, row in enumerate(rows) if row.kind == "text"]
        if at:
            texts = [rows[place].text or "" for place in at]
            work.add_texts(texts, vectors[at], [rows[place].tokens for place in at])
            origins.update((origin, None) for place in at if (origin := rows[place].origin) is not None)
    progress.phase("Taking over the photographs")
    for rows, vectors in _vectors(source):
        at = [place for place, row in enumerate(rows) if row.kind == "image"]
        if at:
            images, tokens = [rows[place].image for place in at], [rows[place].tokens for place in at]
            work.add_images(images, vectors[at], tokens, as_stored=source.identity is None)
            progress.advance(len(at))
    work.add_captions(origins)


def _vectors(source: Source) -> Iterator[tuple[list[SourceRow], Float32]]:
    """The rows of a source; vectors that others wrote, of half the digits perhaps, at unit norm."""
    for rows, vectors in source.batches():
        if source.identity is None:
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                wide = vectors.astype(np.float64)
                yield rows, (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)
        else:
            yield rows, vectors


def _encoder(folder: Path, path: Path, source: Source, models: LoadedModels, device: str | None) -> Encoder:
    """What the vectors are said to be of, loaded; the store's, where there is one."""
    active = _active(folder)
    if active is None and source.identity is None and not models.is_named:
        if source.encoder is None:
            raise UsageError(f"{path} does not say which encoder made its vectors; name it with `encoder`.")
        return LoadedModels(folder, source.encoder, device).encoder(None)
    if active is not None and source.identity is not None and not active.matches(source.identity):
        raise EncoderMismatchError(
            f"{path} was made with the encoder {_shown(source.identity)}, and {folder} with {_shown(active)}; import "
            "it into a store of its own, which `store` names."
        )
    encoder = models.encoder(active or (None if models.is_named else source.identity))
    if source.identity is not None and not encoder.identity.matches(source.identity):
        raise EncoderMismatchError(
            f"{path} was made with the encoder {_shown(source.identity)}, not {_shown(encoder.identity)}; name that "
            "one with `encoder`."
        )
    return encoder


def _active(folder: Path) -> EncoderId | None:
    if not (folder.is_dir() and is_begun(folder)):
        return None
    store = Store.open(folder)
    try:
        with store.catalog.snapshot() as snapshot:
            found = Encoders(snapshot).active()
        return None if found is None else found[1]
    finally:
        store.close()


def _check_whole(path: Path, source: Source, encoder: Encoder) -> str:
    """The folder that holds all photographs; of texts alone, those that they speak of. Raises UsageError where a part
    of the source is damaged or missing, before any of it is written."""
    common: str | None = None
    for rows, vectors in source.batches():
        if vectors.shape[1] != encoder.identity.dimension:
            raise UsageError(
                f"The vectors of {path} have {vectors.shape[1]} numbers, and those of {encoder.identity.name} "
                f"{encoder.identity.dimension}; name what made them with `encoder`."
            )
        folders = {os.path.dirname(row.image.path) for row in rows}
        if folders:
            common = os.path.commonpath(folders if common is None else [common, *folders])
    if common is None:
        raise UsageError(f"{path} holds no photographs and no texts; name another.")
    return common


def _roots(path: Path, source: Source, named: Sequence[str], common: str) -> Roots:
    """The folders that are to be indexed from now on, with their patterns."""
    patterns = dict(source.roots)
    if named:
        return tuple((root, patterns.get(root, DEFAULT_IGNORES)) for root in named)
    if source.roots:
        there = tuple((root, own) for root, own in source.roots if os.path.exists(root))
        if not there:
            raise UsageError(
                f"None of the folders of {path} is there (first: {source.roots[0][0]}); mount their drive, or bring "
                "the photographs back to where they were."
            )
        return there
    if os.path.dirname(common) == common:
        raise UsageError(f"The photographs of {path} lie in no folder of their own; name their folders.")
    return ((common, DEFAULT_IGNORES),)


def _check_sample(path: Path, source: Source, encoder: Encoder, roots: Roots) -> float:
    """The mean cosine of some vectors with those that `encoder` gives now. Raises UsageError where they differ, and
    where no photograph is there to tell by."""
    decode = Decoder(encoder.identity.preprocessing, IndexSettings().limits)
    pixels, told = [], []
    for row, vector in _spread(source, roots):
        if not digest_as_given(row.image) or is_turned(row.image.path):
            continue
        try:
            candidate = Candidate.at(row.image.path)
            data = read_file(candidate, IndexSettings().limits)
            found = decode(ImageBytes(candidate, hashlib.sha256(data).digest(), data))
        except (FileError, OSError, ValueError):
            continue
        if isinstance(found, NewImage) and found.pixels is not None:
            pixels.append(found.pixels)
            told.append(vector)
        if len(pixels) == SAMPLE:
            break
    if not pixels:
        raise UsageError(
            f"None of the photographs of {path} that were looked for is there as it was, so that nobody can tell what "
            "made its vectors; bring them back, or index them with `index(FOLDER)`."
        )
    anew = encode_images(encoder, pixels).vectors
    cosine = float(np.vecdot(anew, np.array(told, np.float32)).mean())
    if not cosine >= ALIKE:  # nor is it NaN
        raise UsageError(
            f"The vectors of {path} are not those of {encoder.identity.name}: of {len(pixels)} photographs that were "
            f"encoded anew the mean cosine is {cosine:.3f}, and {ALIKE} is wanted; name what made them with `encoder`."
        )
    return cosine


def _spread(source: Source, roots: Roots) -> Iterator[tuple[SourceRow, Float32]]:
    """Photographs from all over a source: a few of each batch, the last ones last."""
    for rows, vectors in _vectors(source):
        inside = [at for at, row in enumerate(rows) if any(is_below(row.image.path, root) for root, _ in roots)]
        for at in inside[:: max(len(inside) // SAMPLE, 1)]:
            if rows[at].kind == "image":
                yield rows[at], vectors[at]


def _shown(identity: EncoderId) -> str:
    return f"{identity.name} ({identity.weights[:12]})"
