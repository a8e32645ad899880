"""Prepared files into the catalog: encode what is new, then one transaction a batch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence

import numpy as np

from indexer.catalog.batch import Batch
from indexer.catalog.catalog import Catalog
from indexer.encoders.base import Encoder
from indexer.prepare import CaptionFile, Failed, Ignored, KnownImage, NewImage, Prepared
from indexer.types import Failure, Float32, Kind, Metadata, Report

#: Texts of one transaction, where a file brings many.
TEXTS_A_BATCH = 512
#: Warnings that a report keeps; a captions file can have a problem in each of a million lines.
MAX_WARNINGS = 100


class Ingest:
    """Writes batches of prepared files under one encoder, and counts them in a report."""

    def __init__(self, catalog: Catalog, encoder: Encoder, encoder_row: int, report: Report) -> None:
        self._catalog = catalog
        self._encoder = encoder
        self._encoder_row = encoder_row
        self._report = report

    def commit(self, prepared: Sequence[Prepared]) -> None:
        """Encode the new photographs and texts among `prepared` and write it all; item ids follow its order."""
        images = [one for one in prepared if isinstance(one, NewImage)]
        vectors = self._encode_images(images)
        self.store_texts(text for one in prepared for text, _ in _texts_of(one))
        embedding_of = dict(zip((id(image) for image in images), vectors, strict=True))
        with self._catalog.batch() as batch:
            for one in prepared:
                self._write(batch, one, embedding_of.get(id(one)))
        for one in prepared:  # counted when they are kept
            self._count(one)

    def store_texts(self, texts: Iterable[str]) -> None:
        """Encode the texts that have no vector yet and write their vectors."""
        digests = {text_digest(text): text for text in texts}
        with self._catalog.snapshot() as snapshot:
            known = snapshot.contents_known(list(digests), self._encoder_row)
        missing = [(digest, text) for digest, text in digests.items() if digest not in known]
        for start in range(0, len(missing), TEXTS_A_BATCH):
            chunk = missing[start : start + TEXTS_A_BATCH]
            vectors = self._encode_texts([text for _, text in chunk])  # (n, d) float32
            with self._catalog.batch() as batch:
                for (digest, _), embedding in zip(chunk, vectors, strict=True):
                    batch.add_vector(batch.add_content(digest, "text"), self._encoder_row, embedding)
            self._report.texts += len(chunk)

    def _encode_images(self, images: Sequence[NewImage]) -> Float32:
        """(n, d) float32, unit norm. Full batches only: the last bits may depend on a batch's size."""
        identity = self._encoder.identity
        size = self._encoder.batch_size
        vectors = np.empty((len(images), identity.dimension), np.float32)  # (n, d)
        pixels = np.zeros(
            (size, identity.preprocessing.height, identity.preprocessing.width, 3), np.uint8
        )  # (b, h, w, 3)
        for start in range(0, len(images), size):
            chunk = images[start : start + size]
            for row, image in enumerate(chunk):
                pixels[row] = image.pixels
            pixels[len(chunk) :] = 0
            vectors[start : start + len(chunk)] = self._encoder.encode_images(pixels)[: len(chunk)]
        return vectors

    def _encode_texts(self, texts: Sequence[str]) -> Float32:
        """(n, d) float32, unit norm; full batches only, for the same reason."""
        size = self._encoder.text_batch_size
        vectors = np.empty((len(texts), self._encoder.identity.dimension), np.float32)  # (n, d)
        for start in range(0, len(texts), size):
            chunk = list(texts[start : start + size])
            padded = chunk + [""] * (size - len(chunk))
            vectors[start : start + len(chunk)] = self._encoder.encode_texts(padded)[: len(chunk)]
        return vectors

    def _write(self, batch: Batch, one: Prepared, embedding: Float32 | None) -> None:
        if isinstance(one, Failed):
            batch.fail_file(one.candidate, one.reason, keep=one.passing)
        elif isinstance(one, Ignored):
            if one.remember:
                batch.set_items(batch.set_file(one.candidate, role="other"), [])
        elif isinstance(one, CaptionFile):
            file_id = batch.set_file(one.candidate, role="captions", digest=one.digest)
            batch.set_items(file_id, self._text_items(batch, one))
        else:
            if embedding is None:
                assert isinstance(one, KnownImage)
                content_id = one.content_id
            else:
                assert isinstance(one, NewImage)
                content_id = batch.add_content(one.digest, "image")
                batch.add_vector(content_id, self._encoder_row, embedding)
                batch.set_photo(content_id, one.metadata)
            file_id = batch.set_file(one.candidate, role="image", content_id=content_id, digest=one.digest)
            image: tuple[Kind, int, str | None, str | None] = ("image", content_id, None, None)
            batch.set_items(file_id, [image, *self._text_items(batch, one)])

    def _text_items(self, batch: Batch, one: Prepared) -> list[tuple[Kind, int, str | None, str | None]]:
        return [("text", batch.add_content(text_digest(text), "text"), about, text) for text, about in _texts_of(one)]

    def _count(self, one: Prepared) -> None:
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
            report.reused += 1
        else:
            report.encoded += 1


def text_digest(text: str) -> bytes:
    """The identity of a text's content; the prefix keeps it apart from any file's."""
    return hashlib.sha256(b"text\0" + text.encode("utf-8", "surrogatepass")).digest()


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
