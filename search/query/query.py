"""What a person asks for: words, or an image."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass, field
from typing import Literal

from indexer.errors import EmptyQueryError, PathNotFoundError, UsageError
from indexer.paths import absolute
from indexer.types import Kind

Target = Literal["image", "text", "any"]
TARGETS: tuple[Target, ...] = ("image", "text", "any")

#: Longer than any question; what an encoder reads of a text is far less.
MAX_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for. Exactly one of the first three is given.

    `text`: words, whatever they look like; kept without control characters and superfluous spaces. `image`: the path
    of an image file; kept absolute. `image_bytes`: the content of an image file, as it comes from an upload or a pipe;
    `name` is what results call it.

    Raises TypeError, EmptyQueryError for a text without words, UsageError for one of more than MAX_CHARACTERS, and
    PathNotFoundError for a path in a working folder that is gone.
    """

    text: str | None = None
    image: str | None = None
    image_bytes: bytes | None = field(default=None, repr=False)
    name: str = "(bytes)"

    def __post_init__(self) -> None:
        wanted = (("text", self.text, str), ("image", self.image, str), ("image_bytes", self.image_bytes, bytes))
        given = [(field, value, kind) for field, value, kind in wanted if value is not None]
        if len(given) != 1:
            raise TypeError("A query is one of text, image (a path) and image_bytes; give exactly one.")
        ((what, value, kind),) = given
        if not isinstance(value, kind):
            raise TypeError(f"`{what}` of a query is a {kind.__name__}, not a {type(value).__name__}.")
        if self.text is not None:
            object.__setattr__(self, "text", _clean(self.text))
        elif self.image is not None:
            object.__setattr__(self, "image", absolute(self.image))

    @property
    def kind(self) -> Kind:
        """What it is, an image or a text."""
        return "text" if self.text is not None else "image"

    def __str__(self) -> str:
        return self.text or self.image or self.name


def image_query(path: str) -> Query:
    """A query by an image file, which has to be there. Raises PathNotFoundError or UsageError."""
    path = absolute(path)
    if not os.path.exists(path):
        from indexer.files.names import as_named  # its name may be written otherwise

        path = as_named(path)
    query = Query(image=path)
    assert query.image is not None
    if not os.path.exists(query.image):
        raise PathNotFoundError(f"The query image {query.image} is not there; check the spelling.")
    if not os.path.isfile(query.image):
        raise UsageError(f"The query image {query.image} is not a file; name one photograph.")
    return query


def _clean(text: str) -> str:
    """Raises EmptyQueryError and UsageError."""
    if len(text) > MAX_CHARACTERS:
        raise UsageError(f"The query has {len(text):,} characters, and {MAX_CHARACTERS:,} are allowed; shorten it.")
    clean = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    clean = " ".join("".join(" " if unicodedata.category(char) == "Cc" else char for char in clean).split())
    if not clean:
        raise EmptyQueryError('The query is empty; say what to look for, as in "a red car".')
    return clean
