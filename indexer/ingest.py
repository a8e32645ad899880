"""Prepared files into the catalog: encode what is new, then one transaction a batch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from indexer.catalog.batch import Batch
from indexer.catalog.catalog import Catalog
from indexer.catalog.files import FileFailure, FileRecord, Wanted
from indexer.encoders.base import Encoder, TokenEncoder
from indexer.prepare import CaptionFile, Failed, Ignored, KnownImage, NewImage, Prepared
from indexer.types import Failure, Float32, Int8, Kind, Metadata, Pixels, Report

#: Texts of one transaction, where a file brings many.
TEXTS_A_BATCH = 512
#: Warnings that a report keeps; a captions file can have a problem in each of a million lines.
MAX_WARNINGS = 100

#: A vector (d,) float32, unit norm, and tokens (t, w) int8 where they are kept.
_Encoded = tuple[Float32, Int8 | None]


class Ingest:
    """Writes batches of prepared files under one encoder, and counts them in a report."""

    def __init__(
        self,
        catalog: Catalog,
        encoder: Encoder,
        encoder_row: int,
        report: Report,
        tokens: TokenEncoder | None = None,
    ) -> None:
        """`tokens`: the same encoder, when the tokens that it yields are to be kept."""
        self._catalog = catalog
        self._encoder = encoder
        self._encoder_row = encoder_row
        self._report = report
        self._tokens = tokens

    def commit(self, prepared: Sequence[Prepared]) -> None:
        """Encode the new photographs and texts among `prepared` and write it all; item ids follow its order."""
        images = self._images(prepared)
        encoded = dict(zip((id(one) for one, _ in images), self._encode_images([p for _, p in images]), strict=True))
        self.store_texts(text for one in prepared for text, _ in _texts_of(one))
        with self._catalog.batch() as batch:
            current = {id(one) for part in _distinct(prepared) for one in self._write(batch, part, encoded)}
        for one in prepared:  # counted when they are kept
            self._count(one, id(one) not in current)
        self._report.tokens_added += sum(isinstance(one, KnownImage) for one, _ in images)

    def store_texts(self, texts: Iterable[str]) -> None:
        """Encode the texts that have no vector yet, or lack tokens that are wanted, and write what is missing."""
        digests = {text_digest(text): text for text in texts}
        if not digests:
            return
        with self._catalog.snapshot() as snapshot:
            known = snapshot.contents_known(list(digests), self._encoder_row)
            complete = set(known)
            if self._tokens is not None:
                complete &= snapshot.contents_with_tokens(list(digests), self._encoder_row)
        missing = [(digest, text) for digest, text in digests.items() if digest not in complete]
        for start in range(0, len(missing), TEXTS_A_BATCH):
            chunk = missing[start : start + TEXTS_A_BATCH]
            encoded = self._encode_texts([text for _, text in chunk])
            with self._catalog.batch() as batch:
                kinds: dict[bytes, Kind] = {digest: "text" for digest, _ in chunk}
                contents = batch.add_contents(kinds)
                self._keep(batch, {contents[digest]: one for (digest, _), one in zip(chunk, encoded, strict=True)})
            added = sum(digest in known for digest, _ in chunk)
            self._report.texts += len(chunk) - added
            self._report.tokens_added += added

    def _images(self, prepared: Sequence[Prepared]) -> list[tuple[NewImage | KnownImage, Pixels]]:
        """What to encode, with its pixels; copies of one photograph get tokens once."""
        images: list[tuple[NewImage | KnownImage, Pixels]] = []
        lacking = {one.content_id for one in prepared if isinstance(one, KnownImage) and one.pixels is not None}
        if lacking:
            with self._catalog.snapshot() as snapshot:  # some may have got theirs since they were prepared
                lacking = {number for number in lacking if not snapshot.has_tokens(number, self._encoder_row)}
        for one in prepared:
            if isinstance(one, NewImage):
                images.append((one, one.pixels))
            elif isinstance(one, KnownImage) and one.pixels is not None and one.content_id in lacking:
                lacking.remove(one.content_id)
                images.append((one, one.pixels))
        return images

    def _encode_images(self, images: Sequence[Pixels]) -> list[_Encoded]:
        """In the order of `images`. Full batches only: the last bits may depend on a batch's size."""
        identity = self._encoder.identity
        size = self._encoder.batch_size
        encoded: list[_Encoded] = []
        pixels = np.zeros(
            (size, identity.preprocessing.height, identity.preprocessing.width, 3), np.uint8
        )  # (b, h, w, 3)
        for start in range(0, len(images), size):
            chunk = images[start : start + size]
            for row, image in enumerate(chunk):
                pixels[row] = image
            pixels[len(chunk) :] = 0
            if self._tokens is None:
                encoded += [(vector, None) for vector in self._encoder.encode_images(pixels)[: len(chunk)]]
            else:
                vectors, tokens = self._tokens.encode_images_with_tokens(pixels)
                encoded += list(zip(vectors, tokens, strict=True))[: len(chunk)]
        return encoded

    def _encode_texts(self, texts: Sequence[str]) -> list[_Encoded]:
        """In the order of `texts`; full batches only, for the same reason."""
        size = self._encoder.text_batch_size
        encoded: list[_Encoded] = []
        for start in range(0, len(texts), size):
            chunk = list(texts[start : start + size])
            padded = chunk + [""] * (size - len(chunk))
            if self._tokens is None:
                encoded += [(vector, None) for vector in self._encoder.encode_texts(padded)[: len(chunk)]]
            else:
                vectors, tokens = self._tokens.encode_texts_with_tokens(padded)
                encoded += list(zip(vectors, tokens, strict=True))[: len(chunk)]
        return encoded

    def _keep(self, batch: Batch, encoded: Mapping[int, _Encoded]) -> None:
        """Store vectors and tokens by content; a vector that is there stays."""
        batch.add_vectors(self._encoder_row, {number: vector for number, (vector, _) in encoded.items()})
        tokens = {number: tokens for number, (_, tokens) in encoded.items() if tokens is not None}
        batch.add_tokens_of(self._encoder_row, tokens)

    def _write(self, batch: Batch, prepared: Sequence[Prepared], encoded: Mapping[int, _Encoded]) -> list[Prepared]:
        """Write files of distinct paths; `encoded` by `id` of the file.

        Returns those that were read for their tokens only: no search could see a change.
        """
        contents = batch.add_contents(_contents(prepared))
        images = [one for one in prepared if isinstance(one, NewImage | KnownImage)]
        numbers = {id(one): contents[one.digest] if isinstance(one, NewImage) else one.content_id for one in images}
        batch.set_photos({numbers[id(one)]: one.metadata for one in images if isinstance(one, NewImage)})
        kept: dict[int, _Encoded] = {}
        for image in images:
            if id(image) in encoded:
                kept.setdefault(numbers[id(image)], encoded[id(image)])
        self._keep(batch, kept)
        batch.fail_files(
            [FileFailure(one.candidate, one.reason, one.passing) for one in prepared if isinstance(one, Failed)]
        )
        current = batch.current({one.candidate: one.content_id for one in images if isinstance(one, KnownImage)})
        records: list[FileRecord] = []
        wanted: list[list[Wanted]] = []
        for one in prepared:
            items: list[Wanted] = [("text", contents[text_digest(text)], about, text) for text, about in _texts_of(one)]
            if isinstance(one, CaptionFile):
                records.append(FileRecord(one.candidate, "captions", digest=one.digest))
            elif isinstance(one, Ignored) and one.remember:
                records.append(FileRecord(one.candidate, "other"))
            elif isinstance(one, NewImage | KnownImage) and one.candidate not in current:
                number = numbers[id(one)]
                records.append(FileRecord(one.candidate, "image", content_id=number, digest=one.digest))
                items.insert(0, ("image", number, None, None))
            else:
                continue
            wanted.append(items)
        batch.set_items_of(dict(zip(batch.set_files(records), wanted, strict=True)))
        return [one for one in images if isinstance(one, KnownImage) and one.candidate in current]

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


def text_digest(text: str) -> bytes:
    """The identity of a text's content; the prefix keeps it apart from any file's."""
    return hashlib.sha256(b"text\0" + text.encode("utf-8", "surrogatepass")).digest()


def _distinct(prepared: Sequence[Prepared]) -> Iterator[list[Prepared]]:
    """`prepared` in order, in pieces within which no path comes twice: nearly always one."""
    piece: dict[str, Prepared] = {}
    for one in prepared:
        if one.candidate.path in piece:
            yield list(piece.values())
            piece = {}
        piece[one.candidate.path] = one
    yield list(piece.values())


def _contents(prepared: Sequence[Prepared]) -> dict[bytes, Kind]:
    """The contents that the files bring, in their order, but for photographs that have a row."""
    kinds: dict[bytes, Kind] = {}
    for one in prepared:
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
