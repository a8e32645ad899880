"""Batches of files through the last two stages on one machine: what is new is encoded, and written by the hundred."""

from __future__ import annotations

import math
import time
from collections.abc import Container, Iterable, Sequence
from itertools import islice

from indexer.catalog.catalog import Catalog
from indexer.catalog.texts import Texts
from indexer.catalog.tokens import Tokens
from indexer.encoders.base import Encoder
from indexer.errors import SearchError, UnfitValueError
from indexer.pipeline.encode import encode_files, encode_texts, without_pixels
from indexer.pipeline.look_up import look_up_texts
from indexer.pipeline.values import EncodedFile, Failed, KnownImage, NewImage, Prepared, texts_of
from indexer.pipeline.write import Found, Writer
from indexer.types import Report

#: Texts of one transaction, where a file brings many.
TEXTS_A_BATCH = 512
#: Files are written together: a transaction of 16 costs 280 microseconds of the processor a file and a wait for the
#: disk, one of 128 costs 135, one of 512 costs 110. A run that is killed loses what it did in so many seconds.
FILES_A_COMMIT = 512
SECONDS_A_COMMIT = 0.5


class Ingest:
    """Encodes and writes files under one encoder, and counts them in a report.

    `tokens`: the tokens that the encoder yields are to be kept. `verify`: see `run`; `forgotten`,
    `claimed_by`: see `Writer`.
    """

    def __init__(
        self,
        catalog: Catalog,
        encoder: Encoder,
        encoder_row: int,
        report: Report,
        *,
        tokens: bool = False,
        verify: bool = False,
        forgotten: Container[str] = (),
        claimed_by: int | None = None,
    ) -> None:
        self._catalog = catalog
        self._encoder = encoder
        self._encoder_row = encoder_row
        self._tokens = tokens
        self._writer = Writer(catalog, encoder_row, report, verify=verify, forgotten=forgotten, claimed_by=claimed_by)
        self._gathered: list[EncodedFile] = []
        self._digests: set[bytes] = set()  # of the photographs that were encoded among them
        self._written = -math.inf

    def __enter__(self) -> Ingest:
        return self

    def __exit__(self, *_: object) -> None:
        """Keep what was encoded, whatever ended the run."""
        self.flush()

    @property
    def found(self) -> Found:
        """What was written at new paths."""
        return self._writer.found

    def add(self, files: Sequence[Prepared]) -> None:
        """Encode the new photographs among `files`, and write what has gathered when that is due.

        Item ids follow the order in which files are added. Use as a context manager, or `flush` in the end.
        """
        self.keep(encode_files(self._encoder, self._unencoded(files), tokens=self._tokens))

    def keep(self, files: Sequence[EncodedFile]) -> None:
        """Write what is encoded already, when that is due; otherwise as `add`."""
        self._gathered += files
        if len(self._gathered) >= FILES_A_COMMIT or time.monotonic() - self._written >= SECONDS_A_COMMIT:
            self.flush()

    def flush(self) -> None:
        """Encode the new texts of what has gathered and write it all, in one transaction."""
        gathered, self._gathered = self._gathered, []
        self._digests.clear()
        self._write(gathered)
        self._written = time.monotonic()

    def _write(self, files: Sequence[EncodedFile]) -> None:
        """Write files. Where one holds what cannot be written, that one is recorded as failed and the others are kept.

        Raises StoreError for what no other files would mend (a full disk), EncoderError.
        """
        if not files:
            return
        try:
            self.store_texts(text for one in files for text, _ in texts_of(one.file))
            self._writer.write(files)
        except SearchError as error:
            if not isinstance(error, UnfitValueError):
                raise
            self._write_without_culprit(files, error)
        except Exception as error:
            self._write_without_culprit(files, error)

    def _write_without_culprit(self, files: Sequence[EncodedFile], error: Exception) -> None:
        """Halves of what failed together, until the one is alone: twenty transactions for one of 512."""
        if len(files) > 1:
            middle = len(files) // 2
            self._write(files[:middle])
            self._write(files[middle:])
            return
        self._writer.write([EncodedFile(Failed.unexpected(files[0].file.candidate, error))])

    def commit(self, files: Sequence[Prepared]) -> None:
        """`add` and `flush`."""
        self.add(files)
        self.flush()

    def store_texts(self, texts: Iterable[str]) -> None:
        """Encode the texts that have no vector yet, or lack tokens that are wanted, and write what is missing."""
        missing, known = look_up_texts(self._catalog, self._encoder_row, texts, tokens=self._tokens)
        left = iter(missing.items())
        while chunk := dict(islice(left, TEXTS_A_BATCH)):
            self._writer.write_texts(encode_texts(self._encoder, chunk, tokens=self._tokens), known)

    def store_lacking_texts(self) -> None:
        """Also for the texts of unchanged files: under another encoder, after damage, or in a store older than tokens,
        they lack something."""
        with self._catalog.snapshot() as snapshot:
            missing = Texts(snapshot).to_encode(self._encoder_row, tokens=self._tokens)
        for start in range(0, len(missing), TEXTS_A_BATCH):
            with self._catalog.snapshot() as snapshot:
                texts = Texts(snapshot).of_contents(missing[start : start + TEXTS_A_BATCH])
            self.store_texts(texts)

    def _unencoded(self, files: Sequence[Prepared]) -> list[Prepared]:
        """The same files, pixels only with what is to be encoded: copies of one photograph are encoded once."""
        lacking = {one.content_id for one in files if isinstance(one, KnownImage) and one.pixels is not None}
        if lacking:
            with self._catalog.snapshot() as snapshot:  # some may have got theirs since they were looked up
                lacking -= Tokens(snapshot).present(list(lacking), self._encoder_row)
        return [one if self._is_new(one, lacking) else without_pixels(one) for one in files]

    def _is_new(self, one: Prepared, lacking: set[int]) -> bool:
        if not isinstance(one, NewImage | KnownImage) or one.pixels is None or one.digest in self._digests:
            return False
        if isinstance(one, KnownImage) and one.content_id not in lacking:
            return False
        self._digests.add(one.digest)
        return True
