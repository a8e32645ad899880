"""What a person asks for: words, or an image."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from dataclasses import dataclass, field
from typing import Literal

from indexer import arguments
from indexer.arguments import checked, optional
from indexer.errors import EmptyQueryError, PathNotFoundError, UsageError
from indexer.paths import absolute
from indexer.reach import look_named
from indexer.text import composed
from indexer.types import Kind

Target = Literal["image", "text", "any"]
TARGETS: tuple[Target, ...] = ("image", "text", "any")

#: Longer than any question; what an encoder reads of a text is far less.
MAX_CHARACTERS = 100_000


#: An address. (One letter is a drive of Windows.) Compiled where it is needed: every query pays for this file.
_ADDRESS = r"(?i)[a-z][a-z0-9+.-]+://\S|data:[a-z]+/[a-z0-9.+-]+[;,]"


@dataclass(frozen=True, slots=True, init=False)
class Query:
    """What is asked for. Exactly one of the first three is given.

    `text`: words, whatever they look like; kept without control characters and superfluous spaces. `image`: the path
    of an image file; kept absolute. `image_bytes`: the content of an image file, as it comes from an upload or a pipe;
    `name` is what results call it.

    Raises TypeError, EmptyQueryError for a text without words, UsageError for one of more than MAX_CHARACTERS or a path
    that can be none, and PathNotFoundError for a path in a working folder that is gone.
    """

    text: str | None
    image: str | None
    image_bytes: bytes | None = field(repr=False)
    name: str

    @checked(
        text=optional(arguments.text),
        image=optional(arguments.path),
        image_bytes=optional(arguments.content),
        name=arguments.text,
    )
    def __init__(
        self,
        text: str | None = None,
        image: str | os.PathLike[str] | None = None,
        image_bytes: bytes | bytearray | memoryview | None = None,
        name: str = "(bytes)",
    ) -> None:
        if sum(given is not None for given in (text, image, image_bytes)) != 1:
            raise TypeError("A query is one of text, image (a path) and image_bytes; give exactly one.")
        object.__setattr__(self, "text", None if text is None else _clean(text))
        object.__setattr__(self, "image", None if image is None else absolute(image))
        object.__setattr__(self, "image_bytes", image_bytes)
        object.__setattr__(self, "name", name)

    @property
    def kind(self) -> Kind:
        """What it is, an image or a text."""
        return "text" if self.text is not None else "image"

    def __str__(self) -> str:
        return self.text or self.image or self.name


def image_query(path: str) -> Query:
    """A query by an image file, which has to be there. Raises PathNotFoundError or UsageError."""
    path = absolute(path)
    found = look_named(path, "The query image ")
    if found is None:
        from indexer.files.names import as_named  # its name may be written otherwise

        path = as_named(path)
    query = Query(image=path)
    assert query.image is not None
    if found is None and (found := look_named(query.image, "The query image ")) is None:
        raise PathNotFoundError(f"The query image {query.image} is not there; check the spelling.")
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"The query image {query.image} is not a file; name one photograph.")
    return query


def is_address(text: str) -> bool:
    """Whether this is an address (https:, file:, data: ...) and no word."""
    return ":" in text and re.match(_ADDRESS, text) is not None


def _clean(text: str) -> str:
    """Raises EmptyQueryError and UsageError."""
    if len(text) > MAX_CHARACTERS:
        raise UsageError(f"The query has {len(text):,} characters, and {MAX_CHARACTERS:,} are allowed; shorten it.")
    clean = composed(text.encode("utf-8", "replace").decode("utf-8"))
    clean = " ".join("".join(" " if unicodedata.category(char) == "Cc" else char for char in clean).split())
    if not clean:
        raise EmptyQueryError('The query is empty; say what to look for, as in "a red car".')
    return clean
