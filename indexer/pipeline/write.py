"""Last stage: encoded files into the catalog, in one transaction a batch."""

from __future__ import annotations

import os
from array import array
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from indexer.catalog.catalog import Catalog
from indexer.catalog.claims import Claims
from indexer.catalog.contents import Contents
from indexer.catalog.files import Comparison, FileFailure, FileRecord, Files
from indexer.catalog.items import Items, Wanted
from indexer.catalog.meta import SWEEP, Meta
from indexer.catalog.photographs import Photographs
from indexer.catalog.tokens import Tokens
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.files.kinds import suffix_of
from indexer.pipeline.values import (
    CaptionFile,
    EncodedFile,
    EncodedText,
    Failed,
    Ignored,
    KnownImage,
    NewImage,
    Prepared,
    own_texts,
    texts_of,
)
from indexer.text import one_line, text_digest
from indexer.types import Candidate, Failure, Kind, Metadata, Report

#: Warnings that a report keeps; a captions file can have a problem in each of a million lines.
MAX_WARNINGS = 100


@dataclass(slots=True)
class Found:
    """What came to new paths: `reused`, row ids of the photographs that were known from others; `places`, the folders
    of all photographs; `back`, the paths of those that had been forgotten, and `back_in`, the folders of those that may
    have been; `tables`, the captions files that were read."""

    reused: array[int] = field(default_factory=lambda: array("q"))
    places: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    back: set[str] = field(default_factory=set)
    back_in: set[str] = field(default_factory=set)

    def add(self, other: Found) -> None:
        """Also what another has found."""
        self.reused.extend(other.reused)
        self.places |= other.places
        self.tables |= other.tables
        self.back |= other.back
        self.back_in |= other.back_in


