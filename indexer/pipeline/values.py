"""What passes between the stages of the pipeline: plain and frozen, fit to be sent to another process.

path --look up--> ImageBytes --decode--> NewImage, KnownImage --encode--> EncodedFile --write--> catalog
"""

from __future__ import annotations

from dataclasses import dataclass

from indexer.text import one_line
from indexer.types import Candidate, Caption, Float32, Int8, Metadata, Pixels, Said


@dataclass(frozen=True, slots=True)
class NewImage:
    """A photograph to encode. `pixels` (h, w, 3) uint8, as the encoder wants them; None when they are encoded.

    `problem`: a sentence about what of it is missing, where its file has lost its last few bytes.
    """

    candidate: Candidate
    digest: bytes
    metadata: Metadata
    pixels: Pixels | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class KnownImage:
    """A photograph whose content was encoded before, at this path or another.

    `pixels` (h, w, 3) uint8, as the encoder wants them, where tokens are wanted and it has none. `reread`: an older
    reader had read its metadata, and now they were read anew.
    """

    candidate: Candidate
    digest: bytes
    content_id: int
    metadata: Metadata | None
    pixels: Pixels | None = None
    reread: bool = False


@dataclass(frozen=True, slots=True)
class ImageBytes:
    """A photograph's file, of which something is to be read.

    `known`: what is kept of it; None for a new one, of which everything is wanted. `metadata`, `pixels`: what is wanted
    of a known one.
    """

    candidate: Candidate
    digest: bytes
    data: bytes
    known: KnownImage | None = None
    metadata: bool = True
    pixels: bool = True


@dataclass(frozen=True, slots=True)
class CaptionFile:
    """Texts about images. `problems`: sentences about rows that were left out. `said`: what it says besides of the
    photograph at the path `about`."""

    candidate: Candidate
    digest: bytes
    captions: tuple[Caption, ...]
    problems: tuple[str, ...]
    said: Said | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Neither an image nor captions. `settled` False: look at it again on every run."""

    candidate: Candidate
    settled: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be read. `passing`: the trouble lies outside the file and may pass."""

    candidate: Candidate
    reason: str
    passing: bool

    @classmethod
    def unexpected(cls, candidate: Candidate, error: Exception) -> Failed:
        """A file over which our own program stumbled: nothing in it may end a run. What is indexed of it stays."""
        said = one_line(f"{type(error).__name__}: {error}", 200)
        return cls(candidate, f"an unexpected error ({said}); please report it", passing=True)


Prepared = NewImage | KnownImage | CaptionFile | Ignored | Failed


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """A file to write, without pixels. `vector` (d,) float32, unit norm, and `tokens` (t, w) int8: None where nothing
    was encoded, or no tokens are kept."""

    file: Prepared
    vector: Float32 | None = None
    tokens: Int8 | None = None


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text to write, by its `digest`; `vector` and `tokens` as of `EncodedFile`."""

    digest: bytes
    vector: Float32
    tokens: Int8 | None


def texts_of(file: Prepared) -> list[tuple[str, str | None]]:
    """(text, path of the image that it is about) of a file."""
    if isinstance(file, CaptionFile):
        return [(caption.text, caption.about) for caption in file.captions]
    if isinstance(file, NewImage | KnownImage) and file.metadata is not None:
        return [(text, file.candidate.path) for text in own_texts(file.metadata)]
    return []


def own_texts(metadata: Metadata) -> list[str]:
    """What a photograph says of itself in words."""
    keywords = ", ".join(metadata.keywords)
    return [*metadata.captions, *([keywords] if keywords else [])]
