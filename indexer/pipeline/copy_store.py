"""What one store has, taken into another of the same encoder: ids are new, everything else stays as it is. Photographs
need not be there, and none is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from indexer import types
from indexer.catalog.catalog import Catalog
from indexer.catalog.contents import Contents
from indexer.catalog.encoders import Encoders
from indexer.catalog.exclusions import Exclusions
from indexer.catalog.files import FileRecord, Files
from indexer.catalog.items import Items, Wanted
from indexer.catalog.meta import IGNORE_RULES, Meta
from indexer.catalog.moves import Moves, is_in
from indexer.catalog.photographs import Photographs
from indexer.catalog.roots import Roots
from indexer.catalog.schema import FORGOTTEN, HIDDEN
from indexer.catalog.tokens import Tokens
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.catalog.whole_files import WholeFile, WholeFiles
from indexer.encoders.base import EncoderId, TokenShape
from indexer.files.inherited import inherited
from indexer.files.scope import is_below, nearest, relative
from indexer.pipeline.forgotten import ForgottenPaths
from indexer.progress import Progress

#: Files of one transaction.
PAGE = 500


@dataclass(slots=True)
class Copied:
    """How many `files` came, with so many `images` and `texts`; `known`: files that were there already, and those that
    had been forgotten there."""

    files: int = 0
    images: int = 0
    texts: int = 0
    known: int = 0


class StoreCopy:
    """From the catalog `source` into `target`, which has the same encoder; `folder`: only what lies at and below it.
    Again after a kill, it goes on where it was."""

    def __init__(self, source: Catalog, target: Catalog, folder: str | None = None) -> None:
        self._source = source
        self._target = target
        self._folder = folder
        self.copied = Copied()
        self._forgotten = ForgottenPaths(target)
        self._left: list[FileRecord] = []  # what was forgotten there, and captions name
        with source.snapshot() as snapshot:
            self._from, self._identity = Encoders(snapshot).required()
            shape, wanted = Tokens(snapshot).shape(self._from), Tokens(snapshot).wanted
        self._to, self._width = self._prepare(target, self._identity, shape, wanted=wanted)

    def _prepare(
        self, target: Catalog, identity: EncoderId, shape: TokenShape | None, *, wanted: bool
    ) -> tuple[int, int | None]:
        """Row id of the encoder there, and the width of tokens where they are copied."""
        with target.batch() as batch:
            active = Encoders(batch).active()
            if active is None:
                row = Encoders(batch).add(identity)
                Encoders(batch).activate(row)
                Meta(batch).set(IGNORE_RULES, "gitignore")
                Tokens(batch).want(wanted)
            else:
                row = active[0]
            there = Tokens(batch).shape(row)
            if shape is not None and there is None:
                Tokens(batch).set_shape(row, shape)
                there = shape
        return row, None if shape is None or there != shape else shape.width

    def run(self, progress: Progress) -> Copied:
        """All of it, a few hundred files a transaction."""
        self._copy_roots()
        after = 0
        while True:
            with self._source.snapshot() as snapshot:
                found, after = WholeFiles(snapshot).page(after, PAGE, self._folder)
                if not found:
                    break
                self._left += [one.record for one in found if one.record.state == FORGOTTEN]
                found = [one for one in found if one.record.state != FORGOTTEN]
                with self._target.batch() as batch:
                    wanted = [_without(one, self._forgotten) for one in found]
                    wanted = [one for one in wanted if one.record.candidate.path not in self._forgotten]
                    kept = self._new(batch, wanted)
                    self._copy(snapshot, batch, kept)
                    new = {one.record.candidate.path for one in kept}
                    self._add_texts(snapshot, batch, [one for one in wanted if one.record.candidate.path not in new])
            self.copied.files += len(kept)
            self.copied.known += len(found) - len(kept)
            progress.advance(len(found))
        return self.copied

    def _new(self, batch: Transaction, files: list[WholeFile]) -> list[WholeFile]:
        """Those that are not there yet, or only as gone."""
        known = Moves(batch).known([one.record.candidate.path for one in files])
        return [
            one
            for one in files
            if one.record.candidate.path not in known
            or not (known[one.record.candidate.path] or one.record.state in HIDDEN)
        ]

    def _copy(self, snapshot: Transaction, batch: Transaction, files: list[WholeFile]) -> None:
        if files:
            places = self._copy_contents(snapshot, batch, files)
            self._save(batch, files, places)

    def _add_texts(self, snapshot: Transaction, batch: Transaction, files: list[WholeFile]) -> None:
        """To captions files that are there already what they say of photographs that came later, or with another
        store; where their contents are the same."""
        telling = {one.record.candidate.path: one for one in files if one.record.role == "captions" and one.items}
        there = WholeFiles(batch).at(list(telling))
        places = self._copy_contents(snapshot, batch, list(telling.values())) if there else {}
        wanted: dict[int, list[Wanted]] = {}
        for number, own in there.items():
            other = telling[own.record.candidate.path]
            new = [each for each in _items(other, places) if each not in own.items]
            if new and own.record.digest == other.record.digest:
                wanted[number] = [*own.items, *new]
                self.copied.texts += len(new)
        Items(batch).set_of_files(wanted)

    def _copy_contents(self, snapshot: Transaction, batch: Transaction, files: list[WholeFile]) -> dict[int, int]:
        """All that belongs to the contents of files; their row ids there by those here."""
        numbers = sorted(set().union(*(one.contents for one in files)))
        contents = WholeFiles(snapshot).contents(numbers)
        ids = Contents(batch).add(dict(contents.values()))
        places = {number: ids[digest] for number, (digest, _) in contents.items()}
        vectors = Vectors(snapshot).of_contents(numbers, self._from, self._identity.dimension)
        Vectors(batch).add(self._to, {places[number]: own for number, own in vectors.items() if number in places})
        if self._width is not None:
            tokens = Tokens(snapshot).of_contents(numbers, self._from, self._width)
            have = Tokens(batch).present(list(places.values()), self._to)
            new = {places[number]: own for number, own in tokens.items() if number in places}
            Tokens(batch).add(self._to, {number: own for number, own in new.items() if number not in have})
        photographs = {
            places[number]: kept.metadata
            for number, (_, kind) in contents.items()
            if kind == "image"
            and (kept := Photographs(snapshot).get(number)) is not None
            and kept.reader >= types.METADATA_READER
            and Photographs(batch).get(places[number]) is None
        }
        Photographs(batch).save(photographs)
        return places

    def _save(self, batch: Transaction, files: list[WholeFile], places: Mapping[int, int]) -> None:
        file_ids = Files(batch).save([_placed(one.record, places) for one in files])
        wanted: dict[int, list[Wanted]] = {}
        for number, one in zip(file_ids, files, strict=True):
            wanted[number] = _items(one, places)
            self.copied.images += sum(each[0] == "image" for each in wanted[number])
            self.copied.texts += sum(each[0] == "text" for each in wanted[number])
        Items(batch).set_of_files(wanted)

    def _copy_roots(self) -> None:
        """With their patterns; a folder that was a part of one has those of it."""
        with self._source.snapshot() as snapshot:
            roots = {row.path: row for row in Roots(snapshot).all()}
        chosen = {path: row.ignores for path, row in roots.items() if self._folder is None or is_in(path, self._folder)}
        around = None if self._folder is None or self._folder in roots else nearest(self._folder, roots)
        if around is not None and self._folder is not None:
            chosen[self._folder] = inherited(roots[around].ignores, relative(self._folder, around))
        with self._target.batch() as batch:
            there = {row.path for row in Roots(batch).all()}
            for path, patterns in chosen.items():
                if path not in there:
                    Roots(batch).add(path, patterns)
                    former = roots.get(path) or (None if around is None else roots[around])
                    if former is not None:
                        Moves(batch).set_scanned(path, former.scanned_at)
                        if former.mount is not None:
                            Moves(batch).remount(path, former.mount)

    def copy_forgotten(self) -> None:
        """What was forgotten in the one stays out of the other, unless that has it: when all is there that comes."""
        with self._source.snapshot() as snapshot:
            paths = [path for path in Exclusions(snapshot).all() if self._folder is None or is_in(path, self._folder)]
        with self._target.batch() as batch:
            there = Exclusions(batch).all()
            for path in paths:
                covered = any(path == one or is_below(path, one) for one in there)
                if not covered and not Moves(batch).present(path):
                    Exclusions(batch).add(path)
            known = Moves(batch).known([record.candidate.path for record in self._left])
            Files(batch).save([record for record in self._left if record.candidate.path not in known])


def _without(one: WholeFile, forgotten: ForgottenPaths) -> WholeFile:
    """Without texts about what was forgotten."""
    if not forgotten or not any(each[2] in forgotten for each in one.items):
        return one
    return replace(one, items=tuple(each for each in one.items if each[2] not in forgotten))


def _items(one: WholeFile, places: Mapping[int, int]) -> list[Wanted]:
    """With the row ids that their contents have there."""
    return [(kind, places[at], about, text) for kind, at, about, text in one.items if at in places]


def _placed(record: FileRecord, places: Mapping[int, int]) -> FileRecord:
    """With the row id that its content has there."""
    own = None if record.content_id is None else places.get(record.content_id)
    return replace(record, content_id=own)