class Writer:
    """Writes what one encoder has encoded, and counts it in a report. `verify`: see `run`; `forgotten`: what was when
    the run began; `claimed_by`: the number of the run that has the files in hand, where several write at once."""

    def __init__(
        self,
        catalog: Catalog,
        encoder_row: int,
        report: Report,
        *,
        verify: bool = False,
        forgotten: Container[str] = (),
        claimed_by: int | None = None,
    ) -> None:
        self._catalog = catalog
        self._claimed_by = claimed_by
        self._encoder_row = encoder_row
        self._report = report
        self._verify = verify
        self._forgotten = forgotten
        self.found = Found()

    def write(self, files: Sequence[EncodedFile]) -> None:
        """Write files in one transaction; item ids follow their order. Their texts are written already."""
        with self._catalog.batch() as batch:
            parts = [(piece, self._write(batch, piece)) for piece in _distinct(files)]
            if self._claimed_by is not None:
                Claims(batch).give_up(self._claimed_by, {one.file.candidate.path for one in files})
        for piece, compared in parts:  # counted when they are kept
            self._report.altered += compared.altered
            for one in piece:
                self._count(one.file, one.file.candidate.path not in compared.current)
                self._report.tokens_added += isinstance(one.file, KnownImage) and one.vector is not None

    def write_texts(self, texts: Sequence[EncodedText], known: set[bytes]) -> None:
        """Write texts in one transaction; `known`: the digests of those that had vectors, and lacked tokens only."""
        with self._catalog.batch() as batch:
            contents = Contents(batch).add({text.digest: "text" for text in texts})
            Meta(batch).set(SWEEP, "due")  # their items come later, or never
            self._keep(batch, {contents[text.digest]: text for text in texts})
        added = sum(text.digest in known for text in texts)
        self._report.texts += len(texts) - added
        self._report.tokens_added += added

    def _keep(self, batch: Transaction, encoded: Mapping[int, EncodedFile | EncodedText]) -> None:
        """Store vectors and tokens by content; a vector that is there stays."""
        vectors = {number: one.vector for number, one in encoded.items() if one.vector is not None}
        Vectors(batch).add(self._encoder_row, vectors)
        tokens = {number: one.tokens for number, one in encoded.items() if one.tokens is not None}
        Tokens(batch).add(self._encoder_row, tokens)

    def _write(self, batch: Transaction, files: Sequence[EncodedFile]) -> Comparison:
        """Write files of distinct paths. Returns how they compare with what was recorded; what was `current` was read
        for its tokens, or because its status had changed, or failed as before: no search could see a difference.
        """
        contents = Contents(batch).add(_contents(files))
        images = [(one.file, one) for one in files if isinstance(one.file, NewImage | KnownImage)]
        numbers = {
            image.digest: contents[image.digest] if isinstance(image, NewImage) else image.content_id
            for image, _ in images
        }
        Photographs(batch).save(
            {numbers[image.digest]: image.metadata for image, _ in images if isinstance(image, NewImage)}
        )
        self._keep(batch, {numbers[image.digest]: one for image, one in images if one.vector is not None})
        failed = [one.file for one in files if isinstance(one.file, Failed)]
        failures = [FileFailure(one.candidate, one_line(one.reason), one.passing) for one in failed]
        failed_before = Files(batch).fail(failures)
        records = {
            one.candidate.path: record for one in (each.file for each in files) if (record := _record(one, numbers))
        }
        compared = Files(batch).compare(list(records.values()), any_status=self._verify)
        new = {one.file.candidate.path for one in files if isinstance(one.file, NewImage)}
        current = {path: number for path, number in compared.current.items() if path not in new}
        Files(batch).set_ctimes(
            {
                number: ctime_ns
                for path, number in current.items()
                if (ctime_ns := records[path].candidate.ctime_ns) is not None
            }
        )
        changed = [record for path, record in records.items() if path not in current]
        saved = zip(changed, Files(batch).save(changed), strict=True)
        file_ids = current | {record.candidate.path: number for record, number in saved}
        wanted: dict[int, list[Wanted]] = {}
        for one in (each.file for each in files):
            path = one.candidate.path
            if path not in records or (path in current and not isinstance(one, CaptionFile)):
                continue
            items: list[Wanted] = []
            if isinstance(one, NewImage | KnownImage):
                items.append(("image", numbers[one.digest], None, None))
            items += [("text", contents[text_digest(text)], about, text) for text, about in texts_of(one)]
            wanted[file_ids[path]] = items
        Items(batch).set_of_files(wanted, set(current.values()))
        known = [image for image, _ in images if isinstance(image, KnownImage)]
        self._reread(batch, {image.content_id: image.metadata for image in known if image.reread and image.metadata})
        return Comparison(current | failed_before, compared.altered)

    def _reread(self, batch: Transaction, said: Mapping[int, Metadata]) -> None:
        """What a newer reader found photographs to say of themselves, to all files that hold them."""
        changed: list[int] = []
        for content_id, metadata in said.items():
            kept = Photographs(batch).get(content_id)
            if kept is None or own_texts(kept.metadata) != own_texts(metadata):
                changed.append(content_id)
        Photographs(batch).save(said)
        contents = Contents(batch).add({text_digest(text): "text" for one in changed for text in own_texts(said[one])})
        wanted: dict[int, list[Wanted]] = {}
        for file_id, path, content_id in Files(batch).holding(changed):
            texts = own_texts(said[content_id])
            wanted[file_id] = [("image", content_id, None, None)]
            wanted[file_id] += [("text", contents[text_digest(text)], path, text) for text in texts]
        Items(batch).set_of_files(wanted)

    def _count(self, one: Prepared, changed: bool) -> None:
        report = self._report
        if isinstance(one, Failed):
            if changed:
                report.failures.append(Failure(one.candidate.path, one_line(one.reason)))
            else:
                report.known_failures += 1
        elif isinstance(one, Ignored):
            if changed:
                report.ignored += 1
                suffix = suffix_of(one.candidate.path)
                report.left_out[suffix] = report.left_out.get(suffix, 0) + 1
            else:
                report.unchanged += 1
        elif isinstance(one, CaptionFile):
            self.found.tables.add(one.candidate.path)
            if changed and one.said is not None:
                report.sidecars += 1
            elif changed:
                report.caption_files += 1
            else:
                report.unchanged += 1
            self._warn(one.candidate, one.problems)
        elif isinstance(one, KnownImage):
            if changed:
                report.reused += 1
                self.found.reused.append(one.content_id)
                self._note_place(one.candidate.path)
            else:
                report.unchanged += 1
        else:
            report.encoded += 1
            self._note_place(one.candidate.path)
            self._warn(one.candidate, [] if one.problem is None else [one.problem])

    def _note_place(self, path: str) -> None:
        self.found.places.add(os.path.dirname(path))
        if path in self._forgotten:
            self.found.back.add(path)

    def _warn(self, candidate: Candidate, problems: Sequence[str]) -> None:
        for problem in problems:
            if len(self._report.warnings) < MAX_WARNINGS:
                self._report.warnings.append(f"{os.path.basename(candidate.path)}: {problem}")


def _record(one: Prepared, numbers: Mapping[bytes, int]) -> FileRecord | None:
    """What is recorded of a file; `numbers`: row ids of contents by their digests."""
    match one:
        case NewImage() | KnownImage():
            return FileRecord(one.candidate, "image", content_id=numbers[one.digest], digest=one.digest)
        case CaptionFile():
            return FileRecord(one.candidate, "captions", digest=one.digest, said=one.said, about=one.about)
        case Ignored():
            return FileRecord(one.candidate, "other", settled=one.settled)
    return None


def _distinct(files: Sequence[EncodedFile]) -> Iterator[list[EncodedFile]]:
    """`files` in order, in pieces within which no path comes twice: nearly always one."""
    piece: dict[str, EncodedFile] = {}
    for one in files:
        path = one.file.candidate.path
        if path in piece:
            yield list(piece.values())
            piece = {}
        piece[path] = one
    yield list(piece.values())


def _contents(files: Sequence[EncodedFile]) -> dict[bytes, Kind]:
    """The contents that the files bring, in their order, but for photographs that have a row."""
    kinds: dict[bytes, Kind] = {}
    for one in (each.file for each in files):
        if isinstance(one, NewImage):
            kinds[one.digest] = "image"
        kinds.update((text_digest(text), "text") for text, _ in texts_of(one))
    return kinds
