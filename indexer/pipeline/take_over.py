"""Vectors that another program, or another store, has computed are taken over: photographs and texts come in as a run
would bring them, and nothing that has a vector is encoded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from indexer.catalog.contents import Contents
from indexer.catalog.encoders import Encoders
from indexer.catalog.meta import IGNORE_RULES, SWEEP, Meta
from indexer.catalog.roots import Roots
from indexer.catalog.tokens import Tokens
from indexer.catalog.transaction import Transaction
from indexer.catalog.vectors import Vectors
from indexer.encoders.answers import NORM_SLACK
from indexer.encoders.base import Encoder, TokenShape
from indexer.errors import FileError
from indexer.files.scope import is_below, nearest
from indexer.images.decoder import read_file
from indexer.images.embedded import orientation
from indexer.images.formats import open_image
from indexer.pipeline.decode import Decoder
from indexer.pipeline.forgotten import ForgottenPaths
from indexer.pipeline.ingest import Ingest
from indexer.pipeline.look_up import LookUp
from indexer.pipeline.read_ahead import read_ahead
from indexer.pipeline.run_encoder import choose_tokens, register
from indexer.pipeline.values import ImageBytes, Prepared
from indexer.progress import Progress
from indexer.reach import regular
from indexer.settings import IndexSettings
from indexer.store import Store
from indexer.text import text_digest
from indexer.types import Candidate, Float32, Int8, Report, in_64_bits
from indexer.vectors.refresh import build_indexes

#: Bytes that are hashed at once.
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class GivenImage:
    """A photograph of another program. What is known of its file: `digest`, the SHA-256 of its content, or else `size`
    and `mtime_ns`; None: nothing."""

    path: str
    digest: bytes | None = None
    size: int | None = None
    mtime_ns: int | None = None


@dataclass(slots=True)
class Taken:
    """How many `images` and `texts` came in with their vectors. Left out: photographs that are `gone`, that have
    `changed`, that lie `outside` of the folders or were forgotten, that are `turned` by their EXIF orientation, which
    the other program did not do, and vectors that are `damaged`. `tokens`: how many contents came with theirs."""

    images: int = 0
    texts: int = 0
    gone: int = 0
    changed: int = 0
    outside: int = 0
    turned: int = 0
    damaged: int = 0
    tokens: int = 0


@dataclass(slots=True)
class TakeOver:
    """Into `store`, whose write lock is held. `roots`: the folders, with patterns, that are indexed from now on, unless
    one of the store's holds them. `tokens`: the shape of those that come along; they are kept where the encoder's are
    of this shape and the store is new or keeps tokens. Raises EncoderMismatchError for a store of another encoder."""

    store: Store
    encoder: Encoder
    roots: Sequence[tuple[str, tuple[str, ...]]]
    tokens: TokenShape | None = None
    taken: Taken = field(default_factory=Taken)
    report: Report = field(default_factory=Report)
    keeps_tokens: bool = field(default=False, init=False)
    _row: int = 0
    _forgotten: ForgottenPaths | None = None

    def __post_init__(self) -> None:
        catalog = self.store.catalog
        with catalog.snapshot() as snapshot:
            is_new = Encoders(snapshot).active() is None
        self._row = register(self.store, self.encoder, reencode=False)
        fit = self.tokens is not None and self.tokens == self.encoder.token_shape
        self.keeps_tokens = choose_tokens(catalog, self.encoder, self._row, fit if is_new else None) and fit
        with catalog.batch() as batch:
            there = {row.path for row in Roots(batch).all()}
            for path, patterns in self.roots:
                if path not in there and nearest(path, there) is None:
                    Roots(batch).add(path, patterns)
            if is_new:
                Meta(batch).set(IGNORE_RULES, "gitignore")
        self._forgotten = ForgottenPaths(catalog)

    def add_texts(self, texts: Sequence[str], vectors: Float32, tokens: Sequence[Int8 | None]) -> None:
        """The vectors (n, d) float32 of texts that files of photographs and captions are going to bring, and their
        tokens (t, width), where there are some."""
        right = _unit(vectors)
        self.taken.damaged += int((~right).sum())
        digests = {text_digest(text): at for at, text in enumerate(texts) if right[at]}
        self._keep(digests, vectors, tokens, text=True)
        self.taken.texts += len(texts) - int((~right).sum())

    def add_images(
        self, images: Sequence[GivenImage], vectors: Float32, tokens: Sequence[Int8 | None], *, as_stored: bool
    ) -> None:
        """Photographs with their vectors (n, d) float32 and `tokens` as of texts: those whose files are there, and as
        they were. `as_stored`: what made the vectors saw pictures as they lie in their files, whatever their EXIF
        orientation says."""
        settings = IndexSettings()
        right = _unit(vectors)
        self.taken.damaged += int((~right).sum())
        wanted = [at for at in range(len(images)) if right[at] and self._is_inside(images[at].path)]
        self.taken.outside += int(right.sum()) - len(wanted)
        with ThreadPoolExecutor(settings.workers, thread_name_prefix="hash") as pool:
            found = list(pool.map(digest_as_given, (images[at] for at in wanted)))
            there = [images[at].path for at, digest in zip(wanted, found, strict=True) if digest and as_stored]
            turned = {path for path, is_so in zip(there, pool.map(is_turned, there), strict=True) if is_so}
        self.taken.gone += sum(one is None for one in found)
        self.taken.changed += sum(one == b"" for one in found)
        self.taken.turned += len(turned)
        both = zip(wanted, found, strict=True)
        kept = [(at, digest) for at, digest in both if digest and images[at].path not in turned]
        self._keep({digest: at for at, digest in kept}, vectors, tokens, text=False)
        failed = len(self.report.failures)
        self._read(images[at].path for at, _ in kept)
        self.taken.images += len(kept) - (len(self.report.failures) - failed)

    def add_captions(self, paths: Iterable[str]) -> None:
        """Files from which texts come; those that are gone are passed over."""
        self._read(path for path in paths if os.path.isfile(path) and self._is_inside(path))

    def finish(self, progress: Progress) -> list[str]:
        """All is there: the indexes are brought up to date. Returns what a person should know."""
        return build_indexes(self.store.catalog, self.store.vectors, None, progress)

    def _is_inside(self, path: str) -> bool:
        inside = any(path == root or is_below(path, root) for root, _ in self.roots)
        return inside and (self._forgotten is None or path not in self._forgotten)

    def _keep(self, digests: dict[bytes, int], vectors: Float32, tokens: Sequence[Int8 | None], *, text: bool) -> None:
        if digests:
            with self.store.catalog.batch() as batch:
                contents = Contents(batch).add(dict.fromkeys(digests, "text" if text else "image"))
                Meta(batch).set(SWEEP, "due")  # their items come later, or never
                Vectors(batch).add(self._row, {contents[digest]: vectors[at] for digest, at in digests.items()})
                own = {contents[digest]: found for digest, at in digests.items() if (found := tokens[at]) is not None}
                self._keep_tokens(batch, own)

    def _keep_tokens(self, batch: Transaction, tokens: dict[int, Int8]) -> None:
        """Of contents that have none."""
        if self.keeps_tokens:
            have = Tokens(batch).present(list(tokens), self._row)
            new = {number: own for number, own in tokens.items() if number not in have}
            Tokens(batch).add(self._row, new)
            self.taken.tokens += len(new)

    def _read(self, paths: Iterable[str]) -> None:
        """Bring files in as a run does; what has a vector is read for what it says of itself alone."""
        settings = IndexSettings()
        look_up = LookUp(self.store.catalog, self._row, settings.limits)
        decode = Decoder(self.encoder.identity.preprocessing, settings.limits)

        def read(candidate: Candidate) -> Prepared:
            found = look_up(candidate)
            return decode(found) if isinstance(found, ImageBytes) else found

        def there() -> Iterator[Candidate]:
            for path in paths:
                with suppress(OSError, ValueError):  # it went this moment; the next run knows
                    yield Candidate.at(path)

        with Ingest(self.store.catalog, self.encoder, self._row, self.report) as ingest:
            for one in read_ahead(there(), read, workers=settings.workers, ahead=2 * settings.workers):
                ingest.add([one])


def digest_as_given(image: GivenImage) -> bytes | None:
    """SHA-256 of a photograph's file; None where it is gone, b"" where it is another than is told."""
    digest = hashlib.sha256()
    try:
        with regular(image.path) as stream:
            now = os.fstat(stream.fileno())
            if image.size is not None and image.size != now.st_size:
                return b""
            if image.mtime_ns is not None and abs(image.mtime_ns - in_64_bits(now.st_mtime_ns)) > 1_000:
                return b""  # what is kept as a float is not told to the nanosecond
            while piece := stream.read(_PIECE):
                digest.update(piece)
    except (OSError, ValueError):
        return None
    return b"" if image.digest not in (None, digest.digest()) else digest.digest()


def is_turned(path: str) -> bool:
    """Whether a photograph is to be turned or mirrored to stand upright; not where it does not read."""
    try:
        data = read_file(Candidate.at(path), IndexSettings().limits)
        return orientation(open_image(data), data) != 1
    except (FileError, OSError, ValueError):
        return False


def _unit(vectors: Float32) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of (n, d) are of unit norm, (n,); NaN is not."""
    with np.errstate(over="ignore", invalid="ignore"):
        right: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.abs(np.vecdot(vectors, vectors) - 1) <= NORM_SLACK
    return right
