"""First stage: one file is read and hashed, and the catalog asked what is known of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from indexer import types
from indexer.catalog.catalog import Catalog
from indexer.catalog.contents import Contents
from indexer.catalog.files import Files
from indexer.catalog.photographs import Photographs
from indexer.catalog.tokens import Tokens
from indexer.errors import FileError, UnreadableFileError
from indexer.files import takeout
from indexer.files.captions import SIDECARS, is_caption_table, parse_captions_file, parse_sidecar, sidecar_image
from indexer.files.names import by_form
from indexer.images.decoder import read_file
from indexer.images.formats import refuse_head
from indexer.images.sniff import IMAGE_SUFFIXES, RAW_SUFFIXES, SNIFFED_BYTES, sniff
from indexer.memory_budget import ALONE, Share
from indexer.path_forms import composed
from indexer.pipeline.forgotten import ForgottenPaths
from indexer.pipeline.values import CaptionFile, Failed, Ignored, ImageBytes, KnownImage
from indexer.reach import reason
from indexer.settings import DecodeLimits
from indexer.storage.looking import names_in
from indexer.storage.named_files import TEXTS, NamedFiles
from indexer.storage.reading import beginning
from indexer.storage.storages import table_of
from indexer.text import clean_text, text_digest
from indexer.types import Candidate, Caption

#: A file from this size on is looked at before it is read: what is no image is not read whole.
_LARGE = 10_000_000
#: What a table of captions takes while it is read: so many times its size (measured for short ones:
#: 5.8, and the paths of the images).
_OF_TABLE = 10


class LookUp:
    """Files of one run. Safe to use from several threads.

    `tokens`: a photograph that was encoded before and has no tokens is to be decoded too. Texts about what was
    forgotten when this was made are left out.
    """

    def __init__(self, catalog: Catalog, encoder_row: int, limits: DecodeLimits, *, tokens: bool = False) -> None:
        self._forgotten = ForgottenPaths(catalog)
        self._catalog = catalog
        self._encoder_row = encoder_row
        self._limits = limits
        self._tokens = tokens
        self._names = lru_cache(maxsize=8)(names_in)  # folders whose sidecars are being looked at
        self._ordered = lru_cache(maxsize=8)(lambda folder: sorted(self._names(folder)))
        self._forms = lru_cache(maxsize=8)(lambda folder: by_form(self._names(folder)))

    def __call__(
        self, candidate: Candidate, share: Share = ALONE
    ) -> ImageBytes | KnownImage | CaptionFile | Ignored | Failed:
        """Never raises for a bad file: what is wrong with it is in the answer. Takes its memory from `share`."""
        try:
            return self._look_up(candidate, share)
        except UnreadableFileError as error:
            return Failed(candidate, str(error), passing=True)
        except FileError as error:
            return Failed(candidate, str(error), passing=False)

    def _look_up(self, candidate: Candidate, share: Share) -> ImageBytes | KnownImage | CaptionFile | Ignored:
        folder, name = os.path.split(candidate.path)
        suffix = os.path.splitext(name)[1].lower()
        if is_caption_table(name):
            if candidate.size > _LARGE:
                share.grow(_OF_TABLE * candidate.size, "reading its captions")
            data = read_file(candidate, self._limits, share)
            captions, problems = parse_captions_file(
                name, data, folder, without=self._forgotten, known=self._photographs
            )
            return CaptionFile(candidate, _digest(data), tuple(captions), tuple(problems))
        if name == TEXTS and (table := table_of(candidate.path)) is not None:
            return self._texts_of_table(candidate, table)
        if suffix in SIDECARS:
            image = sidecar_image(self._names(folder), name)
            if image is None and not name.isascii():
                forms = self._forms(folder)
                image = forms.get(sidecar_image(forms.keys(), composed(name)) or "")
            if image is None:
                return Ignored(candidate, settled=False)  # an image may come to stand beside it
            data = read_file(candidate, self._limits, share)
            about = os.path.join(folder, image)
            texts = () if about in self._forgotten else parse_sidecar(data)
            return CaptionFile(candidate, _digest(data), tuple(Caption(text, about) for text in texts), ())
        if suffix == takeout.SUFFIX and takeout.may_be_takeout(name) and candidate.size <= takeout.MAX_BYTES:
            return self._takeout(candidate, folder, name, share)
        if suffix in RAW_SUFFIXES:
            return Ignored(candidate, settled=True)
        if suffix not in IMAGE_SUFFIXES and sniff(_head(candidate.path)) is None:
            return Ignored(candidate, settled=True)
        return self._image(candidate, share)

    def _texts_of_table(self, candidate: Candidate, table: NamedFiles) -> CaptionFile:
        try:
            rows, fault = table.texts(candidate)
        except OSError as error:
            raise UnreadableFileError(f"it cannot be read ({reason(error)})") from error
        told = ((about, clean_text(text)) for about, text in rows if about not in self._forgotten)
        captions = tuple(dict.fromkeys(Caption(text, about) for about, text in told if text))
        digest = _digest(repr((candidate.size, candidate.mtime_ns, candidate.ctime_ns)).encode())
        return CaptionFile(candidate, digest, captions, (fault,) if fault else ())

    def _photographs(self, paths: Sequence[str]) -> set[str]:
        with self._catalog.snapshot() as snapshot:
            return Files(snapshot).photographs_at(paths)

    def _takeout(self, candidate: Candidate, folder: str, name: str, share: Share) -> CaptionFile | Ignored:
        image = takeout.takeout_image(self._ordered(folder), name)
        if image is None and not name.isascii():
            forms = self._forms(folder)
            image = forms.get(takeout.takeout_image(sorted(forms), composed(name)) or "")
        if image is None:
            return Ignored(candidate, settled=False)  # as above
        data = read_file(candidate, self._limits, share)
        found = takeout.parse_takeout(data)
        if found is None:
            return Ignored(candidate, settled=True)
        about = os.path.join(folder, image)
        if about in self._forgotten:
            return CaptionFile(candidate, _digest(data), (), ())
        captions = (Caption(found.description, about),) if found.description else ()
        return CaptionFile(candidate, _digest(data), captions, (), found.said, about)

    def _image(self, candidate: Candidate, share: Share) -> ImageBytes | KnownImage:
        if candidate.size > _LARGE:
            refuse_head(_head(candidate.path))
        data = read_file(candidate, self._limits, share)
        digest = _digest(data)
        found = known_image(self._catalog, self._encoder_row, candidate, digest, tokens=self._tokens)
        if found is None:
            return ImageBytes(candidate, digest, data)
        if not found.outdated and not found.lacking:
            return found.image
        return ImageBytes(candidate, digest, data, found.image, metadata=found.outdated, pixels=found.lacking)


class Known(NamedTuple):
    """A photograph whose content has a vector; `outdated`: what it says of itself is to be read again; `lacking`: it
    has no tokens, and they are wanted."""

    image: KnownImage
    outdated: bool
    lacking: bool


def known_image(
    catalog: Catalog, encoder_row: int, candidate: Candidate, digest: bytes, *, tokens: bool
) -> Known | None:
    """What the catalog knows of the content of a photograph; None where it has no vector of it."""
    with catalog.snapshot() as snapshot:
        content_id = Contents(snapshot).with_vectors([digest], encoder_row).get(digest)
        if content_id is None:
            return None
        kept = Photographs(snapshot).get(content_id)
        lacking = tokens and not Tokens(snapshot).present([content_id], encoder_row)
    known = KnownImage(candidate, digest, content_id, None if kept is None else kept.metadata)
    return Known(known, kept is None or kept.reader < types.METADATA_READER, lacking)


def look_up_texts(
    catalog: Catalog, encoder_row: int, texts: Iterable[str], *, tokens: bool
) -> tuple[dict[bytes, str], set[bytes]]:
    """The texts, by digest, that have no vector yet or lack `tokens`, in their order; and the digests that have one."""
    digests = {text_digest(text): text for text in texts}
    if not digests:
        return {}, set()
    with catalog.snapshot() as snapshot:
        known = set(Contents(snapshot).with_vectors(list(digests), encoder_row))
        complete = known & Contents(snapshot).with_tokens(list(digests), encoder_row) if tokens else known
    return {digest: text for digest, text in digests.items() if digest not in complete}, known


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _head(path: str) -> bytes:
    try:
        return beginning(path, SNIFFED_BYTES)
    except OSError as error:
        raise UnreadableFileError(f"it cannot be read ({error.strerror})") from error
