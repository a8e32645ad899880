"""Prepared files into the catalog: encode what is new, gather what is encoded, write it in few transactions."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from indexer.catalog.catalog import Catalog
from indexer.catalog.contents import Contents
from indexer.catalog.files import FileFailure, FileRecord, Files
from indexer.catalog.items import Items, Wanted
from indexer.catalog.photographs import Photographs
from indexer.catalog.tokens import Tokens
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import Encoded, Encoder
from indexer.encoders.batches import encode_images, encode_texts
from indexer.pipeline.decode import CaptionFile, Failed, Ignored, KnownImage, NewImage, Prepared
from indexer.types import Candidate, Failure, Float32, Int8, Kind, Metadata, Pixels, Report

#: Texts of one transaction, where a file brings many.
TEXTS_A_BATCH = 512
#: Files are written together: a transaction of 16 costs 280 microseconds of the processor a file and a wait for the
#: disk, one of 128 costs 135, one of 512 costs 110. A run that is killed loses what it did in so many seconds.
FILES_A_COMMIT = 512
SECONDS_A_COMMIT = 0.5
#: Warnings that a report keeps; a captions file can have a problem in each of a million lines.
MAX_WARNINGS = 100

#: A vector (d,) float32, unit norm, and tokens (t, w) int8 where they are kept.
_Row = tuple[Float32, Int8 | None]
#: A file to write, without pixels, and what was encoded of it.
_Gathered = tuple[Prepared, _Row | None]
_NO_PIXELS: Pixels = np.empty((0, 0, 3), np.uint8)


class Ingest:
    """Writes batches of prepared files under one encoder, and counts them in a report."""

    def __init__(
        self,
        catalog: Catalog,
        encoder: Encoder,
        encoder_row: int,
        report: Report,
        *,
        tokens: bool = False,
    ) -> None:
        """`tokens`: the tokens that the encoder yields are to be kept."""
        self._catalog = catalog
        self._encoder = encoder
        self._encoder_row = encoder_row
        self._report = report
        self._tokens = tokens
        self._gathered: list[_Gathered] = []
        self._digests: set[bytes] = set()  # of the photographs that were encoded among them
        self._written = -math.inf

    def __enter__(self) -> Ingest:
        return self

    def __exit__(self, *_: object) -> None:
        """Keep what was encoded, whatever ended the run."""
        self.flush()

    def add(self, prepared: Sequence[Prepared]) -> None:
        """Encode the new photographs among `prepared`, and write what has gathered when that is due.

        Item ids follow the order in which files are added. Use as a context manager, or `flush` in the end.
        """
        images = self._images(prepared)
        vectors = rows_of(encode_images(self._encoder, [pixels for _, pixels in images], tokens=self._tokens))
        encoded = dict(zip((position for position, _ in images), vectors, strict=True))
        self._gathered += [(_without_pixels(one), encoded.get(position)) for position, one in enumerate(prepared)]
        if len(self._gathered) >= FILES_A_COMMIT or time.monotonic() - self._written >= SECONDS_A_COMMIT:
            self.flush()

    def flush(self) -> None:
        """Encode the new texts of what has gathered and write it all, in one transaction."""
        gathered, self._gathered = self._gathered, []
        self._digests.clear()
        if gathered:
            self.store_texts(text for one, _ in gathered for text, _ in _texts_of(one))
            with self._catalog.batch() as batch:
                parts = [(files, self._write(batch, files)) for files in _distinct(gathered)]
            for files, current in parts:  # counted when they are kept
                for one, encoded in files:
                    self._count(one, one.candidate not in current)
                    self._report.tokens_added += isinstance(one, KnownImage) and encoded is not None
        self._written = time.monotonic()

    def commit(self, prepared: Sequence[Prepared]) -> None:
        """`add` and `flush`."""
        self.add(prepared)
        self.flush()

    def store_texts(self, texts: Iterable[str]) -> None:
        """Encode the texts that have no vector yet, or lack tokens that are wanted, and write what is missing."""
        digests = {text_digest(text): text for text in texts}
        if not digests:
            return
        with self._catalog.snapshot() as snapshot:
            known = Contents(snapshot).with_vectors(list(digests), self._encoder_row)
            complete = set(known)
            if self._tokens:
                complete &= Contents(snapshot).with_tokens(list(digests), self._encoder_row)
        missing = [(digest, text) for digest, text in digests.items() if digest not in complete]
        for start in range(0, len(missing), TEXTS_A_BATCH):
            chunk = missing[start : start + TEXTS_A_BATCH]
            encoded = rows_of(encode_texts(self._encoder, [text for _, text in chunk], tokens=self._tokens))
            with self._catalog.batch() as batch:
                kinds: dict[bytes, Kind] = {digest: "text" for digest, _ in chunk}
                contents = Contents(batch).add(kinds)
                self._keep(batch, {contents[digest]: one for (digest, _), one in zip(chunk, encoded, strict=True)})
            added = sum(digest in known for digest, _ in chunk)
            self._report.texts += len(chunk) - added
            self._report.tokens_added += added

    def _images(self, prepared: Sequence[Prepared]) -> list[tuple[int, Pixels]]:
        """What to encode, by its position, with its pixels; copies of one photograph are encoded once."""
        lacking = {one.content_id for one in prepared if isinstance(one, KnownImage) and one.pixels is not None}
        if lacking:
            with self._catalog.snapshot() as snapshot:  # some may have got theirs since they were prepared
                lacking -= Tokens(snapshot).present(list(lacking), self._encoder_row)
        images: list[tuple[int, Pixels]] = []
        for position, one in enumerate(prepared):
            if not isinstance(one, NewImage | KnownImage) or one.pixels is None or one.digest in self._digests:
                continue
            if isinstance(one, NewImage) or one.content_id in lacking:
                self._digests.add(one.digest)
                images.append((position, one.pixels))
        return images

    def _keep(self, batch: Transaction, encoded: Mapping[int, _Row]) -> None:
        """Store vectors and tokens by content; a vector that is there stays."""
        Vectors(batch).add(self._encoder_row, {number: vector for number, (vector, _) in encoded.items()})
        tokens = {number: tokens for number, (_, tokens) in encoded.items() if tokens is not None}
        Tokens(batch).add(self._encoder_row, tokens)

    def _write(self, batch: Transaction, files: Sequence[_Gathered]) -> set[Candidate]:
        """Write files of distinct paths.

        Returns those that were read for their tokens only: no search could see a change.
        """
        contents = Contents(batch).add(_contents(files))
        images = [(one, encoded) for one, encoded in files if isinstance(one, NewImage | KnownImage)]
        numbers = {
            image.digest: contents[image.digest] if isinstance(image, NewImage) else image.content_id
            for image, _ in images
        }
        Photographs(batch).save(
            {numbers[image.digest]: image.metadata for image, _ in images if isinstance(image, NewImage)}
        )
        self._keep(batch, {numbers[image.digest]: encoded for image, encoded in images if encoded is not None})
        failed = [one for one, _ in files if isinstance(one, Failed)]
        Files(batch).fail([FileFailure(one.candidate, one.reason, one.passing) for one in failed])
        known = [image for image, _ in images if isinstance(image, KnownImage)]
        current = Files(batch).current({image.candidate: image.content_id for image in known})
        records: list[FileRecord] = []
        wanted: list[list[Wanted]] = []
        for one, _ in files:
            texts = [(contents[text_digest(text)], about, text) for text, about in _texts_of(one)]
            items: list[Wanted] = [("text", *text) for text in texts]
            if isinstance(one, CaptionFile):
                records.append(FileRecord(one.candidate, "captions", digest=one.digest))
            elif isinstance(one, Ignored) and one.remember:
                records.append(FileRecord(one.candidate, "other"))
            elif isinstance(one, NewImage | KnownImage) and one.candidate not in current:
                number = numbers[one.digest]
                records.append(FileRecord(one.candidate, "image", content_id=number, digest=one.digest))
                items.insert(0, ("image", number, None, None))
            else:
                continue
            wanted.append(items)
        Items(batch).set_of_files(dict(zip(Files(batch).save(records), wanted, strict=True)))
        self._reread(batch, {image.content_id: image.metadata for image in known if image.reread and image.metadata})
        return current

    def _reread(self, batch: Transaction, said: Mapping[int, Metadata]) -> None:
        """What a newer reader found photographs to say of themselves, to all files that hold them."""
        changed: list[int] = []
        for content_id, metadata in said.items():
            kept = Photographs(batch).get(content_id)
            if kept is None or _own_texts(kept.metadata) != _own_texts(metadata):
                changed.append(content_id)
        Photographs(batch).save(said)
        contents = Contents(batch).add({text_digest(text): "text" for one in changed for text in _own_texts(said[one])})
        wanted: dict[int, list[Wanted]] = {}
        for file_id, path, content_id in Files(batch).holding(changed):
            texts = _own_texts(said[content_id])
            wanted[file_id] = [("image", content_id, None, None)]
            wanted[file_id] += [("text", contents[text_digest(text)], path, text) for text in texts]
        Items(batch).set_of_files(wanted)

    def _count(self, one: Prepared, changed: bool) -> None:
        report = self._report
        if isinstance(one, Failed):
            report.failures.append(Failure(one.candidate.path, one.reason))
        elif isinstance(one, Ignored):
            report.ignored += 1
        elif isinstance(one, CaptionFile):
            report.caption_files += 1
            for problem in one.problems:
                if len(report.warnings) < MAX_WARNINGS:
                    report.warnings.append(f"{os.path.basename(one.candidate.path)}: {problem}")
        elif isinstance(one, KnownImage):
            if changed:
                report.reused += 1
            else:
                report.unchanged += 1
        else:
            report.encoded += 1


def rows_of(encoded: Encoded) -> list[_Row]:
    """One by one, in their order."""
    tokens = [None] * len(encoded.vectors) if encoded.tokens is None else encoded.tokens
    return list(zip(encoded.vectors, tokens, strict=True))


def text_digest(text: str) -> bytes:
    """The identity of a text's content; the prefix keeps it apart from any file's."""
    return hashlib.sha256(b"text\0" + text.encode("utf-8", "surrogatepass")).digest()


def _without_pixels(one: Prepared) -> Prepared:
    """What is written of a file; pixels are two hundred kilobytes."""
    if isinstance(one, NewImage):
        return replace(one, pixels=_NO_PIXELS)
    return replace(one, pixels=None) if isinstance(one, KnownImage) and one.pixels is not None else one


def _distinct(files: Sequence[_Gathered]) -> Iterator[list[_Gathered]]:
    """`files` in order, in pieces within which no path comes twice: nearly always one."""
    piece: dict[str, _Gathered] = {}
    for one, encoded in files:
        if one.candidate.path in piece:
            yield list(piece.values())
            piece = {}
        piece[one.candidate.path] = one, encoded
    yield list(piece.values())


def _contents(files: Sequence[_Gathered]) -> dict[bytes, Kind]:
    """The contents that the files bring, in their order, but for photographs that have a row."""
    kinds: dict[bytes, Kind] = {}
    for one, _ in files:
        if isinstance(one, NewImage):
            kinds[one.digest] = "image"
        kinds.update((text_digest(text), "text") for text, _ in _texts_of(one))
    return kinds


def _texts_of(one: Prepared) -> list[tuple[str, str | None]]:
    """(text, path of the image that it is about) of a prepared file."""
    if isinstance(one, CaptionFile):
        return [(caption.text, caption.about) for caption in one.captions]
    if isinstance(one, NewImage | KnownImage) and one.metadata is not None:
        return [(text, one.candidate.path) for text in _own_texts(one.metadata)]
    return []


def _own_texts(metadata: Metadata) -> list[str]:
    keywords = ", ".join(metadata.keywords)
    return [*metadata.captions, *([keywords] if keywords else [])]
