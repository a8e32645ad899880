"""What a person asks for: words, or an image."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from typing import Literal

from indexer.errors import EmptyQueryError, PathNotFoundError, UsageError
from indexer.images.sniff import IMAGE_SUFFIXES, SNIFFED_BYTES, sniff
from indexer.types import Kind

Target = Literal["image", "text", "any"]
TARGETS: tuple[Target, ...] = ("image", "text", "any")

#: Longer than any question; what an encoder reads of a text is far less.
MAX_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Query:
    """Exactly one of `text` and `image` (the path of an image file) is set."""

    text: str | None = None
    image: str | None = None

    @property
    def kind(self) -> Kind:
        """What it is, an image or a text."""
        return "text" if self.text is not None else "image"

    def __str__(self) -> str:
        return self.text if self.text is not None else self.image or ""


def text_query(text: str) -> Query:
    """A query by words. Raises EmptyQueryError, or UsageError when it is longer than MAX_CHARACTERS."""
    if len(text) > MAX_CHARACTERS:
        raise UsageError(f"The query has {len(text):,} characters, and {MAX_CHARACTERS:,} are allowed; shorten it.")
    clean = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    clean = " ".join("".join(" " if unicodedata.category(char) == "Cc" else char for char in clean).split())
    if not clean:
        raise EmptyQueryError('The query is empty; say what to look for, as in `search query "a red car"`.')
    return Query(text=clean)


def image_query(path: str) -> Query:
    """A query by an image file. Raises PathNotFoundError or UsageError."""
    path = os.path.abspath(os.path.expanduser(path))
    if not os.path.exists(path):
        raise PathNotFoundError(f"The query image {path} is not there; check the spelling.")
    if not os.path.isfile(path):
        raise UsageError(f"The query image {path} is not a file; name one photograph.")
    return Query(image=path)


def parse(argument: str) -> Query:
    """Words, or an image when the argument is the path of one.

    A name that ends like an image's and is no file is taken for a mistyped path, not for words.
    Raises EmptyQueryError, PathNotFoundError or UsageError.
    """
    if not argument.strip():
        return text_query(argument)
    path = os.path.expanduser(argument)
    is_named_so = os.path.splitext(argument)[1].lower() in IMAGE_SUFFIXES
    if len(argument) < 4_096 and "\0" not in argument and os.path.isfile(path):
        if is_named_so or _is_image(path):
            return image_query(path)
    elif is_named_so:
        raise PathNotFoundError(
            f"The query image {argument} is not there; check the spelling, or use --text to search for these words."
        )
    return text_query(argument)


def _is_image(path: str) -> bool:
    try:
        with open(path, "rb") as stream:
            return sniff(stream.read(SNIFFED_BYTES)) is not None
    except OSError:
        return False
